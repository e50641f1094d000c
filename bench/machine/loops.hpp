// Loops of independent instructions, by instruction set: as many operations as the processor can
// do.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nanoflow::bench {

/// Each runs n rounds and returns the operations of all of them.
struct Loops {
  double (*f32)(long n);
  double (*bf16)(long n);
  double (*int4)(long n);
  double (*int8)(long n);
  /// Reads n bytes, a multiple of 4096, and returns something that depends on them.
  std::uint64_t (*read)(const std::byte* data, std::size_t n);
};

namespace avx2 {
extern const Loops loops;
}
namespace avx512 {
extern const Loops loops;
}
namespace avx512_bf16 {
extern const Loops loops;
}
namespace amx {
extern const Loops loops;
}

}  // namespace nanoflow::bench
