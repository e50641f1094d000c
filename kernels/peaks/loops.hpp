// Loops of independent instructions, by instruction set: as many operations as the processor can
// do. What is measured with them is the peak that everything else is held against.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nanoflow::kernels {

/// Each runs n rounds and returns the operations of all of them: a multiplication and an addition
/// are two.
struct PeakLoops {
  double (*f32)(long n);
  double (*bf16)(long n);
  double (*int4)(long n);
  double (*int8)(long n);
  /// Reads n bytes, a multiple of 4096, and returns something that depends on them.
  std::uint64_t (*read)(const std::byte* data, std::size_t n);
};

/// Those of the instructions that the chosen kernels use (current_isa); null for the reference.
const PeakLoops* peak_loops();

namespace peaks {
namespace avx2 {
extern const PeakLoops loops;
}
namespace avx512 {
extern const PeakLoops loops;
}
namespace avx512_bf16 {
extern const PeakLoops loops;
}
namespace amx {
extern const PeakLoops loops;
}
}  // namespace peaks

}  // namespace nanoflow::kernels
