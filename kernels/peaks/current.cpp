#include "kernels/isa.hpp"
#include "kernels/peaks/loops.hpp"

namespace nanoflow::kernels {

const PeakLoops* peak_loops() {
  switch (current_isa()) {
    case Isa::amx:
      return &peaks::amx::loops;
    case Isa::avx512_bf16:
      return &peaks::avx512_bf16::loops;
    case Isa::avx512:
      return &peaks::avx512::loops;
    case Isa::avx2:
      return &peaks::avx2::loops;
    case Isa::reference:
      break;
  }
  return nullptr;
}

}  // namespace nanoflow::kernels
