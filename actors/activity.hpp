// What happened in the last second: how busy each stream was, and how many tokens went through.
#pragma once
#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "actors/messages.hpp"

namespace nanoflow {

/// How busy the streams are. Times are the steady clock's, in nanoseconds.
class StreamActivity {
 public:
  static constexpr std::int64_t window_ns = 1'000'000'000;

  struct Rates {
    std::string stream;
    double busy_share = 0, flops_per_s = 0, bytes_per_s = 0, steps_per_s = 0;
  };
  struct Totals {
    double busy_s = 0, flops = 0, bytes = 0;
    std::uint64_t programs = 0;
  };
  void add(const StreamTimeline& timeline);
  std::vector<Rates> rates(std::int64_t now_ns) const;
  const std::map<std::string, Totals>& totals() const { return totals_; }

 private:
  std::map<std::string, std::deque<ProgramTimeline>> recent_;
  std::map<std::string, Totals> totals_;
};

/// Tokens a second, from counters that are read now and then.
class TokenRate {
 public:
  static constexpr auto window = std::chrono::seconds(2);

  void sample(Clock::time_point now, std::uint64_t prompt_rows, std::uint64_t decode_rows);
  struct Rate {
    double prompt_per_s = 0, decode_per_s = 0;
  };
  Rate rate(Clock::time_point now) const;
  bool is_due(Clock::time_point now) const;

 private:
  struct Sample {
    Clock::time_point at;
    std::uint64_t prompt_rows = 0, decode_rows = 0;
  };
  std::deque<Sample> samples_;
};

}  // namespace nanoflow
