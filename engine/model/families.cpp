#include "engine/model/families.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "engine/model/error.hpp"
#include "engine/model/rope.hpp"

namespace nanoflow {

namespace {

// Published config.json files leave these out where they are the class's default (Gemma's the
// most).
constexpr std::string_view mistral_defaults =
    R"({"num_key_value_heads": 8, "sliding_window": 4096})";
constexpr std::string_view mixtral_defaults = R"({"num_key_value_heads": 8, "rope_theta": 1e6})";
constexpr std::string_view qwen3_defaults = R"({"head_dim": 128})";
constexpr std::string_view gemma3_defaults = R"({
  "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208,
  "max_position_embeddings": 131072, "rms_norm_eps": 1e-6, "tie_word_embeddings": true,
  "rope_theta": 1e6, "rope_local_base_freq": 1e4, "query_pre_attn_scalar": 256, "sliding_window": 4096,
  "hidden_activation": "gelu_pytorch_tanh"})";

using Names = std::string_view;
constexpr Names llama_classes[] = {"LlamaForCausalLM"};
constexpr Names mistral_classes[] = {"MistralForCausalLM"};
constexpr Names mixtral_classes[] = {"MixtralForCausalLM"};
constexpr Names qwen2_classes[] = {"Qwen2ForCausalLM"};
constexpr Names qwen3_classes[] = {"Qwen3ForCausalLM"};
constexpr Names qwen3_moe_classes[] = {"Qwen3MoeForCausalLM"};
constexpr Names gemma3_classes[] = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"};

constexpr std::array<Family, 7> families = {{
    {"llama", llama_classes, "{}", configure_llama, &hf_names},
    {"llama", mistral_classes, mistral_defaults, configure_llama, &hf_names},
    {"llama", mixtral_classes, mixtral_defaults, configure_llama, &mixtral_names},
    {"qwen2", qwen2_classes, "{}", configure_qwen2, &hf_names},
    {"qwen3", qwen3_classes, qwen3_defaults, configure_qwen3, &hf_names},
    {"qwen3moe", qwen3_moe_classes, "{}", configure_qwen3, &hf_names},
    {"gemma3", gemma3_classes, gemma3_defaults, configure_gemma3, &gemma3_names},
}};

/// What every family has.
ModelConfig read_common(const ConfigSource& source) {
  ModelConfig c;
  c.architecture = source.architecture();
  c.name = source.model_name();
  c.n_layers = source.count({"block_count", "num_hidden_layers"}, 1, 1024);
  c.dim = source.count({"embedding_length", "hidden_size"}, 1, 1 << 17);
  c.n_heads = source.count({"attention.head_count", "num_attention_heads"}, 1, 4096);
  const Key kv_heads{"attention.head_count_kv", "num_key_value_heads"};
  c.n_kv_heads = source.count(kv_heads, 1, c.n_heads, c.n_heads);
  if (c.n_heads % c.n_kv_heads != 0) {
    source.fail(kv_heads, "expected a divisor of the " + std::to_string(c.n_heads) +
                              " query heads, found " + std::to_string(c.n_kv_heads));
  }
  const Key head_dim{"attention.key_length", "head_dim"};
  c.head_dim = source.count(head_dim, 2, 1024, c.dim / c.n_heads);
  if (c.head_dim % 2 != 0 || c.head_dim < 2) {
    source.fail(head_dim, "expected an even number, found " + std::to_string(c.head_dim));
  }
  source.count({"attention.value_length", ""}, c.head_dim, c.head_dim, c.head_dim);
  source.count({"rope.dimension_count", ""}, c.head_dim, c.head_dim, c.head_dim);
  c.ffn_dim = source.count({"feed_forward_length", "intermediate_size"}, 1, 1 << 20);
  // A GGUF's vocabulary is as large as its embedding; the key, where there is one, may mean the
  // padded size.
  c.vocab_size = source.count({"", "vocab_size"}, 1, 1 << 22, 0);
  c.context = source.count({"context_length", "max_position_embeddings"}, 1, 1 << 24);
  c.norm_eps =
      static_cast<float>(source.positive({"attention.layer_norm_rms_epsilon", "rms_norm_eps"}));
  c.attention_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(c.head_dim)));
  c.layers.resize(static_cast<std::size_t>(c.n_layers));
  return c;
}

}  // namespace

