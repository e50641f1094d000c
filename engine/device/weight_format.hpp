#pragma once
#include <optional>
#include <string_view>

namespace nanoflow {

/// How a model's weights are kept in memory. automatic: as the file has them, where there is a
/// kernel for that, else bf16.
enum class WeightFormat { automatic, f32, bf16, int8, int4 };

/// "auto", "f32", "bf16", "int8" and "int4"; nothing for other words.
std::optional<WeightFormat> parse_weight_format(std::string_view word);
/// What parse_weight_format takes, for messages.
inline constexpr std::string_view weight_formats = "auto, f32, bf16, int8 or int4";

}  // namespace nanoflow
