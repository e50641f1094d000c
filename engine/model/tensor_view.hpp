#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/dtype.hpp"

namespace nanoflow {

/// A tensor inside a mapped model file; lives as long as its Checkpoint.
struct TensorView {
  std::string_view name;  // as in the file
  DType dtype = DType::f32;
  std::vector<std::int64_t>
      shape;  // outermost first, row major: a weight matrix is [outputs, inputs]
  std::span<const std::byte> data;

  explicit operator bool() const { return !data.empty(); }
  std::int64_t elements() const;
};

}  // namespace nanoflow
