#include "engine/device/kv_format.hpp"

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

double kv_number_bytes(KvFormat format, int head_dim) {
  if (format == KvFormat::int8) return 1 + double{sizeof(float)} / head_dim;
  return format == KvFormat::f32 ? 4 : 2;
}

}  // namespace nanoflow
