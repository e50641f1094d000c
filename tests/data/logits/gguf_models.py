"""Small random GGUF files, as convert_hf_to_gguf and llama-quantize lay them out."""
import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type

import gguf_weights
import hf_models

NO_KEY_LENGTH = dict(num_attention_heads=2, num_key_value_heads=1)  # the head dimension is dim / n_heads
GEMMA3 = dict(hf_models.GEMMA3, num_hidden_layers=7, query_pre_attn_scalar=16, hidden_size=32,
              intermediate_size=32, sliding_window=20,
              layer_types=["sliding_attention"] * 5 + ["full_attention", "sliding_attention"],
              rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                               "full_attention": {"rope_type": "default", "rope_theta": 1000000.0}})
# Super-blocks hold 256 numbers of a row: the attention's rows are 256 or 32 long here.
K_QUANTS = dict(hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_attention_heads=2, head_dim=16,
                num_key_value_heads=1)
OLD_QUANTS = {"attn_q": Type.Q4_0, "attn_k": Type.Q4_1, "attn_v": Type.Q5_0, "attn_output": Type.Q5_1,
              "ffn_gate": Type.Q4_0, "ffn_up": Type.Q4_1, "ffn_down": Type.Q5_0, "token_embd": Type.Q8_0,
              "output": Type.Q8_0}
NEW_QUANTS = {"attn_q": Type.Q6_K, "attn_k": Type.Q5_K, "attn_v": Type.Q4_K, "attn_output": Type.Q8_0,
              "ffn_gate": Type.Q4_K, "ffn_up": Type.Q5_K, "ffn_down": Type.Q6_K, "token_embd": Type.Q6_K}

# name: (class, changes to hf_models.BASE, GGUF architecture, type of the matrices: one, or by name)
MODELS = {
    "gguf-llama-f32": ("Llama", NO_KEY_LENGTH, "llama", Type.F32),
    "gguf-llama-f16-llama3": ("Llama", dict(rope_parameters=hf_models.LLAMA3), "llama", Type.F16),
    "gguf-llama-bf16-linear": ("Llama", dict(num_hidden_layers=1, rope_parameters=hf_models.LINEAR), "llama",
                               Type.BF16),
    "gguf-llama-old-quants": ("Llama", dict(intermediate_size=64), "llama", OLD_QUANTS),
    "gguf-llama-k-quants": ("Llama", dict(K_QUANTS, tie_word_embeddings=True), "llama", NEW_QUANTS),
    "gguf-mixtral-q8": ("Mixtral", dict(num_local_experts=4, num_experts_per_tok=2, intermediate_size=32), "llama",
                        Type.Q8_0),
    "gguf-qwen2-q8": ("Qwen2", dict(NO_KEY_LENGTH, rms_norm_eps=1e-6, intermediate_size=64), "qwen2",
                      Type.Q8_0),
    "gguf-qwen3-f16": ("Qwen3", dict(rms_norm_eps=1e-6, num_hidden_layers=1), "qwen3", Type.F16),
    "gguf-qwen3-moe-q4": ("Qwen3Moe", dict(hf_models.QWEN3_MOE, norm_topk_prob=True), "qwen3moe", Type.Q4_1),
    "gguf-gemma3-q8": ("Gemma3", GEMMA3, "gemma3", Type.Q8_0),
}
SUPER_BLOCK_BYTES = {Type.Q4_K: 144, Type.Q5_K: 176, Type.Q6_K: 210}


