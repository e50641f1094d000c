// Counters since the start, in Prometheus' text exposition format 0.0.4.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/messages.hpp"

namespace nanoflow {

/// Writes metric families; label values are escaped.
class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
  void family(std::string_view name, std::string_view type, std::string_view help);
  void value(std::string_view name, const Labels& labels, double value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class Histogram {
 public:
  void observe(double seconds);
  void write(MetricsText& out, const std::string& name, std::string_view help) const;

 private:
  static constexpr std::array bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                        0.25,  0.5,    1.0,   2.5,  5.0,   10.0, 30.0};
  std::array<std::uint64_t, bounds.size() + 1> counts_{};
  double sum_ = 0;
};

/// What ended requests say.
class RequestMetrics {
 public:
  void add(const RequestRecord& record);
  void write(MetricsText& out) const;

 private:
  struct Tokens {
    std::uint64_t prompt = 0, cached = 0, completion = 0;
  };
  std::map<std::pair<std::string, std::string>, std::uint64_t> requests_;  // by model and finish
  std::map<std::string, Tokens> tokens_;                                   // by model
  Histogram ttft_, tpot_;
};

}  // namespace nanoflow
