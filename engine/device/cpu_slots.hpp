#pragma once
#include <memory>
#include <vector>

#include "engine/batch/step.hpp"
#include "kernels/sample.hpp"

namespace nanoflow {

/// What a running sequence leaves on the device between its steps, so that its next step can be
/// prepared before this one's token is known. Steps touch it while they run, in their order.
class CpuSlot {
 public:
  void begin(std::shared_ptr<const SlotStart> start);
  void append(TokenId token, bool needs_history);

  TokenId newest() const { return newest_; }
  int n_generated() const { return n_generated_; }
  /// Of every token so far, by ascending id. Counted when a penalty first asks for it.
  const std::vector<kernels::TokenCount>& history();

 private:
  void count(TokenId token, int generated);

  TokenId newest_ = 0;
  int n_generated_ = 0;
  std::shared_ptr<const SlotStart> start_;  // until it is counted
  std::vector<kernels::TokenCount> history_;
};

}  // namespace nanoflow
