#include "engine/plan/simulate/model_shape.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "engine/model/checkpoint.hpp"
#include "engine/model/families.hpp"
#include "engine/model/hf_config.hpp"
#include "engine/plan/graph.hpp"

namespace nanoflow::simulate {

namespace fs = std::filesystem;

namespace {

struct Shape {
  std::string_view name;
  int n_layers, dim, n_heads, n_kv_heads, head_dim, ffn_dim, vocab_size, context;
  bool qkv_bias = false;
  int n_experts = 0, n_used = 0;
};

// From each model's published config.json.
constexpr std::array shapes = {
    Shape{"llama-2-70b", 80, 8192, 64, 8, 128, 28672, 32000, 4096},
    Shape{"llama-3-8b", 32, 4096, 32, 8, 128, 14336, 128256, 8192},
    Shape{"llama-3-70b", 80, 8192, 64, 8, 128, 28672, 128256, 8192},
    Shape{"qwen2-72b", 80, 8192, 64, 8, 128, 29568, 152064, 32768, true},
    Shape{"deepseek-67b", 95, 8192, 64, 8, 128, 22016, 102400, 4096},
    Shape{"mixtral-8x7b", 32, 4096, 32, 8, 128, 14336, 32000, 32768, false, 8, 2},
};

ModelConfig config_of(const Shape& shape) {
  ModelConfig config;
  config.name = shape.name;
  config.n_layers = shape.n_layers;
  config.dim = shape.dim;
  config.n_heads = shape.n_heads;
  config.n_kv_heads = shape.n_kv_heads;
  config.head_dim = shape.head_dim;
  config.ffn_dim = shape.ffn_dim;
  config.vocab_size = shape.vocab_size;
  config.context = shape.context;
  config.qkv_bias = shape.qkv_bias;
  config.ropes.resize(1);
  config.layers.resize(shape.n_layers);
  if (shape.n_experts > 0) {
    config.experts = {
        .n_experts = shape.n_experts, .n_used = shape.n_used, .ffn_dim = shape.ffn_dim};
    for (auto& layer : config.layers) layer.experts = true;
  }
  return config;
}

ModelConfig config_at(const fs::path& path) {
  const bool is_json = path.extension() == ".json";
  if (!is_json && !fs::is_directory(path)) return Checkpoint::open(path)->config();
  HfConfig source(is_json ? path.parent_path() : path);
  const Family& family = find_family(source);
  source.complete(family.hf_defaults);
  auto config = read_config(source, family);
  if (config.name.empty()) config.name = path.string();
  return config;
}

double count(const ModelConfig& config, bool active) {
  const Graph graph = build_graph(config);
  const auto of_block = [&](const Block& block) {
    double sum = 0;
    for (const auto& operation : block.operations)
      sum += operation.weights +
             operation.weights_per_expert * (active ? operation.n_used : operation.n_experts);
    return sum;
  };
  double sum = of_block(graph.prologue()) + of_block(graph.epilogue());
  for (const int kind : graph.layers) sum += of_block(graph.blocks[kind]);
  return sum + 1.0 * config.vocab_size * config.dim;  // the graph reads the embedding by rows
}

}  // namespace

std::vector<std::string_view> shape_names() {
  std::vector<std::string_view> names;
  for (const auto& shape : shapes) names.push_back(shape.name);
  return names;
}

ModelConfig find_shape(const std::string& name_or_path) {
  std::string name = name_or_path;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return std::tolower(letter); });
  for (const auto& shape : shapes)
    if (shape.name == name) return config_of(shape);
  if (fs::exists(name_or_path)) return config_at(name_or_path);
  std::string known;
  for (const auto& shape : shapes) known += std::string(shape.name) + ", ";
  throw ShapeError("no model is called " + name_or_path + ": expected " + known +
                   "or the path of a GGUF file or of a config.json");
}

double parameters(const ModelConfig& config) {
  return count(config, false);
}

double active_parameters(const ModelConfig& config) {
  return count(config, true);
}

}  // namespace nanoflow::simulate
