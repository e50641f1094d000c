// Philox4x32-10: random numbers as a pure function of a counter and a key.
// Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11.
#pragma once
#include <array>
#include <cstdint>

namespace nanoflow::kernels {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// The draw in [0, 1), a multiple of 2^-53, that picks the token at `position` of a request's
/// `choice`: key is the seed (low word first), counter is (position, choice, 0, 0), and the first
/// two words make the number.
double uniform(std::uint64_t seed, std::uint32_t choice, std::uint32_t position);

}  // namespace nanoflow::kernels