const Family& find_family(const ConfigSource& source) {
  const std::string name = source.architecture();
  std::set<std::string_view> known;
  for (const Family& family : families) {
    if (source.is_gguf()) {
      if (family.gguf == name) return family;
      known.insert(family.gguf);
    } else {
      if (std::ranges::find(family.hf, name) != family.hf.end()) return family;
      known.insert(family.hf.begin(), family.hf.end());
    }
  }
  std::string list;
  for (const std::string_view one : known) list.append(" ").append(one);
  throw ModelError(source.file() + ": architecture " + printable(name) +
                   " is not supported; expected one of" + list);
}

ModelConfig read_config(const ConfigSource& source, const Family& family) {
  ModelConfig config = read_common(source);
  family.configure(source, config);
  for (const Rope& rope : config.ropes) {
    const bool sound = std::ranges::all_of(rope.inverse_frequencies,
                                           [](float f) { return std::isfinite(f) && f >= 0; });
    if (!sound || !std::isfinite(rope.magnitude)) {
      throw ModelError(source.file() +
                       ": the rotary embedding's settings give no finite frequencies");
    }
  }
  return config;
}

void one_rope(const ConfigSource& source, ModelConfig& config, Rope::Pairs pairs) {
  const RopeSettings settings = read_rope(source, config.context);
  config.ropes = {make_rope(settings, config.head_dim, pairs)};
  // config.json's length is without YaRN's stretching in some published models, with it in others.
  if (settings.scaling == "yarn" && !source.is_gguf()) {
    const double stretched = std::min(settings.original_context * settings.factor, 0x1p24);
    config.context = std::max(config.context, static_cast<int>(stretched));
  }
}

void expect_off(const ConfigSource& source, std::string_view hf_key) {
  const Key key{"", hf_key};
  if (source.flag(key).value_or(false)) {
    source.fail(key, "expected false, this variant is not supported");
  }
}

void expect_activation(const ConfigSource& source, std::string_view name) {
  for (const std::string_view hf_key : {"hidden_act", "hidden_activation"}) {
    const std::string found = source.text({"", hf_key}).value_or(std::string(name));
    if (found != name) {
      source.fail({"", hf_key}, "expected " + std::string(name) + ", found " + printable(found));
    }
  }
}

void window_where(const ConfigSource& source, ModelConfig& config,
                  const std::vector<bool>& windowed) {
  const Key key{"attention.sliding_window", "sliding_window"};
  const int window = source.count(key, 0, 1 << 24, 0);
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    if (windowed[i] && window == 0) source.fail(key, "expected the window's size, found none");
    if (windowed[i]) config.layers[i].window = window;
  }
}

void window_from(const ConfigSource& source, ModelConfig& config, int first_layer) {
  const Key key{"attention.sliding_window", "sliding_window"};
  const int window = source.count(key, 0, 1 << 24, 0);
  for (std::size_t i = static_cast<std::size_t>(first_layer); i < config.layers.size(); ++i) {
    config.layers[i].window = window;
  }
}

std::optional<std::vector<bool>> layer_types(const ConfigSource& source,
                                             const ModelConfig& config) {
  const Key key{"", "layer_types"};
  const auto types = source.texts(key);
  if (!types) return std::nullopt;
  if (types->size() != config.layers.size()) {
    source.fail(key, "expected " + std::to_string(config.n_layers) + " entries, found " +
                         std::to_string(types->size()));
  }
  std::vector<bool> out;
  for (const std::string& type : *types) {
    if (type != "sliding_attention" && type != "full_attention") {
      source.fail(key, "expected full_attention or sliding_attention, found " + printable(type));
    }
    out.push_back(type == "sliding_attention");
  }
  return out;
}

void read_experts(const ConfigSource& source, ModelConfig& config) {
  const bool qwen = source.has({"", "num_experts"});
  const Key experts_key{"expert_count", qwen ? "num_experts" : "num_local_experts"};
  ExpertsConfig& experts = config.experts;
  experts.n_experts = source.count(experts_key, 0, 1024, 0);
  if (experts.n_experts == 0) return;
  experts.n_used = source.count({"expert_used_count", "num_experts_per_tok"}, 1, experts.n_experts);
  experts.ffn_dim = source.count({"expert_feed_forward_length", "moe_intermediate_size"}, 1,
                                 1 << 20, config.ffn_dim);
  experts.normalize_weights = source.flag({"", "norm_topk_prob"}).value_or(!qwen);
  for (LayerConfig& layer : config.layers) layer.experts = true;
}

}  // namespace nanoflow
