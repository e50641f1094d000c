#!/usr/bin/env python3
"""Writes goldens.json beside this file: what other implementations compute, for the tests in tests/kernels.

Needs numpy and gguf (dequantisation by the ggml project's own Python package), and torch (activations).
    python3 make_goldens.py
"""
import json
from pathlib import Path

import gguf
import numpy as np
import torch

rng = np.random.default_rng(20240607)


def floats(values):
    """Each as the shortest text that reads back as the same f32."""
    return [float(str(np.float32(v))) for v in np.asarray(values).ravel()]


# Dequantisation: random blocks with plausible scales, as gguf reads them. Results by their bits.

def random_blocks(kind, n_blocks):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (n_blocks, size), dtype=np.uint8)
    scales = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
              "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "F16": [0]}.get(kind.name, [])
    for at in scales:
        half = (rng.standard_normal(n_blocks) * 0.02).astype(np.float16)
        half[0] = np.float16(6.1e-6)  # subnormal
        blocks[:, at:at + 2] = half.view(np.uint8).reshape(n_blocks, 2)
    if kind.name in ("F32", "BF16"):
        plain = rng.standard_normal(n_blocks).astype(np.float32)
        high = plain.view(np.uint8).reshape(n_blocks, 4)
        blocks = high if kind.name == "F32" else np.ascontiguousarray(high[:, 2:])
    return blocks


def dequantisation():
    result = {}
    for name in ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]:
        kind = gguf.GGMLQuantizationType[name]
        elements = gguf.GGML_QUANT_SIZES[kind][0]
        blocks = random_blocks(kind, {1: 24, 32: 6, 256: 3}[elements])
        if name == "F32":
            values = blocks.view(np.float32)
        elif name == "F16":
            values = blocks.view(np.float16).astype(np.float32)
        else:
            values = gguf.quants.dequantize(blocks.reshape(-1), kind)
        values = np.ascontiguousarray(values, dtype=np.float32).ravel()
        result[name.lower()] = {"bytes": blocks.tobytes().hex(), "bits": values.view(np.uint32).tolist()}
    return result


# Rotary embedding: complex multiplication in f64, from the definition.

def rotation():
    head_dim, n_heads, base = 16, 2, 10000.0
    frequencies = np.float32(base ** (-np.arange(0, head_dim, 2) / head_dim))
    positions = [0, 1, 7, 1000]
    x = np.float32(rng.standard_normal((len(positions), n_heads, head_dim)))
    turn = np.exp(1j * np.outer(positions, frequencies.astype(np.float64)))[:, None, :]
    pairs = x.astype(np.float64)
    interleaved = (pairs[..., 0::2] + 1j * pairs[..., 1::2]) * turn
    halves = (pairs[..., :head_dim // 2] + 1j * pairs[..., head_dim // 2:]) * turn
    return {
        "head_dim": head_dim, "n_heads": n_heads, "positions": positions,
        "inverse_frequencies": floats(frequencies), "x": floats(x),
        "interleaved": floats(np.stack([interleaved.real, interleaved.imag], -1)),
        "halves": floats(np.concatenate([halves.real, halves.imag], -1)),
    }


def activations():
    gate = torch.tensor(np.concatenate([rng.standard_normal(40) * 4, [0, -0.0, 30, -30, 100, -100, 1e-6]]))
    up = torch.tensor(rng.standard_normal(len(gate)))
    gate, up = gate.float(), up.float()
    silu = torch.nn.functional.silu(gate.double()) * up.double()
    gelu = torch.nn.functional.gelu(gate.double(), approximate="tanh") * up.double()
    return {"gate": floats(gate), "up": floats(up), "silu": floats(silu), "gelu_tanh": floats(gelu)}


# Sampling: by a full sort, in f64, with Philox in Python's integers.

def philox(counter, key):
    mask = 0xFFFFFFFF
    c, k = list(counter), list(key)
    for i in range(10):
        if i > 0:
            k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & mask, (p0 >> 32) ^ c[3] ^ k[1], p0 & mask]
    return c


def draw(seed, choice, position):
    words = philox([position, choice, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])
    return ((words[0] << 32 | words[1]) >> 11) / 2.0 ** 53


class TooClose(Exception):
    """A threshold lies so near a running sum that f32 and f64 may disagree."""


def apart(a, b):
    if np.any(np.abs(np.asarray(a) - b) < 3e-6 * max(abs(b), 1e-3)):
        raise TooClose


def sample(logits, p, position):
    x = logits.astype(np.float64)
    for token, generated in p["history"]:
        r = p["repetition_penalty"]
        x[token] = x[token] / r if x[token] > 0 else x[token] * r
        if generated:
            x[token] -= p["presence_penalty"] + p["frequency_penalty"] * generated
    for token, bias in p["logit_bias"]:
        x[token] += bias
    x[p["banned"]] = -np.inf
    if p["temperature"] == 0:
        return int(np.argmax(x))
    order = np.lexsort((np.arange(len(x)), -x))
    if p["top_k"]:
        order = order[:p["top_k"]]
    weights = np.exp((x[order] - x[order[0]]) / p["temperature"])
    if p["top_p"] < 1:
        sums = np.cumsum(weights) / weights.sum()
        apart(sums, p["top_p"])
        n = int(np.searchsorted(sums, p["top_p"])) + 1
        order, weights = order[:n], weights[:n]
    if p["min_p"] > 0:
        apart(weights[1:], p["min_p"])
    keep = weights >= p["min_p"]
    order, weights = order[keep], weights[keep]
    by_id = np.argsort(order)
    order, weights = order[by_id], weights[by_id]
    sums = np.cumsum(weights)
    target = draw(p["seed"], p["choice"], position) * sums[-1]
    apart(sums, target)
    return int(order[np.searchsorted(sums, target, side="right")])


NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "presence_penalty": 0.0,
           "frequency_penalty": 0.0, "repetition_penalty": 1.0, "logit_bias": [], "history": [],
           "banned": [], "seed": 1, "choice": 0}


