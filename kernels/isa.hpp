// Which version of the kernels runs, and the rounding mode that all of them assume.
//
// Every operation X has versions with one signature: ref::X (plain loops), avx2::X and avx512::X,
// and where other instructions help avx512_bf16::X or amx::X; X itself calls the chosen one. All
// give the same bits, so the choice changes only the speed: but for products with bf16 weights,
// whose order of addition depends on the instructions (bf16_matmul.hpp). One machine always chooses
// the same, and with one choice each result has one order.
#pragma once
#include <string_view>

namespace nanoflow::kernels {

/// avx512_bf16: all of avx512, and its products of bf16. amx: all of avx512, and AMX's products of
/// tiles of 8 bits and of bf16.
enum class Isa { reference, avx2, avx512, avx512_bf16, amx };
std::string_view to_string(Isa isa);

/// Whether this processor and operating system run it. The reference runs everywhere.
bool supported(Isa isa);
/// What runs now: at first the fastest supported, or what the environment variable NANOFLOW_ISA
/// names (reference, avx2, avx512, avx512_bf16, amx). Throws std::runtime_error when that is
/// unknown or not supported. avx512_bf16 is chosen on AMD's processors only: an Intel one was
/// measured to multiply half as fast with it as without.
Isa current_isa();
/// Chooses for the whole process; for tests and benches, while no kernel runs. Throws like
/// current_isa.
void use_isa(Isa isa);

/// Round to nearest, denormals are zero (FTZ and DAZ), for the calling thread. Every thread that
/// calls kernels calls this once: promise 8 (the same bits on every thread) rests on it.
void set_float_mode();

/// A half-open range of rows, columns or heads: how a team shares out an operation.
struct Range {
  int begin = 0, end = 0;
  int size() const { return end - begin; }
};

}  // namespace nanoflow::kernels
