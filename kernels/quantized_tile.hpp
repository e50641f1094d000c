// The inner loop of quantized_matmul: tile_span adds what a span gives a tile, which is some rows
// times two vectors of columns. Only *_cpu.cpp files include this.
#pragma once
#ifdef __AVX512F__
#include "kernels/quantized_tile_avx512.hpp"
#else
#include "kernels/quantized_tile_avx2.hpp"
#endif
