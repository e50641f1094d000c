// The model families that can be served. To add one: a function that sets what it does differently
// from Llama, its weights' names where they differ, and a row in families.cpp.
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/model/config.hpp"
#include "engine/model/config_source.hpp"
#include "engine/model/weight_names.hpp"

namespace nanoflow {

struct Family {
  std::string_view gguf;                 // general.architecture
  std::span<const std::string_view> hf;  // config.json's architectures
  /// What config.json may leave out: the defaults of the family's configuration class that matter.
  std::string_view hf_defaults;
  /// Called with what every family shares already in place; sets the rest, the ropes included.
  void (*configure)(const ConfigSource& source, ModelConfig& config);
  const WeightNames* hf_names;
};

/// The family of an architecture's name in either format; ModelError lists the known ones.
const Family& find_family(const ConfigSource& source);

/// The whole configuration, checked.
ModelConfig read_config(const ConfigSource& source, const Family& family);

// What several families share.
void one_rope(const ConfigSource& source, ModelConfig& config, Rope::Pairs pairs);
/// The window of every layer from that one on; none where the file has none.
void window_from(const ConfigSource& source, ModelConfig& config, int first_layer);
/// config.json's layer_types, true for "sliding_attention".
std::optional<std::vector<bool>> layer_types(const ConfigSource& source, const ModelConfig& config);
void window_where(const ConfigSource& source, ModelConfig& config,
                  const std::vector<bool>& windowed);
void read_experts(const ConfigSource& source, ModelConfig& config);
/// config.json's name for the activation must be that one; GGUF does not say it.
void expect_activation(const ConfigSource& source, std::string_view name);
/// Refuses what a family's published models leave off: the graph would be wrong without it.
void expect_off(const ConfigSource& source, std::string_view hf_key);

void configure_llama(const ConfigSource& source, ModelConfig& config);
void configure_qwen2(const ConfigSource& source, ModelConfig& config);
void configure_qwen3(const ConfigSource& source, ModelConfig& config);
void configure_gemma3(const ConfigSource& source, ModelConfig& config);

}  // namespace nanoflow
