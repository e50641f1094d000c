#pragma once
#include <optional>
#include <string_view>

#include "engine/device/weight_format.hpp"

namespace nanoflow {

/// How keys and values are kept in memory. automatic: f32 beside f32 weights, else bf16.
enum class KvFormat { automatic, f32, bf16, int8 };

/// "auto", "f32", "bf16" and "int8"; nothing for other words.
std::optional<KvFormat> parse_kv_format(std::string_view word);
std::string_view to_string(KvFormat format);
/// What parse_kv_format takes, for messages.
inline constexpr std::string_view kv_formats = "auto, f32, bf16 or int8";

/// What automatic is beside such weights; any other format itself.
KvFormat resolve(KvFormat format, WeightFormat weights);

/// Bytes of one number of K or V, its part of its head's scale included. Not of automatic.
double kv_number_bytes(KvFormat format, int head_dim);

}  // namespace nanoflow
