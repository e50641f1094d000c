#include "tests/engine/batch/serving.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "engine/device/simulated.hpp"
#include "engine/device/simulated_sampling.hpp"
#include "tests/engine/device/config_only.hpp"

namespace nanoflow::test {

std::vector<TokenId> answer_alone(const BatchRequest& request, int choice, int context) {
  const auto& prompt = *request.prompt;
  SimulatedPages pages(context / page_size + 1);
  std::vector<PageId> table(static_cast<std::size_t>(pages.n_pages()));
  std::iota(table.begin(), table.end(), 0);
  for (int i = 0; i < std::ssize(prompt); ++i)
    pages.write(table, i, prompt[static_cast<std::size_t>(i)]);
  SimulatedSlot slot{
      .started = true, .n_prompt = static_cast<int>(prompt.size()), .history = prompt};
  std::vector<TokenId> answer;
  const int most = std::min(request.max_tokens, context - slot.n_prompt);
  while (std::ssize(answer) < most) {
    const int n = static_cast<int>(slot.history.size());
    const TokenId token =
        simulated_sample(pages.digest(table, n), slot, choice, *request.sampling, vocab_size).token;
    answer.push_back(token);
    slot.history.push_back(token);
    const auto& stops = request.stop_tokens;
    if (std::find(stops.begin(), stops.end(), token) != stops.end()) break;
    pages.write(table, n, token);
  }
  return answer;
}

namespace {

class SimulatedMachine : public Machine {
 public:
  void load(const LoadOptions& options) override {
    programs_.clear();
    model_ = device_->load(std::make_shared<ConfigOnly>(vocab_size), options);
  }
  void prepare(const Step& step) override {
    const auto programs = model_->prepare(step, sequential_schedule(model_->graph()));
    BOOST_REQUIRE_EQUAL(programs.size(), 1);
    programs_.push_back(programs.front());
  }
  StepResult run() override {
    const auto program = programs_.front();
    programs_.pop_front();
    device_->streams()[0]->run(*program);
    return model_->result(program->step);
  }
  DeviceModel& model() override { return *model_; }

