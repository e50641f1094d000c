#pragma once
#include <string>
#include <string_view>

#include "engine/model/config.hpp"
#include "engine/model/config_source.hpp"
#include "engine/model/tensor_view.hpp"

namespace nanoflow {

/// A rotary embedding as model files describe it: a base, and one of the published ways to stretch
/// the context.
struct RopeSettings {
  double base = 10000;
  std::string scaling = "default";  // default, linear, llama3, yarn, dynamic
  double factor = 1;
  double original_context = 0;                       // tokens that the model was first trained on
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn
  bool truncate = true;                              // yarn: the ramp's ends are whole dimensions
  double magnitude = 0;                              // yarn; 0: what the paper gives
};

/// The settings of the layers of one type, where config.json has them by layer type
/// ("full_attention", ...).
RopeSettings read_rope(const ConfigSource& source, int context, std::string_view layer_type = {});

/// The frequencies with their scaling applied; head_dim is even.
Rope make_rope(const RopeSettings& settings, int head_dim, Rope::Pairs pairs);

/// Divides the frequencies by factors, [head_dim / 2] of type F32: how GGUF stores Llama 3's
/// scaling.
void divide_frequencies(Rope& rope, const TensorView& factors);

}  // namespace nanoflow
