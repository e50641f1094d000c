#include "kernels/dtype.hpp"

#include <array>

namespace nanoflow {

namespace {

struct Layout {
  std::string_view name;
  std::size_t elements, bytes;  // of one block
};

/// In the order of DType. A quantised block is its scales and its packed numbers; the sum of their
/// bytes is written out as ggml-common.h declares the fields.
constexpr std::array<Layout, 11> layouts = {{
    {"f32", 1, 4},
    {"f16", 1, 2},
    {"bf16", 1, 2},
    {"q8_0", 32, 2 + 32},             // scale, 8-bit numbers
    {"q4_0", 32, 2 + 16},             // scale, 4-bit numbers
    {"q4_1", 32, 2 + 2 + 16},         // scale, minimum, 4-bit numbers
    {"q5_0", 32, 2 + 4 + 16},         // scale, fifth bits, 4-bit numbers
    {"q5_1", 32, 2 + 2 + 4 + 16},     // scale, minimum, fifth bits, 4-bit numbers
    {"q4_k", 256, 2 + 2 + 12 + 128},  // scale, minimum, 8 sub-scales of 6+6 bits, 4-bit numbers
    {"q5_k", 256, 2 + 2 + 12 + 32 + 128},  // as q4_k, with fifth bits
    {"q6_k", 256, 128 + 64 + 16 + 2},      // low 4 bits, high 2 bits, 16 sub-scales, scale
}};

const Layout& layout(DType type) {
  return layouts.at(static_cast<std::size_t>(type));
}

}  // namespace

std::size_t block_elements(DType type) {
  return layout(type).elements;
}

std::size_t block_bytes(DType type) {
  return layout(type).bytes;
}

std::string_view to_string(DType type) {
  return layout(type).name;
}

}  // namespace nanoflow