def random_super_blocks(shape, kind, random):
    """The gguf package can't quantise to these types: random bits, with scales that make lively weights."""
    blocks = random.integers(0, 256, (shape[0], shape[1] // 256, SUPER_BLOCK_BYTES[kind]), dtype=np.uint8)
    scale = random.uniform(0.5, 1.5, blocks.shape[:2]).astype(np.float16)[..., None].view(np.uint8)
    if kind == Type.Q6_K:
        blocks[..., -2:] = (scale.view(np.float16) * np.float16(8e-5)).view(np.uint8)
    else:  # d * scale * quant - dmin * min, both 6-bit: dmin is chosen so that weights are about zero on average
        largest = 15 if kind == Type.Q4_K else 31
        d = scale.view(np.float16) * np.float16(6e-3 / largest)
        blocks[..., 0:2] = d.view(np.uint8)
        blocks[..., 2:4] = (d * np.float16(largest / 2)).view(np.uint8)
    return blocks.reshape(shape[0], -1)


def tensors(model, architecture):
    """(GGUF name, weight) of each of the model's tensors."""
    config = model.config
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    names = gguf_weights.GEMMA_LAYER if architecture == "gemma3" else gguf_weights.LAYER
    layer_names = {hf: name for name, hf in names.items()}
    top_names = {hf: name for name, hf in gguf_weights.TOP.items()}
    for hf_name, weight in model.state_dict().items():
        if hf_name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if ".experts." in hf_name:
            block = f"blk.{hf_name.split('.')[2]}"
            if hf_name.endswith("down_proj"):
                yield f"{block}.ffn_down_exps.weight", weight
            else:
                gate, up = weight.chunk(2, dim=1)
                yield f"{block}.ffn_gate_exps.weight", gate
                yield f"{block}.ffn_up_exps.weight", up
            continue
        stem, kind = hf_name.rsplit(".", 1)
        if stem in top_names:
            name, block = top_names[stem], ""
        else:
            _, _, layer, stem = stem.split(".", 3)
            name, block = layer_names[stem], f"blk.{layer}."
        if architecture == "llama" and name in heads:
            weight = gguf_weights.to_pairs(weight, heads[name])
        if architecture == "gemma3" and name.endswith("norm"):
            weight = weight + 1
        yield f"{block}{name}.{kind}", weight


def write_configuration(writer, model, architecture):
    config = model.config
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    by_width = config.hidden_size // config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or by_width
    if head_dim != by_width or architecture in ("qwen3", "qwen3moe", "gemma3"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if architecture == "llama":
        writer.add_rope_dimension_count(head_dim)
    if architecture == "gemma3":
        writer.add_sliding_window(config.sliding_window)
        writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])
    else:
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        if config.rope_parameters["rope_type"] == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(config.rope_parameters["factor"])
    experts = getattr(config, "num_local_experts", None)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        if hasattr(config, "moe_intermediate_size"):
            writer.add_expert_feed_forward_length(config.moe_intermediate_size)


def write_vocabulary(writer, size):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([f"<{i}>" for i in range(size)])
    writer.add_token_types([gguf.TokenType.NORMAL] * size)
    writer.add_token_merges([])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def save(path, kind, changes, architecture, types, seed):
    """Writes the file, and returns transformers' model with its dequantised weights."""
    model = hf_models.random_model(kind, changes, seed)
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(path.stem)
    write_configuration(writer, model, architecture)
    write_vocabulary(writer, model.config.vocab_size)
    if model.config.rope_parameters.get("rope_type") == "llama3":
        # The divisors of the frequencies, which a "llama" file of Llama 3 carries as a tensor.
        plain = 1.0 / 10000.0 ** (np.arange(0, 16, 2) / 16)
        writer.add_tensor("rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq.numpy()).astype(np.float32))
    for name, weight in tensors(model, architecture):
        weight = weight.contiguous().numpy()
        base = name.split(".")[-2]
        wanted = types.get(base, Type.F32) if isinstance(types, dict) else types
        if weight.ndim == 1 or base == "ffn_gate_inp":
            wanted = Type.F32  # norms, biases and routers are never quantised
        if wanted in SUPER_BLOCK_BYTES:
            data = random_super_blocks(weight.shape, wanted, random)
        else:
            data = gguf.quants.quantize(weight, wanted)
        writer.add_tensor(name, data, raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    dequantised = gguf_weights.read(gguf.GGUFReader(path))
    for name, weight in model.state_dict().items():
        if isinstance(types, dict) or name not in dequantised:
            continue
        assert (dequantised[name] - weight).abs().max() < 0.15 * weight.abs().max(), name
    return gguf_weights.fill(model, dequantised)
