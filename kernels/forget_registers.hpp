#pragma once
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// Between groups: else GCC keeps sums that are in memory on the stack as well, and stores all
/// twice, or loads the next group's inputs ahead, and spills.
NANOFLOW_INLINE void forget_registers() {
  asm volatile("" : : : "memory");
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
