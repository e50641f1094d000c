"""What is stored of a model's answers: greedy tokens, their margins, and logits."""
import json

import numpy as np
import torch

LENGTHS = [1, 7, 33, 65, 130]  # cross pages of 32 tokens, blocks of 128, and every window
N_TOKENS = 24
LOGIT_STEPS = [0, 1, 23]  # the logits that choose these of the tokens are stored in full


def prompts(vocab, seed):
    random = np.random.default_rng(seed)
    return [random.integers(0, vocab, length).tolist() for length in LENGTHS]


@torch.no_grad()
def greedy(model, prompt, n_tokens):
    """Tokens, margin of the best over the second best logit at each, and the logits, [n_tokens, vocab].

    One sequence, computed from the beginning for each token: no cache that could be wrong.
    """
    ids, tokens, margins, rows = list(prompt), [], [], []
    for _ in range(n_tokens):
        logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
        best = torch.topk(logits, 2)
        tokens.append(int(best.indices[0]))
        margins.append(float(best.values[0] - best.values[1]))
        rows.append(logits.numpy().astype("<f4"))
        ids.append(tokens[-1])
    return tokens, margins, np.stack(rows)


def write_goldens(model, stem, seed):
    """stem.json (prompts, tokens, margins) and stem.f32 ([cases, len(LOGIT_STEPS), vocab], little endian)."""
    vocab = model.config.vocab_size
    cases, stored = [], []
    for prompt in prompts(vocab, seed):
        tokens, margins, rows = greedy(model, prompt, N_TOKENS)
        cases.append({"prompt": prompt, "tokens": tokens, "margins": [round(m, 5) for m in margins]})
        stored.append(rows[LOGIT_STEPS])
    goldens = {"vocab": vocab, "logit_steps": LOGIT_STEPS, "cases": cases}
    stem.with_name(stem.name + ".json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
    np.stack(stored).tofile(stem.with_name(stem.name + ".f32"))
    margins = [m for case in cases for m in case["margins"]]
    print(f"{stem.name}: largest logit {np.abs(np.stack(stored)).max():.2f}, "
          f"smallest margin {min(margins):.4f}, {len(set(t for c in cases for t in c['tokens']))} different tokens")
