#include "kernels/panels.hpp"
#include "kernels/round_rows.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

void round_rows(const Bf16Rows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                Range columns) {
  for (int r = rows.begin; r < rows.end; ++r) {
    const float* x = in + r * in_stride;
    int k = columns.begin;
    for (; k + block_inputs <= columns.end; k += block_inputs) {
      std::uint16_t* to = out.from(r, k / block_inputs).values;
      for (int i = 0; i < block_inputs; ++i) to[i] = to_bf16(x[k + i]);  // the compiler's vectors
    }
    if (k == columns.end) continue;
    std::uint16_t* to = out.from(r, k / block_inputs).values;
    for (int i = 0; i < block_inputs; ++i)
      to[i] = k + i < columns.end ? to_bf16(x[k + i]) : std::uint16_t{0};
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
