"""Small random models, one for each thing that an architecture does differently, as Hugging Face folders."""
import json
import math
import pathlib

import torch
import transformers

VOCAB = 96
# n_heads * head_dim differs from dim on purpose: a matrix taken for another one then has the wrong shape.
BASE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=16, max_position_embeddings=256, rms_norm_eps=1e-5,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
            bos_token_id=1, eos_token_id=2, pad_token_id=0)
LLAMA3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
QWEN3_MOE = dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=32, rms_norm_eps=1e-6)
GEMMA3 = dict(
    num_hidden_layers=5, intermediate_size=48, num_attention_heads=2, num_key_value_heads=1, rms_norm_eps=1e-6,
    layer_types=["sliding_attention"] * 4 + ["full_attention"], sliding_window=20, query_pre_attn_scalar=24,
    rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                     "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0}})

# name: (class, changes to BASE, type of the saved weights, how it is saved)
MODELS = {
    "llama": ("Llama", {}, "bfloat16", {}),
    "llama-tied-f16": ("Llama", dict(tie_word_embeddings=True), "float16", {}),
    "llama-mha-f32": ("Llama", dict(num_hidden_layers=1, num_key_value_heads=4, rms_norm_eps=1e-3), "float32", {}),
    "llama-mqa-sharded": ("Llama", dict(num_key_value_heads=1, head_dim=32, num_attention_heads=2), "bfloat16",
                          dict(max_shard_size="20KB")),
    "llama-rope-llama3": ("Llama", dict(rope_parameters=LLAMA3), "bfloat16", {}),
    "llama-rope-llama3-classic": ("Llama", dict(num_hidden_layers=1, rope_parameters=LLAMA3), "bfloat16",
                                  dict(classic=True)),
    "llama-rope-linear": ("Llama", dict(num_hidden_layers=1, rope_parameters=LINEAR), "bfloat16", {}),
    "llama-rope-yarn": ("Llama", dict(num_hidden_layers=1, rope_parameters=YARN), "bfloat16", {}),
    "mistral": ("Mistral", dict(sliding_window=None, num_hidden_layers=1), "bfloat16", {}),
    "mistral-window": ("Mistral", dict(sliding_window=40), "bfloat16", {}),
    "qwen2": ("Qwen2", dict(rms_norm_eps=1e-6), "bfloat16", {}),
    "qwen3": ("Qwen3", dict(rms_norm_eps=1e-6, tie_word_embeddings=True), "bfloat16", {}),
    "mixtral": ("Mixtral", dict(num_local_experts=4, num_experts_per_tok=2, intermediate_size=32), "bfloat16", {}),
    "qwen3-moe": ("Qwen3Moe", dict(QWEN3_MOE, norm_topk_prob=True), "bfloat16", {}),
    "qwen3-moe-dense-layers": ("Qwen3Moe", dict(QWEN3_MOE, num_hidden_layers=3, norm_topk_prob=False,
                                                mlp_only_layers=[1], num_experts=4), "bfloat16", {}),
    "gemma3": ("Gemma3", GEMMA3, "bfloat16", {}),
    "gemma3-classic": ("Gemma3", dict(GEMMA3, num_hidden_layers=3, query_pre_attn_scalar=16,
                                      layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
                       "bfloat16", dict(classic=True)),
}


def configuration(kind, changes):
    name = f"{kind}TextConfig" if kind == "Gemma3" else f"{kind}Config"
    return getattr(transformers, name)(**{**BASE, **changes})


def random_model(kind, changes, seed):
    """Weights whose mistakes show: norms and biases are far from 1 and 0, and attention is far from uniform."""
    config = configuration(kind, changes)
    model = getattr(transformers, f"{kind}ForCausalLM")(config).float()
    random = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=random)
        if "norm" in name:
            centre = 0.0 if kind == "Gemma3" else 1.0  # Gemma's norms multiply by 1 + weight
            weight.data = centre + 0.3 * noise
        elif name.endswith("bias"):
            weight.data = 0.5 * noise
        elif "embed_tokens" in name:
            # A large tied embedding would answer each token with itself.
            weight.data = noise * ((0.1 if kind == "Gemma3" else 0.2) if config.tie_word_embeddings else 1.0)
        else:
            weight.data = noise * 1.5 / math.sqrt(weight.shape[-1])
    model.tie_weights()
    return model


def to_classic(folder):
    """Rewrites the configuration with the keys that transformers wrote before version 5."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
        period = config.pop("layer_types").index("full_attention") + 1
        config["sliding_window_pattern"] = period
        del config["_sliding_window_pattern"]
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope if rope["rope_type"] != "default" else None
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.50.0"
    path.write_text(json.dumps(config, indent=2) + "\n")


def save(folder, kind, changes, dtype, how, seed):
    model = random_model(kind, changes, seed).to(getattr(torch, dtype))
    folder = pathlib.Path(folder)
    how = dict(how)
    classic = how.pop("classic", False)
    model.save_pretrained(folder, **how)
    for file in folder.iterdir():
        file.chmod(0o644)
    if classic:
        to_classic(folder)


def load(folder):
    """In float32, whatever the saved type: exact, since f16 and bf16 are both part of f32."""
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
