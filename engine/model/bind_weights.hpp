#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <unordered_map>

#include "engine/model/checkpoint.hpp"
#include "engine/model/weight_names.hpp"

namespace nanoflow {

/// A file's tensors by name. Each is taken once, with the shape it must have, so that what is left
/// over shows.
class WeightSource {
 public:
  WeightSource(std::string file, std::span<const TensorView> tensors);

  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// Throws ModelError where it is missing or has another shape.
  TensorView take(const std::string& name, const std::vector<std::int64_t>& shape);
  /// For what is known and not used.
  void ignore(const std::string& name) { tensors_.erase(name); }
  std::int64_t rows(const std::string& name) const;  // 0 where it is missing
  /// Throws ModelError if a tensor was not taken: the model computes something that this program
  /// would not.
  void expect_all_taken() const;

  std::int64_t n_parameters() const;
  DType main_dtype() const;

 private:
  std::string file_;
  std::unordered_map<std::string_view, const TensorView*> tensors_;  // not taken yet
  std::unordered_map<DType, std::int64_t> taken_;                    // numbers of each type
};

/// Finds every tensor that the configuration implies. Sets config.vocab_size where it is 0.
ModelTensors bind_weights(WeightSource& weights, const WeightNames& names, ModelConfig& config);

}  // namespace nanoflow
