// Weights of 8 and 4 bits. int4: 32 neighbouring inputs of an output form a group w = scale * u +
// minimum, u in 0 .. 15. int8: 64 of them form a span w = scale * (u - 128), u in 0 .. 255; a row's
// last span has what is left.
//
// Packed, as quantized_matmul.hpp's products read it: panels of 32 outputs, each a run of groups,
// each group 8 steps of 4 inputs. A step holds, for int8, [32 outputs][4 inputs] bytes; for int4
// [16][4] bytes, output j in the low nibbles and j + 16 in the high ones. After each group of int4
// come 32 f16 scales and 32 f16 minimums; after the last group of a span of int8, 32 f16 scales.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/matmul.hpp"

namespace nanoflow::kernels {

inline constexpr int group_inputs = 32;
inline constexpr int span_inputs = 64;
inline constexpr int step_inputs = 4;
inline constexpr int steps_a_group = group_inputs / step_inputs;
inline constexpr int groups_a_span = span_inputs / group_inputs;

constexpr int n_spans(int n_inputs) {
  return (n_inputs + span_inputs - 1) / span_inputs;
}

constexpr std::size_t step_bytes(Element element) {
  return element == Element::int8 ? panel_width * step_inputs : panel_width * step_inputs / 2;
}
/// A group of a panel without scales and minimums.
constexpr std::size_t group_values_bytes(Element element) {
  return steps_a_group * step_bytes(element);
}
/// Scales and minimums: of a group of int4, or of a span of int8.
constexpr std::size_t scale_bytes(Element element) {
  return panel_width * sizeof(std::uint16_t) * (element == Element::int8 ? 1 : 2);
}
/// A panel's first n_groups groups, a multiple of groups_a_span or all that there are.
constexpr std::size_t groups_bytes(Element element, int n_groups) {
  const auto n = static_cast<std::size_t>(n_groups);
  const std::size_t n_scales =
      element == Element::int8 ? (n + groups_a_span - 1) / groups_a_span : n;
  return n * group_values_bytes(element) + n_scales * scale_bytes(element);
}

/// Where a span of a panel begins. Inlined always, since files for other instruction sets use it.
[[gnu::always_inline]] inline std::uint8_t* packed_span(const PackedMatrix& matrix, int panel,
                                                        int span) {
  const std::size_t panel_bytes = groups_bytes(matrix.element, matrix.n_inputs / group_inputs);
  return static_cast<std::uint8_t*>(matrix.data) + static_cast<std::size_t>(panel) * panel_bytes +
         groups_bytes(matrix.element, span * groups_a_span);
}

/// 32 inputs of an output. The groups of a span of int8 have one scale, and no minimum.
struct WeightGroup {
  std::uint16_t scale = 0, minimum = 0;  // f16
  std::uint8_t values[group_inputs] = {};
};

/// Rows of a model file as groups of `element`, int8 or int4: n_rows of n_inputs numbers, a
/// multiple of 32 and of block_elements(type), at `in`. Exact where the format is such groups
/// itself: Q4_0, Q4_1 and, but for its scales' rounding to f16, Q4_K as int4. All else is rounded
/// to the nearest of 255 values between plus and minus the span's largest (int8), or of 16 from the
/// group's smallest to its largest (int4).
void to_groups(WeightGroup* out, Element element, const std::byte* in, DType type, int n_rows,
               int n_inputs);

/// Outputs [first_output, first_output + n_rows) of a matrix of int8 or int4, from rows of groups
/// [n_rows][n_inputs / 32]. As pack_rows, but that calls at the same time for int4 must not share a
/// panel: two outputs share a byte.
void pack_groups(const PackedMatrix& matrix, int first_output, const WeightGroup* rows, int n_rows);

/// Group `group` of an output, as it was packed; for tests and the reference.
WeightGroup unpack_group(const PackedMatrix& matrix, int output, int group);

}  // namespace nanoflow::kernels
