// Every sampling field once: its name on the wire, its range and its help. Decoding, encoding and
// the command line's options all read this table, so none of them can know a field or a limit that
// another does not.
#pragma once
#include <span>
#include <string_view>
#include <variant>

#include "client/protocol.hpp"

namespace nanoflow::wire {

/// What a number may be. `above_min` leaves the smallest value itself out.
struct Range {
  double min, max;
  bool above_min = false;
  bool contains(double value) const {
    return (above_min ? value > min : value >= min) && value <= max;
  }
};
/// "must be from 0 to 100", "must be above 0 and at most 1", "must be at least 1".
std::string describe(const Range& range);

using SamplingMember =
    std::variant<std::optional<int> Sampling::*, std::optional<double> Sampling::*,
                 std::optional<bool> Sampling::*, std::optional<std::uint64_t> Sampling::*,
                 std::vector<std::string> Sampling::*, std::vector<Token> Sampling::*,
                 std::vector<std::pair<Token, double>> Sampling::*>;

struct SamplingField {
  std::string_view name;
  SamplingMember member;
  Range range;                // of the number, or of each bias; unused for texts and flags
  std::size_t max_count = 1;  // of a list's entries
  std::string_view help;      // one line for --help, with the default
};

std::span<const SamplingField> sampling_fields();

inline constexpr int max_int = 2147483647;
inline constexpr std::size_t max_stop_bytes = 1024;

}  // namespace nanoflow::wire
