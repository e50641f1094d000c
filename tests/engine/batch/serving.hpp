// A batcher, a KV cache and a device, driven by hand: what the actors do, without actors.
#pragma once
#include <deque>
#include <map>
#include <set>

#include "engine/batch/batcher.hpp"
#include "engine/device/device.hpp"
#include "engine/kv/kv_cache.hpp"

namespace nanoflow::test {

inline constexpr int vocab_size = 97;

inline Clock::time_point at_ms(std::int64_t ms) {
  return Clock::time_point(std::chrono::milliseconds(ms));
}

/// The tokens of one choice, computed without batcher and KV cache: one page after the other, one
/// token after the other.
std::vector<TokenId> answer_alone(const BatchRequest& request, int choice, int context);

/// What a client saw of one request.
struct Seen {
  BatchRequest request;
  std::vector<std::vector<TokenId>> tokens;                         // [n]
  std::vector<std::vector<std::optional<TokenLogprobs>>> logprobs;  // [n], of each token
  std::vector<std::optional<FinishReason>> by_itself;               // [n], as the last token said
  std::vector<std::optional<int>> kept;                             // [n], cut by a stop string
  std::optional<Finished> finished;
};

/// What computes the steps.
class Machine {
 public:
  virtual ~Machine() = default;
  /// A model with empty pages and slots.
  virtual void load(const LoadOptions& options) = 0;
  virtual void prepare(const Step& step) = 0;
  /// Of the steps prepared the oldest.
  virtual StepResult run() = 0;
  virtual DeviceModel& model() = 0;
};
std::unique_ptr<Machine> simulated_machine();

class Serving {
 public:
  /// n_spilled: pages that a spill file holds; 0: there is none.
  Serving(Batcher::Options options, bool prefix_cache,
          std::unique_ptr<Machine> machine = simulated_machine(), int n_spilled = 0);

  Refusal admit(BatchRequest request);
  void cancel(RequestId request) { take(batcher.cancel(request, now())); }
  void stop(RequestId request, int choice, int n_keep);
  void expire() { take(batcher.expire(now())); }

  bool propose();  // false: nothing to propose
  bool form();     // grants that wait and forms; false: no step came of it
  void run();      // the oldest step in flight, and takes its tokens
  void copy();     // ends the oldest copy from or to the spill file
  void recover();  // the device loses steps, pages and slots
  /// One round of all of it.
  void turn();
  /// Until nothing is left. Fails where that takes more steps than it may.
  void drain();

  Clock::time_point now() const { return at_ms(ms); }

  Batcher::Options options;
  bool prefix_cache;
  Batcher batcher;
  KvCache kv_cache;
  std::int64_t ms = 0;
  std::map<RequestId, Seen> seen;
  std::optional<Grants> granted;  // and not formed yet
  std::deque<Step> formed;        // not run yet
  std::uint64_t n_run = 0;

 private:
  /// A copy that a real file would still be busy with.
  struct CopyInFlight {
    PageCopy copy;
    std::vector<std::byte> bytes;  // out: of the page
  };
  void take(const StepEvents& events);
  void settle_copies();
  void load();
  void check_started_in_order();
  void check_pages();
  static void check_writes(const Step& step);

  std::unique_ptr<Machine> machine_;
  std::deque<CopyInFlight> copies_;
  std::map<int, std::vector<std::byte>> file_;               // by slot
  std::map<std::uint64_t, std::vector<std::byte>> arrived_;  // by copy
  std::optional<Grants> stale_;                              // of a proposal from before recover()
  std::uint64_t last_step_ = 0;
  bool changed_since_propose_ = false;
  std::set<RequestId> unstarted_at_propose_;
};

}  // namespace nanoflow::test
