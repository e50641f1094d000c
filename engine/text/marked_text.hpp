#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace nanoflow {

/// Text in which some ranges came from a user: there, "<|im_end|>" is eleven characters and not a
/// token.
struct MarkedText {
  struct Range {
    std::size_t begin = 0, end = 0;  // bytes, half open
  };
  std::string text;
  std::vector<Range> literal;  // ascending, disjoint
};

}  // namespace nanoflow
