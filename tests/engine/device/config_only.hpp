#pragma once
#include <memory>

#include "engine/model/checkpoint.hpp"

namespace nanoflow::test {

/// A model's configuration without weights: all that a simulated device needs.
class ConfigOnly : public Checkpoint {
 public:
  explicit ConfigOnly(int vocab_size) {
    config_.architecture = "llama";
    config_.n_layers = config_.n_heads = config_.n_kv_heads = 1;
    config_.dim = config_.head_dim = 8;
    config_.ffn_dim = 16;
    config_.vocab_size = vocab_size;
    config_.context = 4096;
    config_.ropes.resize(1);
    config_.layers.resize(1);
  }
  void check_intact() const override {}
};

}  // namespace nanoflow::test
