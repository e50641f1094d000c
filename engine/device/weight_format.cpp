#include "engine/device/weight_format.hpp"

namespace nanoflow {

std::optional<WeightFormat> parse_weight_format(std::string_view word) {
  if (word == "auto") return WeightFormat::automatic;
  if (word == "f32") return WeightFormat::f32;
  if (word == "bf16") return WeightFormat::bf16;
  if (word == "int8") return WeightFormat::int8;
  if (word == "int4") return WeightFormat::int4;
  return std::nullopt;
}

}  // namespace nanoflow
