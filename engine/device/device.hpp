// What a device is to the actors: streams that run programs, and models loaded onto it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/batch/step.hpp"
#include "engine/device/kv_format.hpp"
#include "engine/device/weight_format.hpp"
#include "engine/model/checkpoint.hpp"
#include "engine/plan/graph.hpp"
#include "engine/plan/launch_span.hpp"
#include "engine/plan/profile.hpp"
#include "engine/plan/program.hpp"

namespace nanoflow {

struct LoadOptions {
  WeightFormat weights = WeightFormat::automatic;
  KvFormat kv = KvFormat::automatic;
  int context = 0;          // longest sequence, tokens
  int n_pages = 0;          // KV pages
  int n_slots = 0;          // sequences that can run at once; each samples, and max_draft_rows more
  int max_step_tokens = 0;  // rows of the largest step
  bool keep_logits = false;  // of every row that samples, although its token may not need them
  /// Called now and then with bytes done and in all; what it throws ends the load.
  std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> progress;
};

/// One loaded model: weights, KV pages, slots, and two step buffers, so that a step is prepared
/// while the one before it runs. Threads: prepare and result may be called while a stream runs a
/// program of another step.
class DeviceModel {
 public:
  virtual ~DeviceModel() = default;
  virtual const Graph& graph() const = 0;
  virtual std::string weights() const = 0;  // how they are kept: "bf16", "int4 and int8", ...
  virtual double weight_bytes() const = 0;  // of one weight, on average
  virtual std::uint64_t bytes()
      const = 0;  // resident: weights, workspace, touched or untouched pages

  /// Throws std::logic_error where the schedule is not valid for this model and device.
  virtual void check(const Schedule& schedule) const = 0;
  /// Copies what the step's programs read into buffer step.number % 2, and compiles a program per
  /// stream of the schedule, which was checked. The step with the same parity before it must have
  /// finished: the programs may live in its buffer, too, and are overwritten. Whoever holds a
  /// program holds the model.
  virtual std::vector<std::shared_ptr<const Program>> prepare(const Step& step,
                                                              const Schedule& schedule) = 0;
  /// A KV page's content in all layers; 0: pages cannot be copied.
  virtual std::uint64_t page_bytes() const { return 0; }
  /// Copies a page to or from bytes, [page_bytes]: on any thread, beside steps that do not write
  /// the page and, where it is copied into, do not read it either.
  virtual void copy_out(PageId, std::span<std::byte>) const {}
  virtual void copy_in(PageId, std::span<const std::byte>) {}
  /// What can be measured on this device; without streams: nothing.
  virtual ProbeLimits probe_limits() const { return {}; }
  /// Takes the memory that probes need, which may take half a second: beside steps, on any thread.
  virtual void begin_probes() {}
  /// A program per load, which repeats an operation on made-up rows. While no step is in flight,
  /// and between begin_probes and end_probes.
  virtual std::vector<std::shared_ptr<const Program>> prepare_probe(const Probe&) { return {}; }
  /// Gives the memory back, or leaves it to the programs that still run on it.
  virtual void end_probes() {}
  /// After the step's programs ended.
  virtual StepResult result(std::uint64_t step_number) = 0;
  /// When each launch of that step ran, by stream; nothing where the device does not know. Until
  /// its buffer is prepared anew.
  virtual std::vector<LaunchSpan> launches(std::uint64_t) const { return {}; }
};

/// One resource's worker: runs one program at a time, on the calling thread and on threads it owns.
/// A device's first stream leads: it begins and ends a step. A program may wait for what another
/// stream's program of the same step does, so the other streams, its followers, must be given their
/// programs in the order in which the leader runs its own.
class DeviceStream {
 public:
  virtual ~DeviceStream() = default;
  virtual const std::string& name() const = 0;  // "compute", ...
  virtual int n_workers() const = 0;
  /// Binds the calling thread to the stream; once, before run, by the thread that will call run.
  virtual void bind() = 0;
  /// Blocks until the program is done; the leader, until all programs of the step are, and then
  /// returns the timelines of all streams. Throws on a device failure; the leader also where a
  /// follower failed.
  virtual std::vector<ProgramTimeline> run(const Program& program) = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const std::string& name() const = 0;  // "cpu", "simulated", "null"
  virtual const std::string& description()
      const = 0;  // for the log: processor, threads, instruction set
  virtual std::span<const std::unique_ptr<DeviceStream>> streams() = 0;
  /// Memory that one KV page of this model takes.
  virtual std::uint64_t page_bytes(const ModelConfig& config, WeightFormat weights,
                                   KvFormat kv) const = 0;
  /// Memory that the model's weights take.
  virtual std::uint64_t weight_bytes(const Checkpoint& checkpoint, WeightFormat weights) const = 0;
  /// Throws ModelError, or std::bad_alloc when the memory is not there.
  virtual std::shared_ptr<DeviceModel> load(std::shared_ptr<const Checkpoint> checkpoint,
                                            const LoadOptions& options) = 0;
};

struct DeviceOptions {
  std::string kind = "auto";  // auto | cpu | simulated | null
  int threads = 0;            // 0: as many as the affinity and the cgroup allow
};
/// Throws std::runtime_error: an unknown kind, or a device that this machine or build does not
/// have.
std::unique_ptr<Device> make_device(const DeviceOptions& options);
/// Cores that this process may use: the affinity mask's, bounded by the cgroup's quota.
int available_threads();
/// Bytes that this process may still use: free memory, bounded by the cgroup's limit.
std::uint64_t available_memory();

}  // namespace nanoflow
