// Packing happens once, when a model is loaded: from rows of inputs to panels of 32 outputs.
#include <algorithm>

#include "kernels/matmul.hpp"
#include "kernels/round_rows.hpp"

namespace nanoflow::kernels {
namespace {

/// Inputs as a panel has them.
int padded_inputs(const PackedMatrix& matrix) {
  return matrix.element == Element::f32 ? matrix.n_inputs
                                        : n_input_blocks(matrix.n_inputs) * block_inputs;
}

/// Outputs [lane, lane + n) of one panel, from n rows. By 64 inputs at a time: each row is read in
/// one go, and the panel's lines stay in the first-level cache until all rows have been there.
template <class T>
void pack_panel(T* panel, const PackedMatrix& matrix, int lane, const float* rows, int n) {
  constexpr int piece = 64;
  const int all = padded_inputs(matrix);
  for (int begin = 0; begin < all; begin += piece) {
    const int end = std::min(all, begin + piece), given = std::min(end, matrix.n_inputs);
    for (int j = 0; j < n; ++j) {
      const float* row = rows + static_cast<std::ptrdiff_t>(j) * matrix.n_inputs;
      int k = begin;
      for (; k < given; ++k)
        panel[weight_place(matrix.element, lane + j, k)] = to_element<T>(row[k]);
      for (; k < end; ++k) panel[weight_place(matrix.element, lane + j, k)] = T{};
    }
  }
}

template <class T>
void clear_padding(T* panel, const PackedMatrix& matrix, int lane) {
  for (int k = 0; k < padded_inputs(matrix); ++k) {
    for (int j = lane; j < panel_width; ++j) panel[weight_place(matrix.element, j, k)] = T{};
  }
}

template <class T>
void pack(const PackedMatrix& matrix, int first_output, const float* rows, int n_rows) {
  const int end = first_output + n_rows;
  for (int n = first_output; n < end;) {
    const int lane = n % panel_width;
    const int here = std::min(panel_width - lane, end - n);
    T* panel =
        static_cast<T*>(matrix.data) + static_cast<std::size_t>(n - lane) * padded_inputs(matrix);
    pack_panel(panel, matrix, lane, rows, here);
    if (n + here == matrix.n_outputs) clear_padding(panel, matrix, lane + here);
    rows += static_cast<std::size_t>(here) * matrix.n_inputs;
    n += here;
  }
}

}  // namespace

void pack_rows(const PackedMatrix& matrix, int first_output, const float* rows, int n_rows) {
  if (matrix.element == Element::f32) {
    pack<float>(matrix, first_output, rows, n_rows);
  } else {
    pack<std::uint16_t>(matrix, first_output, rows, n_rows);
  }
}

}  // namespace nanoflow::kernels
