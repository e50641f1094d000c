#include "engine/device/kv_format.hpp"

#include "engine/batch/step.hpp"

namespace nanoflow {

std::optional<KvFormat> parse_kv_format(std::string_view word) {
  for (const KvFormat format :
       {KvFormat::automatic, KvFormat::f32, KvFormat::bf16, KvFormat::int8}) {
    if (word == to_string(format)) return format;
  }
  return std::nullopt;
}

std::string_view to_string(KvFormat format) {
  switch (format) {
    case KvFormat::f32:
      return "f32";
    case KvFormat::bf16:
      return "bf16";
    case KvFormat::int8:
      return "int8";
    case KvFormat::automatic:
      break;
  }
  return "auto";
}

KvFormat resolve(KvFormat format, WeightFormat weights) {
  if (format != KvFormat::automatic) return format;
  return weights == WeightFormat::f32 ? KvFormat::f32 : KvFormat::bf16;
}

double kv_number_bytes(const ModelConfig& config, std::uint64_t page_bytes) {
  const double numbers = 2.0 * page_size * config.kv_dim() * config.n_layers;
  return static_cast<double>(page_bytes) / numbers;
}

}  // namespace nanoflow
