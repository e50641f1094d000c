// What nanoflow bench measures, apart from the daemon it measures.
#pragma once
#include <vector>

#include "client/protocol.hpp"

namespace nanoflow::cli {

/// One request as its client saw it; seconds since the bench began.
struct Sample {
  double sent_s = 0, first_s = 0, last_s = 0;
  int prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  bool failed = false;
  int choices = 1;                                    // answers that it asked for
  double ttft_s() const { return first_s - sent_s; }  // time to the first token
  double tpot_s() const {                             // time per token after the first
    return completion_tokens > 1 ? (last_s - first_s) / (completion_tokens - 1) : 0;
  }
};

/// Nearest rank: the smallest value that at least this share (0 to 1) of the values does not
/// exceed.
double percentile(std::vector<double> values, double share);

/// requests, failed, seconds, *_per_s, and ttft_ms and tpot_ms with p50, p90, p99.
wire::Json summarise(const std::vector<Sample>& samples, double seconds);

}  // namespace nanoflow::cli
