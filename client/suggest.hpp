#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nanoflow {

/// The candidate that a misspelt word most likely meant; none when nothing is near.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);
/// " (did you mean 'x'?)", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

/// Text safe to show inside an error message: control characters and broken UTF-8 escaped, long
/// text cut.
std::string in_quotes(std::string_view text, std::size_t max_bytes = 64);

/// Where the text stops being UTF-8 (overlong forms and surrogates are not UTF-8); none when it all
/// is.
std::optional<std::size_t> find_broken_utf8(std::string_view text);

}  // namespace nanoflow
