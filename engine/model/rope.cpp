#include "engine/model/rope.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "engine/model/error.hpp"

namespace nanoflow {

namespace {

/// Llama 3.1: long wavelengths are stretched, short ones kept, those between interpolated. Formula:
/// the published model code of Llama 3.1, apply_scaling.
double llama3(const RopeSettings& s, double frequency) {
  const double wavelength = 2 * std::numbers::pi / frequency;  // tokens a turn
  if (wavelength < s.original_context / s.high_freq_factor) return frequency;
  if (wavelength > s.original_context / s.low_freq_factor) return frequency / s.factor;
  const double smooth = (s.original_context / wavelength - s.low_freq_factor) /
                        (s.high_freq_factor - s.low_freq_factor);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

/// YaRN ("Efficient Context Window Extension", Peng et al., 2023, section 3.2): a ramp over the
/// dimensions from unchanged (fast turning) to stretched (slow turning).
double yarn(const RopeSettings& s, double frequency, int pair, int head_dim) {
  const auto dimension =
      [&](double turns) {  // the pair that turns so often within the original context
        return head_dim * std::log(s.original_context / (turns * 2 * std::numbers::pi)) /
               (2 * std::log(s.base));
      };
  double low = dimension(s.beta_fast), high = dimension(s.beta_slow);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, head_dim - 1.0);
  if (low == high) high += 0.001;
  const double stretched = std::clamp((pair - low) / (high - low), 0.0, 1.0);
  return frequency / s.factor * stretched + frequency * (1 - stretched);
}

double scaled(const RopeSettings& s, double frequency, int pair, int head_dim) {
  if (s.scaling == "linear") return frequency / s.factor;
  if (s.scaling == "llama3") return llama3(s, frequency);
  if (s.scaling == "yarn") return yarn(s, frequency, pair, head_dim);
  return frequency;  // "dynamic" changes nothing within the model's context, and nothing more is
                     // served
}

}  // namespace

Rope make_rope(const RopeSettings& settings, int head_dim, Rope::Pairs pairs) {
  Rope rope;
  rope.pairs = pairs;
  for (int pair = 0; pair < head_dim / 2; ++pair) {
    const double frequency = std::pow(settings.base, -2.0 * pair / head_dim);
    rope.inverse_frequencies.push_back(
        static_cast<float>(scaled(settings, frequency, pair, head_dim)));
  }
  if (settings.scaling == "yarn") rope.magnitude = static_cast<float>(settings.magnitude);
  return rope;
}

void divide_frequencies(Rope& rope, const TensorView& factors) {
  if (factors.dtype != DType::f32 ||
      factors.data.size() != rope.inverse_frequencies.size() * sizeof(float)) {
    throw ModelError("tensor " + printable(factors.name) + ": expected " +
                     std::to_string(rope.inverse_frequencies.size()) +
                     " numbers of type f32, found " + std::to_string(factors.elements()) +
                     " of type " + std::string(to_string(factors.dtype)));
  }
  for (std::size_t i = 0; i < rope.inverse_frequencies.size(); ++i) {
    float factor;
    std::memcpy(&factor, factors.data.data() + i * sizeof factor, sizeof factor);
    if (!(factor >= 1e-9F && factor <= 1e9F)) {
      throw ModelError("tensor " + printable(factors.name) +
                       ": expected numbers from 1e-9 to 1e9, found " + std::to_string(factor));
    }
    rope.inverse_frequencies[i] /= factor;
  }
}

}  // namespace nanoflow
