#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/model/tensor_view.hpp"

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
  void ignore_if(bool (*unused)(std::string_view name));
  /// Other names for what begins so.
  void rename(std::string_view from, std::string_view to);
  /// The outermost size; 0 where it is missing.
  std::int64_t rows(const std::string& name) const;
  /// Throws ModelError if a tensor was not taken: the model computes something that this program
  /// would not.
  void expect_all_taken() const;

  std::int64_t n_parameters() const;
  DType main_dtype() const;

 private:
  std::string file_;
  std::unordered_map<std::string, const TensorView*> tensors_;  // not taken yet
  std::unordered_map<DType, std::int64_t> taken_;               // numbers of each type
};

}  // namespace nanoflow
