#pragma once

namespace nanoflow::text {

bool is_white_space(char32_t c);  // Unicode's property White_Space
bool is_word(char32_t c);         // a letter, a mark, a digit or a connector, as \w

}  // namespace nanoflow::text
