#pragma once
#include <string>
#include <string_view>

namespace nanoflow::text {

/// Oniguruma's syntax in PCRE2's, where the two differ. Throws ModelError for what PCRE2 has no
/// word for.
std::string to_pcre2(std::string_view pattern);

}  // namespace nanoflow::text
