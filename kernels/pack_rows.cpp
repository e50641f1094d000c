// Packing happens once, when a model is loaded: from rows of inputs to panels of 32 outputs.
#include <algorithm>

#include "kernels/matmul.hpp"

namespace nanoflow::kernels {
namespace {

/// Outputs [lane, lane + n) of one panel, from n rows. By 64 inputs at a time: each row is read in
/// one go, and the panel's lines stay in the first-level cache until all rows have been there.
template <class T>
void pack_panel(T* panel, Element element, int n_inputs, int lane, const float* rows, int n) {
  constexpr int piece = 64;
  for (int begin = 0; begin < n_inputs; begin += piece) {
    const int end = std::min(n_inputs, begin + piece);
    for (int j = 0; j < n; ++j) {
      const float* row = rows + static_cast<std::ptrdiff_t>(j) * n_inputs;
      T* out = panel + panel_lane(element, lane + j);
      for (int k = begin; k < end; ++k) {
        out[static_cast<std::ptrdiff_t>(k) * panel_width] = to_element<T>(row[k]);
      }
    }
  }
}

template <class T>
void clear_padding(T* panel, Element element, int n_inputs, int lane) {
  for (int k = 0; k < n_inputs; ++k) {
    for (int j = lane; j < panel_width; ++j) {
      panel[static_cast<std::size_t>(k) * panel_width + panel_lane(element, j)] = T{};
    }
  }
}

template <class T>
void pack(const PackedMatrix& matrix, int first_output, const float* rows, int n_rows) {
  const int end = first_output + n_rows;
  for (int n = first_output; n < end;) {
    const int lane = n % panel_width;
    const int here = std::min(panel_width - lane, end - n);
    T* panel = static_cast<T*>(matrix.data) + static_cast<std::size_t>(n - lane) * matrix.n_inputs;
    pack_panel(panel, matrix.element, matrix.n_inputs, lane, rows, here);
    if (n + here == matrix.n_outputs)
      clear_padding(panel, matrix.element, matrix.n_inputs, lane + here);
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
