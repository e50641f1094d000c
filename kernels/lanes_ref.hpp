// The order in which sums over a row are taken, for the references: as 16 vector lanes would.
#pragma once
#include <array>

namespace nanoflow::kernels::ref {

/// Adds lanes 8, 4, 2 and 1 apart.
inline float sum_of_lanes(std::array<float, 16> lanes) {
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace nanoflow::kernels::ref
