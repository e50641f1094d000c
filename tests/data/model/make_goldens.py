"""Writes goldens.json: what transformers and the gguf package find in the models of ../logits, and rotary
frequencies as transformers computes them.

    python make_goldens.py

needs torch, transformers 5 and gguf. Weights are told apart by the CRC-32 of their bytes, listed under the role they
have in transformers' modules (or gguf's MODEL_TENSOR), not under a name that the reader under test knows.
"""

import json
import pathlib
import zlib

import gguf
import torch
import transformers

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "logits"


def crc(tensor):
    return zlib.crc32(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes())


def numbers(tensor):
    return [float(x) for x in tensor.detach().float()]


def ropes_of(model):
    rotary = model.model.rotary_emb
    if hasattr(rotary, "inv_freq"):
        return [{"inverse_frequencies": numbers(rotary.inv_freq), "magnitude": rotary.attention_scaling}]
    return [
        {
            "inverse_frequencies": numbers(getattr(rotary, f"{kind}_inv_freq")),
            "magnitude": getattr(rotary, f"{kind}_attention_scaling"),
        }
        for kind in ("full_attention", "sliding_attention")
    ]


def window_of(attention, config):
    window = getattr(attention, "sliding_window", getattr(config, "sliding_window", None))
    return window if window is not None else 0


ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "attention_output": "o_proj", "q_norm": "q_norm", "k_norm": "k_norm"}
FFN = {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}


