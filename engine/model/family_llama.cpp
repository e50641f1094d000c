// Llama 2 and 3, SmolLM2, DeepSeek-67B, Mistral, Mixtral.
#include "engine/model/families.hpp"

namespace nanoflow {

void configure_llama(const ConfigSource& source, ModelConfig& config) {
  expect_activation(source, "silu");
  expect_off(source, "attention_bias");
  expect_off(source, "mlp_bias");
  // GGUF's query and key weights are permuted back to the layout of the original Llama.
  one_rope(source, config, source.is_gguf() ? Rope::Pairs::interleaved : Rope::Pairs::halves);
  window_from(source, config, 0);  // Mistral
  read_experts(source, config);    // Mixtral
}

}  // namespace nanoflow
