#include "kernels/panels.hpp"
#include "kernels/round_rows.hpp"

namespace nanoflow::kernels::ref {

void round_rows(const Bf16Rows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                Range columns) {
  const int end = n_input_blocks(columns.end) * block_inputs;
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int k = columns.begin; k < end; ++k) {
      out.from(r, k / block_inputs).values[k % block_inputs] =
          k < columns.end ? to_bf16(in[r * in_stride + k]) : std::uint16_t{0};
    }
  }
}

}  // namespace nanoflow::kernels::ref
