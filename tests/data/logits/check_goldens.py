"""Checks the goldens by other code than made them.

usage: python check_goldens.py      (needs numpy, safetensors; torch, transformers 5 and gguf for the GGUF files)

The Llama and Mistral folders: a forward pass in numpy, float64, written from the papers' formulas. The GGUF files:
transformers' own reader, which maps, permutes and dequantises by itself.
"""
import json
import math
import pathlib

import numpy as np
import safetensors.torch
import torch
import transformers

import gguf_models
import hf_models

HERE = pathlib.Path(__file__).parent


def inverse_frequencies(config, head_dim):
    """Rotary frequencies with the published scalings, and what YaRN multiplies sine and cosine with."""
    rope = config.get("rope_parameters") or dict(config["rope_scaling"] or {}, rope_theta=config["rope_theta"])
    plain = rope["rope_theta"] ** (-np.arange(0, head_dim, 2) / head_dim)
    kind, factor = rope.get("rope_type", "default"), rope.get("factor", 1.0)
    if kind == "default":
        return plain, 1.0
    if kind == "linear":
        return plain / factor, 1.0
    original = rope["original_max_position_embeddings"]
    turns = original * plain / (2 * math.pi)  # of each pair over the original context
    if kind == "llama3":
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        kept = np.clip((turns - low) / (high - low), 0, 1)
        return plain * kept + plain / factor * (1 - kept), 1.0
    # YaRN: a ramp over the pairs' indices, between those that turn 32 times and once over the original context.
    pair_of = lambda count: head_dim * math.log(original / (count * 2 * math.pi)) / (2 * math.log(rope["rope_theta"]))
    low, high = max(math.floor(pair_of(32)), 0), min(math.ceil(pair_of(1)), head_dim - 1)
    kept = 1 - np.clip((np.arange(head_dim // 2) - low) / (high - low), 0, 1)
    return plain * kept + plain / factor * (1 - kept), 0.1 * math.log(factor) + 1


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate(x, angles, magnitude):
    """x: [n_tokens, n_heads, head_dim], in halves."""
    a, b = np.split(x, 2, axis=-1)
    cos, sin = np.cos(angles)[:, None] * magnitude, np.sin(angles)[:, None] * magnitude
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def attention(q, k, v, window):
    n, group = len(q), q.shape[1] // k.shape[1]
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(q.shape[-1])
    age = np.arange(n)[:, None] - np.arange(n)[None]
    scores = np.where((age < 0) | (age >= (window or n)), -np.inf, scores)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return np.einsum("hij,jhd->ihd", weights, v).reshape(n, -1)


def forward(config, weights, ids):
    """Logits of every position of a Llama or Mistral."""
    head_dim, eps = config["head_dim"], config["rms_norm_eps"]
    frequencies, magnitude = inverse_frequencies(config, head_dim)
    angles = np.arange(len(ids))[:, None] * frequencies
    x = weights["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        weight = lambda name: weights[f"model.layers.{layer}.{name}.weight"]
        y = rms_norm(x, weight("input_layernorm"), eps)
        q, k, v = ((y @ weight(f"self_attn.{part}_proj").T).reshape(len(ids), -1, head_dim) for part in "qkv")
        y = attention(rotate(q, angles, magnitude), rotate(k, angles, magnitude), v, config.get("sliding_window"))
        x = x + y @ weight("self_attn.o_proj").T
        y = rms_norm(x, weight("post_attention_layernorm"), eps)
        gate = y @ weight("mlp.gate_proj").T
        y = gate / (1 + np.exp(-gate)) * (y @ weight("mlp.up_proj").T)
        x = x + y @ weight("mlp.down_proj").T
    output = "model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"
    return rms_norm(x, weights["model.norm.weight"], eps) @ weights[output].T


def compare(name, logits_of):
    """logits_of(ids) gives the logits of every position."""
    goldens = json.loads((HERE / f"{name}.json").read_text())
    steps = goldens["logit_steps"]
    stored = np.fromfile(HERE / f"{name}.f32", "<f4").reshape(len(goldens["cases"]), len(steps), goldens["vocab"])
    error, tightest = 0.0, math.inf
    for case, expected in zip(goldens["cases"], stored):
        prompt, tokens = case["prompt"], case["tokens"]
        logits = logits_of(prompt + tokens[:-1])[len(prompt) - 1:]
        error = max(error, np.abs(logits[steps] - expected).max() / np.abs(expected).max())
        ranked = np.sort(logits, axis=-1)
        for token, row, margin in zip(tokens, logits, ranked[:, -1] - ranked[:, -2]):
            tightest = min(tightest, margin)
            assert row.argmax() == token, (name, len(prompt), margin)
        assert np.allclose(ranked[:, -1] - ranked[:, -2], case["margins"], atol=2e-4)
    print(f"{name}: relative error {error:.1e}, tokens equal, smallest margin {tightest:.1e}")
    assert error < 1e-5


def check_folder(folder):
    weights = {}
    for file in folder.glob("*.safetensors"):
        weights |= {name: w.double().numpy() for name, w in safetensors.torch.load_file(file).items()}
    config = json.loads((folder / "config.json").read_text())
    compare(folder.name, lambda ids: forward(config, weights, ids))


@torch.no_grad()
def check_gguf(path):
    """Tensors by transformers' reader. The configuration is ours: it ignores several keys, and rope_freqs."""
    kind, changes, _, _ = gguf_models.MODELS[path.stem]
    if kind == "Mixtral":
        print(f"{path.stem}: transformers reads no experts from a \"llama\" file")
        return
    model = transformers.AutoModelForCausalLM.from_pretrained(
        HERE, gguf_file=path.name, config=hf_models.configuration(kind, changes), dtype=torch.float32,
        attn_implementation="eager")
    compare(path.stem, lambda ids: model(torch.tensor([ids]), use_cache=False).logits[0].numpy())


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    for folder in sorted(HERE.iterdir()):
        if folder.is_dir() and folder.name.startswith(("llama", "mistral")):
            check_folder(folder)
    for path in sorted(HERE.glob("*.gguf")):
        check_gguf(path)
