#include <algorithm>
#include <cmath>

#include "client/cli/bench.hpp"

namespace nanoflow::cli {
namespace {

wire::Json percentiles_ms(const std::vector<double>& seconds) {
  wire::Json row = wire::Json::object();
  for (const auto& [name, share] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}})
    row[name] = percentile(seconds, share) * 1000;
  return row;
}

}  // namespace

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = std::size_t(std::ceil(share * double(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

wire::Json summarise(const std::vector<Sample>& samples, double seconds) {
  std::vector<double> ttft, tpot;
  double input = 0, cached = 0, output = 0;
  int failed = 0;
  for (const Sample& sample : samples) {
    failed += sample.failed;
    if (sample.failed) continue;
    ttft.push_back(sample.ttft_s());
    if (sample.completion_tokens > 1) tpot.push_back(sample.tpot_s());
    input += sample.prompt_tokens;
    cached += sample.cached_tokens;
    output += sample.completion_tokens;
  }
  const double done = double(samples.size()) - failed;
  return {{"requests", samples.size()},
          {"failed", failed},
          {"wall_seconds", seconds},
          {"input_tokens", input},
          {"cached_tokens", cached},
          {"output_tokens", output},
          {"requests_per_s", done / seconds},
          {"output_tokens_per_s", output / seconds},
          {"total_tokens_per_s", (input + output) / seconds},
          {"ttft_ms", percentiles_ms(ttft)},
          {"tpot_ms", percentiles_ms(tpot)}};
}

}  // namespace nanoflow::cli
