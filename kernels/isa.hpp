// Which version of the kernels runs, and the rounding mode that all of them assume.
//
// Every operation X has versions with one signature: ref::X (plain loops), avx2::X and avx512::X,
// and where matrix instructions help amx::X; X itself calls the chosen one. All give the same bits,
// so the choice changes only the speed.
#pragma once
#include <string_view>

namespace nanoflow::kernels {

/// amx: all of avx512, and AMX's products of 8-bit tiles.
enum class Isa { reference, avx2, avx512, amx };
std::string_view to_string(Isa isa);

/// Whether this processor and operating system run it. The reference runs everywhere.
bool supported(Isa isa);
/// What runs now: at first the best supported, or what the environment variable NANOFLOW_ISA names
/// (reference, avx2, avx512, amx). Throws std::runtime_error when that is unknown or not supported.
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
