#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nanoflow::text {

/// Looks for one string in a text that comes byte by byte, in constant time a byte on average.
/// Knuth, Morris, Pratt, "Fast Pattern Matching in Strings", 1977.
class StopMatcher {
 public:
  explicit StopMatcher(std::string wanted);
  /// True when the text now ends with the string.
  bool push(char byte);
  /// How many of the last bytes may be its beginning.
  std::size_t matched() const { return matched_; }
  std::size_t size() const { return wanted_.size(); }

 private:
  std::string wanted_;
  std::vector<std::uint32_t>
      border_;  // of the first i bytes: the longest proper prefix that is a suffix
  std::size_t matched_ = 0;
};

}  // namespace nanoflow::text
