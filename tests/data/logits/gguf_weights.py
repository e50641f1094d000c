"""A GGUF's tensors, dequantised, under the names and in the layout of transformers' models."""
import gguf
import torch

LAYER = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "ffn_gate_inp": "mlp.gate",
}
GEMMA_LAYER = {**LAYER, "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
               "post_ffw_norm": "post_feedforward_layernorm"}
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def from_pairs(weight, n_heads):
    """Undoes convert_hf_to_gguf's permutation of "llama" queries and keys: pairs of neighbours become halves."""
    head_dim = weight.shape[0] // n_heads
    return weight.reshape(n_heads, head_dim // 2, 2, -1).transpose(1, 2).reshape(weight.shape)


def to_pairs(weight, n_heads):
    head_dim = weight.shape[0] // n_heads
    return weight.reshape(n_heads, 2, head_dim // 2, -1).transpose(1, 2).reshape(weight.shape)


def dequantised(tensor):
    if tensor.tensor_type == gguf.GGMLQuantizationType.F32:
        data = tensor.data
    else:
        data = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return torch.from_numpy(data.reshape(tuple(int(n) for n in reversed(tensor.shape))).copy()).float()


def read(reader):
    """A state dict for transformers' model of the same architecture."""
    architecture = reader.fields["general.architecture"].contents()
    heads = {"attn_q": reader.fields[f"{architecture}.attention.head_count"].contents(),
             "attn_k": reader.fields[f"{architecture}.attention.head_count_kv"].contents()}
    names = GEMMA_LAYER if architecture == "gemma3" else LAYER
    weights, experts = {}, {}
    for tensor in reader.tensors:
        if tensor.name == "rope_freqs.weight":
            continue  # the configuration's scaling says the same
        *block, name, kind = tensor.name.split(".")
        weight = dequantised(tensor)
        if architecture == "llama" and name in heads:
            weight = from_pairs(weight, heads[name])
        if architecture == "gemma3" and name.endswith("norm"):
            weight = weight - 1
        if name.endswith("_exps"):
            experts[block[1], name] = weight
        elif block:
            weights[f"model.layers.{block[1]}.{names[name]}.{kind}"] = weight
        else:
            weights[f"{TOP[name]}.{kind}"] = weight
    for layer in {layer for layer, _ in experts}:
        prefix = f"model.layers.{layer}.mlp.experts"
        weights[f"{prefix}.gate_up_proj"] = torch.cat([experts[layer, "ffn_gate_exps"],
                                                       experts[layer, "ffn_up_exps"]], dim=1)
        weights[f"{prefix}.down_proj"] = experts[layer, "ffn_down_exps"]
    return weights


def fill(model, weights):
    """Every weight of the model must come from the file, and every one of the file must be used."""
    weights = dict(weights)
    if model.config.tie_word_embeddings:
        weights.setdefault("lm_head.weight", weights["model.embed_tokens.weight"])
    model.load_state_dict(weights, strict=True, assign=True)
    model.tie_weights()
    return model.float().eval()
