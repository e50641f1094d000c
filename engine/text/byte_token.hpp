#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace nanoflow::text {

// The tokens by which vocabularies of characters write single bytes: "<0x00>" to "<0xFF>".
std::string byte_token(unsigned char byte);
std::optional<unsigned char> parse_byte_token(std::string_view text);

}  // namespace nanoflow::text
