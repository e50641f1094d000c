"""What transformers answers on the real models.

usage: python make_real_goldens.py smollm2|gemma3-270m FILE.gguf      (needs torch, transformers 5, gguf,
       tokenizers, sentencepiece, and minutes; --check compares with transformers' own reading of the file)
"""
import json
import pathlib
import sys

import gguf
import numpy as np
import torch
import transformers

import gguf_weights
import prompts
import tokenizers_from_gguf

HERE = pathlib.Path(__file__).parent
LOGIT_STRIDE = 16  # every 16th logit of the prompt's last position is stored, for the prompts of LOGIT_CASES


def value(reader, key):
    architecture = reader.fields["general.architecture"].contents()
    return reader.fields[f"{architecture}.{key}"].contents()


def shape(reader):
    return dict(hidden_size=value(reader, "embedding_length"), intermediate_size=value(reader, "feed_forward_length"),
                num_hidden_layers=value(reader, "block_count"),
                num_attention_heads=value(reader, "attention.head_count"),
                num_key_value_heads=value(reader, "attention.head_count_kv"),
                max_position_embeddings=value(reader, "context_length"),
                rms_norm_eps=value(reader, "attention.layer_norm_rms_epsilon"),
                vocab_size=len(reader.fields["tokenizer.ggml.tokens"].data), tie_word_embeddings=True,
                attn_implementation="eager")


def smollm2(reader):
    rope = {"rope_type": "default", "rope_theta": value(reader, "rope.freq_base")}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape(reader), rope_parameters=rope))


def gemma3(reader):
    rope = {"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "default", "rope_theta": value(reader, "rope.freq_base")}}
    head_dim = value(reader, "attention.key_length")
    config = transformers.Gemma3TextConfig(
        **shape(reader), rope_parameters=rope, head_dim=head_dim, query_pre_attn_scalar=head_dim,
        sliding_window=value(reader, "attention.sliding_window"))
    return transformers.Gemma3ForCausalLM(config)


def smollm2_prompts(encode):
    chats = ["".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in chat) + "<|im_start|>assistant\n"
             for chat in prompts.CHATS]
    return [encode(text) for text in prompts.TEXTS + chats + prompts.LONG]


def gemma3_prompts(encode):
    # The last is longer than the window of 512.
    return [encode(text) for text in prompts.TEXTS[::5] + prompts.LONG[2:] + prompts.LONG[:1]] + [
        encode(prompts.LONG[0] + prompts.LONG[1])]


MODELS = {  # build, prompts, tokenizer, greedy tokens, cases whose logits are stored
    "smollm2": (smollm2, smollm2_prompts, tokenizers_from_gguf.smollm, 64, [0, 20, 27, 43, 46]),
    "gemma3-270m": (gemma3, gemma3_prompts, tokenizers_from_gguf.gemma, 32, [0, 11]),
}


@torch.no_grad()
def greedy(model, prompt, n_tokens):
    """One sequence, float32, with transformers' KV cache: tokens, margins, the prompt's last logits."""
    ids, cache, tokens, margins, first = torch.tensor([prompt]), transformers.DynamicCache(config=model.config), [], [], None
    for _ in range(n_tokens):
        logits = model(ids, cache=cache, use_cache=True, logits_to_keep=1).logits[0, -1]
        first = logits if first is None else first
        best = torch.topk(logits, 2)
        tokens.append(int(best.indices[0]))
        margins.append(float(best.values[0] - best.values[1]))
        ids = torch.tensor([[tokens[-1]]])
    return tokens, margins, first.numpy()


def check(model, path):
    """transformers reads GGUF files too, by other code."""
    other = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    for name, weight in model.state_dict().items():
        difference = (weight - other.state_dict()[name]).abs().max().item()
        if difference > 1e-6:
            print(f"{name}: differs by {difference}")
    mine, theirs = model.config.to_dict(), other.config.to_dict()
    print({key: (mine[key], theirs.get(key)) for key in mine if mine[key] != theirs.get(key)})


def main(name, path, *options):
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    path = pathlib.Path(path)
    reader = gguf.GGUFReader(path)
    build, make_prompts, tokenizer, n_tokens, logit_cases = MODELS[name]
    model = gguf_weights.fill(build(reader), gguf_weights.read(reader))
    if "--check" in options:
        return check(model, path)
    cases, logits = [], []
    for i, prompt in enumerate(make_prompts(tokenizer(reader))):
        tokens, margins, first = greedy(model, prompt, n_tokens)
        print(f"{i}: {len(prompt)} + {n_tokens}, smallest margin {min(margins):.4f}", flush=True)
        cases.append({"prompt": prompt, "tokens": tokens, "margins": [round(m, 4) for m in margins]})
        if i in logit_cases:
            logits.append(first[::LOGIT_STRIDE])
    goldens = {"vocab": model.config.vocab_size, "logit_stride": LOGIT_STRIDE, "logit_cases": logit_cases, "cases": cases}
    (HERE / f"{name}.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
    np.stack(logits).astype("<f4").tofile(HERE / f"{name}.f32")


if __name__ == "__main__":
    main(*sys.argv[1:])
