// A steady step takes no memory: this program's operator new counts. Sanitizers have an operator
// new of their own, which finds more when it stays.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <new>
#include <semaphore>
#include <thread>

#include "engine/plan/candidates.hpp"
#include "tests/engine/device/serve.hpp"

namespace {

std::atomic<bool> counting = false;
std::atomic<int> n_allocations = 0;  // on all threads, while counting

void* allocate(std::size_t size, std::size_t alignment) {
  if (counting) ++n_allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All other forms call these.
void* operator new(std::size_t size) {
  return allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace nanoflow::test {
namespace {

/// What the interface returns by value: prepare's programs, run's timelines, result's tokens.
constexpr int returned_a_step = 3;

constexpr int n_sequences = 4;
constexpr int first_position = page_size;  // of the steps, which all stay within the second page

/// Each sequence decodes a token; the second one has guesses, too.
Step decode_step(std::uint64_t number, int position, int n_draft) {
  static const auto greedy = std::make_shared<const SamplingParams>(
      SamplingParams{.temperature = 0, .logit_bias = {}, .end_tokens = {}});
  Step step;
  step.number = number;
  for (int i = 0; i < n_sequences; ++i) {
    auto& sequence = step.sequences.emplace_back();
    sequence.slot = i;
    sequence.position = position;
    sequence.n_draft = i == 1 ? n_draft : 0;
    sequence.n_rows = 1 + sequence.n_draft;
    if (sequence.n_draft > 0) sequence.tokens.assign(sequence.n_rows, 7);
    sequence.pages = {2 * i, 2 * i + 1};
    sequence.samples = true;
    sequence.sampling = greedy;
  }
  return step;
}

/// Steps on a device of two streams, the second on a thread of its own as in the daemon.
class Steps {
 public:
  explicit Steps(Schedule schedule) : schedule_(std::move(schedule)) {
    device_->streams()[0]->bind();
  }
  ~Steps() {
    program_ = nullptr;
    begin_.release();
  }

  /// Allocations a step, the most of several.
  int measure(int n_draft) {
    constexpr int warm_up = 4, measured = 8;
    int most = 0;
    for (int i = 0; i < warm_up + measured; ++i) {
      const auto step = decode_step(++number_, first_position + i, n_draft);
      n_allocations = 0;
      counting = true;
      run(step);
      counting = false;
      if (i >= warm_up) most = std::max<int>(most, n_allocations);
    }
    return most;
  }

  static const Graph& graph() {
    static const Graph graph = build_graph(Checkpoint::open(llama)->config());
    return graph;
  }

 private:
  void run(const Step& step) {
    const auto programs = model_->prepare(step, schedule_);
    if (programs.size() > 1) {
      program_ = programs[1].get();
      begin_.release();
    }
    const auto timelines = device_->streams()[0]->run(*programs[0]);
    const auto result = model_->result(step.number);
    if (programs.size() > 1) ended_.acquire();
    BOOST_REQUIRE(timelines.size() == programs.size());
    BOOST_REQUIRE(result.sampled.size() >= n_sequences);
  }

  static inline const std::string llama = NANOFLOW_TEST_DATA "/logits/llama";
  std::unique_ptr<CpuDevice> device_ = make_test_device({1, 1});
  std::shared_ptr<CpuModel> model_ = load_test_model(*device_, llama, WeightFormat::f32, 8, 64);
  Schedule schedule_;
  std::uint64_t number_ = 0;
  const Program* program_ = nullptr;  // the follower's next one; none: the end
  std::binary_semaphore begin_{0}, ended_{0};
  std::jthread follower_{[this] {
    device_->streams()[1]->bind();
    for (begin_.acquire(); program_ != nullptr; begin_.acquire()) {
      device_->streams()[1]->run(*program_);
      ended_.release();
    }
  }};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(a_steady_step)

BOOST_AUTO_TEST_CASE(allocates_only_what_it_returns) {
  const auto& graph = Steps::graph();
  for (const int n_draft : {0, 3}) {
    BOOST_TEST(Steps(sequential_schedule(graph)).measure(n_draft) == returned_a_step);
    BOOST_TEST(Steps(split_schedule(graph, 3)).measure(n_draft) == returned_a_step);
    BOOST_TEST(Steps(overlapped_schedule(graph, {"compute", "memory"}, {})).measure(n_draft) ==
               returned_a_step);
  }
}

/// Or the test above would count nothing.
BOOST_AUTO_TEST_CASE(is_counted) {
  n_allocations = 0;
  counting = true;
  const auto number = std::make_unique<int>(1);
  const auto aligned = std::make_unique<Event>();
  counting = false;
  BOOST_TEST(n_allocations == 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test

#endif
