// What this processor has of what the kernels are written for, and the operating system keeps when
// it switches threads. Asked of CPUID itself, since compilers differ in which names they know.
#pragma once

namespace nanoflow::kernels {

struct CpuFeatures {
  bool avx2 = false;         // with FMA and F16C
  bool avx512 = false;       // F, BW, DQ, VL and VNNI
  bool avx512_bf16 = false;  // VDPBF16PS
  bool amx = false;          // tiles, and their products of int8 and of bf16
  bool amd = false;          // the maker
};

CpuFeatures cpu_features();

}  // namespace nanoflow::kernels
