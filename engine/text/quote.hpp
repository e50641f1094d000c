#pragma once
#include <string>
#include <string_view>

namespace nanoflow::text {

/// Text from a file, fit for an error message: in quotes, printable, not too long.
std::string quote(std::string_view text);

}  // namespace nanoflow::text
