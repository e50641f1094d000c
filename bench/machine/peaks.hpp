// What this machine can do at most, measured: the ceilings that other benches print their part of.
#pragma once
namespace nanoflow::bench {

/// Of the instructions that the chosen kernels use. Multiplications and additions count as one
/// operation each.
struct Peaks {
  double f32 = 0;   // GFLOP/s by fused multiply-add
  double bf16 = 0;  // GFLOP/s, products with bf16 weights: by fused multiply-add, where the
                    // processor has nothing faster
  double int4 = 0;  // Gop/s, products of 4 by 8 bits
  double int8 = 0;  // Gop/s, products of 8 by 8 bits
  double read = 0;  // GB/s from memory, far more than the caches hold
};

/// All threads at once, each pinned to a processor of its own; takes about two seconds.
Peaks measure_peaks(int n_threads);

}  // namespace nanoflow::bench
