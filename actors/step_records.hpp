#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/protocol.hpp"
#include "engine/plan/launch_span.hpp"
#include "engine/plan/roofline.hpp"
#include "engine/plan/schedule_table.hpp"

namespace nanoflow {

/// What a model's steps needed, and how they looked when they ran: all that `plan` says but for the
/// choice itself.
class StepRecords {
 public:
  struct Model {
    Graph graph;
    std::string weights;                          // as they are kept: "int4 and int8"
    double weight_bytes = 2, kv_bytes = 2;        // of one weight; of one number of K or V
    std::vector<std::string> streams{"compute"};  // the device's
  };
  explicit StepRecords(Model model) : model_(std::move(model)) {}

  /// From now on steps are held against these.
  void use(const Peaks& peaks) { peaks_ = peaks; }
  /// A step ended. True: its launches are worth keeping, which of a kind and candidate is one in
  /// ever more steps, so that it costs next to nothing.
  bool add(const StepShape& shape, const BatchSignature& signature, int candidate);
  /// It took so long, and its launches ran then: kept until the next one of its kind.
  void keep(const BatchSignature& signature, int candidate, double ms,
            const std::vector<LaunchSpan>& launches);

  /// Adds `peaks` where they are known, `costs` and `ran`; explained: `timelines` too, of the kinds
  /// of batch that most steps were of, each kind's chosen schedule beside sequential or beside the
  /// best that was rejected.
  void describe(wire::Json& plan, const ScheduleTable& table, bool explained) const;

 private:
  struct Drawn {
    BatchSignature signature;
    double ms = 0;
    std::vector<LaunchSpan> layer;
  };
  using Key = std::pair<SignatureBucket, int>;  // candidate
  void describe_timelines(wire::Json& rows, const ScheduleTable& table,
                          const SignatureBucket& bucket, const ScheduleTable::Entry& entry) const;
  wire::Json describe(const Key& key, const Drawn& drawn) const;
  std::string bound_by(OperationKind kind) const;

  Model model_;
  Peaks peaks_;
  std::uint64_t n_steps_ = 0;
  std::int64_t n_rows_ = 0, n_sampled_rows_ = 0;
  double roofline_s_ = 0;
  StepNeeds needs_;
  std::map<Key, std::uint64_t> n_ended_;
  std::map<Key, Drawn> drawn_;
};

}  // namespace nanoflow