def layer_weights(layer, gemma):
    out = {}
    norms = {"attention_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
    if gemma:
        norms = {
            "attention_norm": "input_layernorm",
            "post_attention_norm": "post_attention_layernorm",
            "ffn_norm": "pre_feedforward_layernorm",
            "post_ffn_norm": "post_feedforward_layernorm",
        }
    for role, name in norms.items():
        out[role] = crc(getattr(layer, name).weight)
    for role, name in ATTENTION.items():
        part = getattr(layer.self_attn, name, None)
        if part is None:
            continue
        out[role] = crc(part.weight)
        if getattr(part, "bias", None) is not None:
            out[role + "_bias"] = crc(part.bias)
    if hasattr(layer.mlp, "experts"):
        experts = layer.mlp.experts
        out["router"] = crc(layer.mlp.gate.weight)
        half = experts.gate_up_proj.shape[1] // 2  # gate above up
        for i in range(experts.gate_up_proj.shape[0]):
            out[f"expert_gate.{i}"] = crc(experts.gate_up_proj[i, :half])
            out[f"expert_up.{i}"] = crc(experts.gate_up_proj[i, half:])
            out[f"expert_down.{i}"] = crc(experts.down_proj[i])
    else:
        for role, name in FFN.items():
            out[role] = crc(getattr(layer.mlp, name).weight)
    return out


def hf_golden(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto", attn_implementation="eager")
    config = model.config
    layers = model.model.layers
    attention = layers[0].self_attn
    norm = layers[0].input_layernorm
    gemma = hasattr(layers[0], "pre_feedforward_layernorm")
    out = {
        "architecture": config.architectures[0],
        "n_layers": len(layers),
        "dim": config.hidden_size,
        "n_heads": config.num_attention_heads,
        "n_kv_heads": config.num_key_value_heads,
        "head_dim": attention.head_dim,
        "vocab_size": config.vocab_size,
        "norm_eps": getattr(norm, "eps", None) or norm.variance_epsilon,
        "norm_offset": 1 if gemma else 0,
        "embedding_scale": config.hidden_size**0.5 if gemma else 1,
        "attention_scale": attention.scaling,
        "tied": model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr(),
        "windows": [window_of(layer.self_attn, config) for layer in layers],
        "rope_of_layer": [int(gemma and window_of(layer.self_attn, config) > 0) for layer in layers],
        "ropes": ropes_of(model),
        "end_tokens": torch.tensor(model.generation_config.eos_token_id).flatten().tolist(),
        "token_embedding": crc(model.model.embed_tokens.weight),
        "output": crc(model.lm_head.weight),
        "output_norm": crc(model.model.norm.weight),
        "layers": [layer_weights(layer, gemma) for layer in layers],
        "n_parameters": sum(p.numel() for p in model.parameters()),
    }
    return out


T = gguf.MODEL_TENSOR
GGUF_ROLES = {
    T.ATTN_NORM: "attention_norm", T.ATTN_Q: "q", T.ATTN_K: "k", T.ATTN_V: "v", T.ATTN_OUT: "attention_output",
    T.ATTN_Q_NORM: "q_norm", T.ATTN_K_NORM: "k_norm", T.ATTN_POST_NORM: "post_attention_norm",
    T.FFN_NORM: "ffn_norm", T.FFN_GATE: "gate", T.FFN_UP: "up", T.FFN_DOWN: "down", T.FFN_POST_NORM: "post_ffn_norm",
    T.FFN_GATE_INP: "router", T.FFN_GATE_EXP: "expert_gate", T.FFN_UP_EXP: "expert_up", T.FFN_DOWN_EXP: "expert_down",
}  # fmt: skip


def gguf_golden(path):
    reader = gguf.GGUFReader(path)
    value = lambda key: reader.fields[key].contents()
    architecture = value("general.architecture")
    n_layers = value(f"{architecture}.block_count")
    layers = [{} for _ in range(n_layers)]
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    for i in range(n_layers):
        for kind, role in GGUF_ROLES.items():
            for suffix in ("weight", "bias"):
                tensor = tensors.get(gguf.TENSOR_NAMES[kind].format(bid=i) + "." + suffix)
                if tensor is None:
                    continue
                data = tensor.data.view("uint8")
                if role.startswith("expert_"):
                    for expert in range(tensor.shape[-1]):
                        layers[i][f"{role}.{expert}"] = zlib.crc32(data[expert].tobytes())
                else:
                    name = role if suffix == "weight" else role + "_bias"
                    layers[i][name] = zlib.crc32(data.tobytes())
    weight = lambda name: zlib.crc32(tensors[name].data.tobytes())
    return {
        "architecture": architecture,
        "n_layers": n_layers,
        "dim": value(f"{architecture}.embedding_length"),
        "n_heads": value(f"{architecture}.attention.head_count"),
        "n_kv_heads": value(f"{architecture}.attention.head_count_kv"),
        "vocab_size": int(tensors["token_embd.weight"].shape[1]),
        "tied": "output.weight" not in tensors,
        "token_embedding": weight("token_embd.weight"),
        "output": weight("output.weight" if "output.weight" in tensors else "token_embd.weight"),
        "output_norm": weight("output_norm.weight"),
        "layers": layers,
        "n_parameters": sum(int(t.n_elements) for t in reader.tensors if t.name != "rope_freqs.weight"),
    }


ROPES = {
    "llama2": dict(rope_type="default", rope_theta=10000.0),
    "llama3.1": dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192),
    "deepseek-coder": dict(rope_type="linear", rope_theta=100000.0, factor=4.0),
    "qwen2.5-yarn": dict(rope_type="yarn", rope_theta=1000000.0, factor=4.0, original_max_position_embeddings=32768),
    "yarn-untruncated": dict(rope_type="yarn", rope_theta=150000.0, factor=32.0, original_max_position_embeddings=4096, beta_fast=32.0, beta_slow=1.0, truncate=False),
    "yarn-mscale": dict(rope_type="yarn", rope_theta=10000.0, factor=40.0, original_max_position_embeddings=4096, beta_fast=24.0, beta_slow=2.0, mscale=1.0, mscale_all_dim=0.7),
    "yarn-attention-factor": dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, original_max_position_embeddings=2048, attention_factor=1.3),
    "dynamic": dict(rope_type="dynamic", rope_theta=10000.0, factor=2.0),
}  # fmt: skip


def rope_golden(parameters):
    config = transformers.LlamaConfig(
        hidden_size=128, num_attention_heads=1, max_position_embeddings=131072, rope_parameters=dict(parameters)
    )
    rotary = transformers.models.llama.modeling_llama.LlamaRotaryEmbedding(config)
    return {
        "rope_parameters": parameters,
        "inverse_frequencies": numbers(rotary.inv_freq),
        "magnitude": rotary.attention_scaling,
    }


def main():
    folders = sorted(path.parent for path in MODELS.glob("*/config.json"))
    goldens = {
        "made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
        "folders": {folder.name: hf_golden(folder) for folder in folders},
        "gguf": {path.name: gguf_golden(path) for path in sorted(MODELS.glob("*.gguf"))},
        "ropes": {name: rope_golden(parameters) for name, parameters in ROPES.items()},
    }
    (HERE / "goldens.json").write_text(json.dumps(goldens, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
