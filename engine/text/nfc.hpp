#pragma once
#include <string>
#include <string_view>

namespace nanoflow::text {

/// Unicode's Normalization Form C of a text of whole characters (Unicode Standard Annex #15).
std::string to_nfc(std::string_view text);

}  // namespace nanoflow::text
