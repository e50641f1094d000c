// Weights of 8 and 4 bits: 32 neighbouring inputs of an output form a group w = scale * u +
// minimum, u in 0 .. 15 (int4), or w = scale * (u - 128), u in 0 .. 255 (int8).
//
// Packed, as quantized_matmul.hpp's products read it: panels of 32 outputs, each a run of groups,
// each group 8 steps of 4 inputs, then 32 f16 scales and, for int4, 32 f16 minimums. A step holds,
// for int8, [32 outputs][4 inputs] bytes; for int4 [16][4] bytes, output j in the low nibbles and
// j + 16 in the high ones.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/matmul.hpp"

namespace nanoflow::kernels {

inline constexpr int group_inputs = 32;
inline constexpr int step_inputs = 4;
inline constexpr int steps_a_group = group_inputs / step_inputs;

constexpr std::size_t step_bytes(Element element) {
  return element == Element::int8 ? panel_width * step_inputs : panel_width * step_inputs / 2;
}
/// Of a panel's group, scales and minimums included.
constexpr std::size_t group_bytes(Element element) {
  const std::size_t halves = element == Element::int8 ? panel_width : 2 * panel_width;
  return steps_a_group * step_bytes(element) + halves * sizeof(std::uint16_t);
}

/// Where a group of a panel begins. Inlined always, since files for other instruction sets use it.
[[gnu::always_inline]] inline std::uint8_t* packed_group(const PackedMatrix& matrix, int panel,
                                                         int group) {
  const auto n_groups = static_cast<std::size_t>(matrix.n_inputs / group_inputs);
  return static_cast<std::uint8_t*>(matrix.data) +
         (static_cast<std::size_t>(panel) * n_groups + group) * group_bytes(matrix.element);
}

struct WeightGroup {
  std::uint16_t scale = 0, minimum = 0;  // f16; int8 has no minimum
  std::uint8_t values[group_inputs] = {};
};

/// The numbers of a model file as groups of `element`, int8 or int4: n_elements, a multiple of 32
/// and of block_elements(type), at `in`. Exact where the format is such groups itself: Q8_0 as
/// int8; Q4_0, Q4_1 and, but for its scales' rounding to f16, Q4_K as int4. All else is rounded to
/// the nearest of 255 values between plus and minus the group's largest (int8), or of 16 from its
/// smallest to its largest (int4).
void to_groups(WeightGroup* out, Element element, const std::byte* in, DType type,
               std::size_t n_elements);

/// Outputs [first_output, first_output + n_rows) of a matrix of int8 or int4, from rows of groups
/// [n_rows][n_inputs / 32]. As pack_rows, but that calls at the same time for int4 must not share a
/// panel: two outputs share a byte.
void pack_groups(const PackedMatrix& matrix, int first_output, const WeightGroup* rows, int n_rows);

/// Group `group` of an output, as it was packed; for tests and the reference.
WeightGroup unpack_group(const PackedMatrix& matrix, int output, int group);

}  // namespace nanoflow::kernels
