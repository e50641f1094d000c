// What nanoflow bench sends: made-up prompts, prompts of a file, or a workload.
#pragma once
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "client/client.hpp"

namespace nanoflow::cli {

struct BenchPlan {
  std::optional<int> requests;  // a workload's lines, else 64
  int concurrency = 8, input_len = 128, output_len = 64;
  double rate = 0;  // requests/s; 0: as many at once as concurrency says
  std::string prompts_file, workload_file;
  bool chat = false;
  int seed = 1;
  std::string model;
};

struct BenchRequest {
  wire::Generate generate;
  std::optional<double> due_s;  // since the bench began; none: as soon as the concurrency allows
};

/// Greedy, and as long as the plan says unless a workload says otherwise. A line of a workload is
/// what docs/protocol.md calls `generate`, in JSON, and `at`, seconds: when the request arrives.
/// Throws UsageError on a file that holds something else.
class BenchRequests {
 public:
  BenchRequests(Client& client, const BenchPlan& plan);
  int count() const { return count_; }
  BenchRequest next();

 private:
  wire::Generate made_up();

  const BenchPlan& plan_;
  int count_ = 0, sent_ = 0;
  double due_s_ = 0;
  std::mt19937 random_;
  std::vector<wire::Token> ids_;
  std::vector<std::string> prompts_;
  std::vector<BenchRequest> workload_;
};

}  // namespace nanoflow::cli