def sampling():
    n = 400
    rows = [np.float32(rng.standard_normal(n) * 3), np.float32(np.round(rng.standard_normal(n) * 8) / 4),
            np.float32(rng.standard_normal(n) * 0.1)]
    history = [[int(t), int(c)] for t, c in zip(rng.choice(n, 60, replace=False), rng.integers(0, 4, 60))]
    best = [int(t) for t in np.argsort(-rows[0])[:6]]
    variants = [
        {}, {"temperature": 0.0}, {"temperature": 0.5}, {"temperature": 1.75, "seed": 2 ** 63 + 12345},
        {"top_k": 1}, {"top_k": 7}, {"top_k": 50, "choice": 3}, {"top_k": 1000}, {"top_p": 0.9}, {"top_p": 0.25},
        {"top_p": 0.0}, {"top_p": 0.99}, {"min_p": 0.1}, {"min_p": 1.0}, {"top_k": 40, "top_p": 0.8, "min_p": 0.05},
        {"top_k": 40, "top_p": 0.95, "temperature": 0.7, "seed": 99},
        {"repetition_penalty": 1.3, "history": history}, {"presence_penalty": 1.5, "history": history},
        {"frequency_penalty": 0.75, "history": history, "top_p": 0.7},
        {"frequency_penalty": -0.5, "presence_penalty": 0.5, "repetition_penalty": 1.1, "history": history,
         "temperature": 0.0},
        {"banned": best, "temperature": 0.0}, {"banned": best, "top_k": 5},
        {"logit_bias": [[best[0], -100.0], [17, 6.5]], "top_p": 0.9},
    ]
    cases = []
    for row, logits in enumerate(rows):
        for variant in variants:
            params = {**NEUTRAL, **variant}
            expected = []
            position = 0
            while len(expected) < 12:
                try:
                    expected.append([position, sample(logits, params, position)])
                except TooClose:
                    pass
                position += 1
                if position > 200:
                    raise SystemExit(f"no clear draw for {variant}")
            cases.append({"row": row, "params": params, "expected": expected})
    logprobs = []
    for row, logits in enumerate(rows):
        x = logits.astype(np.float64)
        x = x - x.max()
        x -= np.log(np.exp(x).sum())
        order = np.lexsort((np.arange(n), -x))[:20]
        logprobs.append({"row": row, "token": 5, "logprob": x[5], "ids": order.tolist(), "top": x[order].tolist()})
    draws = [[s, c, p, draw(s, c, p)] for s, c, p in [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 0, 1), (2 ** 40, 15, 8191)]]
    return {"rows": [floats(r) for r in rows], "cases": cases, "logprobs": logprobs, "draws": draws}


# The known-answer vectors of Random123's tests/kat_vectors check the Python Philox as well.
assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
assert philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]

goldens = {"dequantisation": dequantisation(), "rotation": rotation(), "activations": activations(),
           "sampling": sampling()}
Path(__file__).with_name("goldens.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