 private:
  std::unique_ptr<Device> device_ = make_simulated_device(SimulatedOptions{});
  std::shared_ptr<DeviceModel> model_;
  std::deque<std::shared_ptr<const Program>> programs_;
};

}  // namespace

std::unique_ptr<Machine> simulated_machine() {
  return std::make_unique<SimulatedMachine>();
}

Serving::Serving(Batcher::Options options, bool prefix_cache, std::unique_ptr<Machine> machine,
                 int n_spilled)
    : options(options),
      prefix_cache(prefix_cache),
      batcher(options),
      kv_cache({.n_pages = options.n_pages, .prefix_cache = prefix_cache, .n_spilled = n_spilled}),
      machine_(std::move(machine)) {
  load();
}

void Serving::load() {
  machine_->load({.context = batcher.context(),
                  .n_pages = options.n_pages,
                  .n_slots = options.max_sequences,
                  .max_step_tokens = options.max_step_tokens,
                  .progress = nullptr});
}

Refusal Serving::admit(BatchRequest request) {
  const auto refusal = batcher.admit(request, now()).refusal;
  if (refusal != Refusal::none) return refusal;
  auto& entry = seen[request.id];
  const auto n = static_cast<std::size_t>(request.n);
  entry.request = std::move(request);
  entry.tokens.resize(n);
  entry.logprobs.resize(n);
  entry.by_itself.resize(n);
  entry.kept.resize(n);
  return refusal;
}

void Serving::stop(RequestId request, int choice, int n_keep) {
  auto& entry = seen.at(request);
  if (entry.finished) return;
  auto& kept = entry.kept[static_cast<std::size_t>(choice)];
  kept = kept ? std::min(*kept, n_keep) : n_keep;
  take(batcher.stop(request, choice, n_keep, now()));
  changed_since_propose_ = true;
}

bool Serving::propose() {
  const auto proposal = batcher.propose(now());
  if (!proposal) return false;
  BOOST_REQUIRE(!granted);
  BOOST_REQUIRE(formed.size() <= 1);
  BOOST_REQUIRE_EQUAL(proposal->step, last_step_ + 1);
  BOOST_REQUIRE(std::ssize(proposal->reservations) <= options.max_sequences);
  changed_since_propose_ = false;
  unstarted_at_propose_.clear();
  for (const auto& request : batcher.snapshot(now()).requests)
    if (request.waiting) unstarted_at_propose_.insert(request.request);
  granted = kv_cache.reserve(*proposal);
  settle_copies();
  return true;
}

/// What has arrived goes to its page, then new copies begin: as the KV manager does it.
void Serving::settle_copies() {
  for (const auto& arrival : kv_cache.take_arrivals()) {
    const auto found = arrived_.extract(arrival.copy);
    if (arrival.page) machine_->model().copy_in(*arrival.page, found.mapped());
  }
  if (kv_cache.take_ask_again()) batcher.ask_again();
  for (const auto& copy : kv_cache.start_copies(3)) {
    auto& started = copies_.emplace_back(CopyInFlight{copy, {}});
    for (const auto& other : copies_)
      BOOST_REQUIRE(&other == &started || other.copy.slot != copy.slot || !other.copy.out);
    if (!copy.out) continue;
    started.bytes.resize(machine_->model().page_bytes());
    machine_->model().copy_out(copy.page, started.bytes);
  }
}

void Serving::copy() {
  if (copies_.empty()) return;
  auto ended = std::move(copies_.front());
  copies_.pop_front();
  if (ended.copy.out)
    file_[ended.copy.slot] = std::move(ended.bytes);
  else
    arrived_[ended.copy.id] = file_.at(ended.copy.slot);
  kv_cache.copied(ended.copy.id, 1);
  settle_copies();
}

bool Serving::form() {
  if (stale_) BOOST_REQUIRE(!batcher.form(*std::exchange(stale_, std::nullopt)));
  if (!granted) return false;
  const auto step = batcher.form(*std::exchange(granted, std::nullopt));
  check_started_in_order();
  check_pages();
  if (!step) return false;
  BOOST_REQUIRE_EQUAL(step->number, ++last_step_);
  BOOST_REQUIRE(step->n_tokens() <= options.max_step_tokens);
  formed.push_back(*step);
  BOOST_REQUIRE(formed.size() <= 2);
  check_writes(*step);
  machine_->prepare(*step);
  return true;
}

/// Whoever starts goes before all who wait; a cache may let someone wait for a prefix.
void Serving::check_started_in_order() {
  if (prefix_cache) return;
  bool one_waits = false;
  for (const auto& request : batcher.snapshot(now()).requests) {
    if (!unstarted_at_propose_.contains(request.request)) continue;
    if (!request.waiting) BOOST_REQUIRE(!one_waits);
    one_waits |= request.waiting;
  }
}

/// Right after a proposal was answered, only what runs has pages: what ended has given its own
/// back.
void Serving::check_pages() {
  if (changed_since_propose_) return;
  int held = 0;
  for (const auto& request : batcher.snapshot(now()).requests) held += request.pages;
  const auto usage = kv_cache.usage();
  BOOST_REQUIRE(usage.total - usage.free <= held);
  if (!prefix_cache) BOOST_REQUIRE_EQUAL(usage.total - usage.free, held);
}

/// What a sequence writes in a step, no other one of that step has: its page is not ready yet.
void Serving::check_writes(const Step& step) {
  std::map<PageId, int> n_having;
  for (const auto& sequence : step.sequences)
    for (const PageId page : sequence.pages) ++n_having[page];
  for (const auto& sequence : step.sequences)
    for (auto i = static_cast<std::size_t>(sequence.position / page_size);
         i < sequence.pages.size(); ++i)
      BOOST_REQUIRE_EQUAL(n_having[sequence.pages[i]], 1);
}

void Serving::run() {
  if (formed.empty()) return;
  const auto result = machine_->run();
  BOOST_REQUIRE_EQUAL(result.number, formed.front().number);
  formed.pop_front();
  ++n_run;
  take(batcher.finish(result, now()));
}

void Serving::recover() {
  batcher.recover(now());
  if (granted) stale_ = std::exchange(granted, std::nullopt);
  formed.clear();
  changed_since_propose_ = true;
  load();
}

void Serving::turn() {
  for (int i = 0; i < 3 && (propose() || granted); ++i) form();
  run();
  copy();
  ++ms;
}

void Serving::drain() {
  std::int64_t wanted = 100;
  for (const auto& [id, entry] : seen) {
    const auto rows = std::ssize(*entry.request.prompt) + entry.request.max_tokens;
    if (!entry.finished) wanted += 20 * rows * entry.request.n;
  }
  while (!batcher.idle()) {
    BOOST_REQUIRE(--wanted > 0);
    turn();
  }
}

void Serving::take(const StepEvents& events) {
  changed_since_propose_ |= !events.empty();
  for (const auto& event : events.tokens) {
    auto& entry = seen.at(event.request);
    BOOST_REQUIRE(!entry.finished);
    const auto choice = static_cast<std::size_t>(event.choice);
    BOOST_REQUIRE(!entry.by_itself[choice] && !entry.kept[choice]);
    BOOST_REQUIRE_EQUAL(event.index, std::ssize(entry.tokens[choice]));
    entry.tokens[choice].push_back(event.token);
    entry.logprobs[choice].push_back(event.logprobs);
    entry.by_itself[choice] = event.finish;
  }
  for (const auto& finished : events.finished) {
    auto& entry = seen.at(finished.request);
    BOOST_REQUIRE(!entry.finished);  // exactly one end
    entry.finished = finished;
  }
}

}  // namespace nanoflow::test
