#include "tests/engine/device/serve.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <numeric>
#include <thread>
#include <utility>

#include "engine/device/limits.hpp"

namespace nanoflow::test {

namespace {

/// One request on its way.
struct Running {
  const Request& request;
  SlotId slot = 0;
  int computed = 0;  // tokens whose K and V are stored, or will be by the steps prepared
  int sampled = 0;   // tokens chosen, or to be chosen by the steps prepared
  int n_right = 0;   // guesses in the step prepared
  std::vector<PageId> pages = {};
  Answer answer = {};

  bool done() const { return sampled == request.n_tokens; }
};

class TestScheduler {
 public:
  TestScheduler(const std::vector<Request>& requests, const Mix& mix, int n_pages)
      : mix_(mix), random_(mix.seed), free_pages_(n_pages) {
    std::iota(free_pages_.rbegin(), free_pages_.rend(), 0);
    if (mix.shuffle_pages) std::shuffle(free_pages_.begin(), free_pages_.end(), random_);
    for (const auto& request : requests)
      running_.push_back({request, static_cast<SlotId>(running_.size())});
    if (mix.shuffle_pages)
      for (std::size_t i = 0; i < running_.size(); ++i)
        std::swap(running_[i].slot, running_[random_() % running_.size()].slot);
  }

  bool done() const {
    return std::all_of(running_.begin(), running_.end(),
                       [](const Running& running) { return running.done(); });
  }

  Step next(std::uint64_t number) {
    Step step;
    step.number = number;
    std::vector<int> order(running_.size());
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random_);
    while (step.sequences.empty())
      for (const int index : order)
        if (!running_[index].done() && std::bernoulli_distribution(mix_.join)(random_))
          step.sequences.push_back(rows_of(running_[index]));
    return step;
  }

  void finish(const Step& step, CpuModel& model) {
    const auto result = model.result(step.number);
    int row = 0;
    auto sampled = result.sampled.begin();
    for (const auto& sequence : step.sequences) {
      if (!sequence.samples) continue;
      auto& running = owner(sequence.slot);
      for (int i = 0; i <= running.n_right; ++i, ++sampled) {
        BOOST_REQUIRE(sampled != result.sampled.end() && sampled->slot == sequence.slot);
        const auto logits = model.logits(step.number, row + i);
        running.answer.tokens.push_back(sampled->token);
        running.answer.logits.emplace_back(logits.begin(), logits.end());
        running.answer.logprobs.push_back(sampled->logprobs);
      }
      running.computed += running.n_right;
      running.sampled += std::exchange(running.n_right, 0);
      row += sequence.n_sampled();
    }
    BOOST_REQUIRE(sampled == result.sampled.end());
  }

  std::vector<Answer> answers() {
    std::vector<Answer> answers;
    for (auto& running : running_) answers.push_back(std::move(running.answer));
    return answers;
  }

 private:
  Running& owner(SlotId slot) {
    return *std::find_if(running_.begin(), running_.end(),
                         [&](const Running& running) { return running.slot == slot; });
  }

  StepSequence rows_of(Running& running) {
    const auto& prompt = running.request.prompt;
    const int n_prompt = static_cast<int>(prompt.size());
    StepSequence rows;
    rows.slot = running.slot;
    rows.position = running.computed;
    rows.choice = running.request.choice;
    if (running.computed == 0)
      rows.start = std::make_shared<SlotStart>(SlotStart{prompt, n_prompt});
    if (running.computed < n_prompt) {
      const int most = std::min(mix_.max_chunk, n_prompt - running.computed);
      rows.n_rows =
          mix_.max_chunk < n_prompt ? std::uniform_int_distribution(1, most)(random_) : most;
      rows.tokens.assign(prompt.begin() + running.computed,
                         prompt.begin() + running.computed + rows.n_rows);
    } else {
      rows.n_rows = 1;
      if (mix_.guess_from) guess(running, rows);
    }
    running.computed += rows.n_rows - rows.n_draft;
    rows.samples = running.computed >= n_prompt;
    if (rows.samples) {
      rows.sampling = std::make_shared<SamplingParams>(running.request.sampling);
      ++running.sampled;
    }
    while (std::ssize(running.pages) * page_size < rows.position + rows.n_rows) {
      running.pages.push_back(free_pages_.back());
      free_pages_.pop_back();
    }
    rows.pages = running.pages;
    return rows;
  }

  /// The newest token by value, and guesses of which the first few are right.
  void guess(Running& running, StepSequence& rows) {
    const auto& right = mix_.guess_from->at(static_cast<std::size_t>(&running - running_.data()));
    const int most = std::min(3, running.request.n_tokens - running.sampled - 1);
    const int n = std::uniform_int_distribution(0, std::max(0, most))(random_);
    if (n == 0) return;
    running.n_right = std::uniform_int_distribution(0, n)(random_);
    const auto newest = right.tokens.begin() + running.sampled - 1;
    rows.tokens.assign(newest, newest + 1 + n);
    for (int i = running.n_right; i < n; ++i)
      rows.tokens[static_cast<std::size_t>(1 + i)] =
          (rows.tokens[static_cast<std::size_t>(1 + i)] + 1) % wrong_below;
    rows.n_draft = n;
    rows.n_rows = 1 + n;
  }

  static constexpr int wrong_below = 90;  // of any test model's vocabulary
  Mix mix_;
  std::mt19937 random_;
  std::vector<PageId> free_pages_;
  std::vector<Running> running_;
};

}  // namespace

std::unique_ptr<CpuDevice> make_test_device(const std::vector<int>& workers) {
  const auto cpus = available_cpus();
  std::vector<CpuDevice::StreamOptions> streams;
  std::size_t next = 0;
  for (const int n : workers) {
    auto& stream = streams.emplace_back();
    stream.name = "stream " + std::to_string(streams.size() - 1);
    for (int worker = 0; worker < n; ++worker) stream.cpus.push_back(cpus[next++ % cpus.size()]);
  }
  return std::make_unique<CpuDevice>(streams);
}

std::shared_ptr<CpuModel> load_test_model(CpuDevice& device, const std::string& path,
                                          WeightFormat weights, int n_pages, int max_step_tokens,
                                          KvFormat kv) {
  LoadOptions options;
  options.weights = weights;
  options.kv = kv;
  options.n_pages = n_pages;
  options.n_slots = 16;
  options.max_step_tokens = max_step_tokens;
  options.keep_logits = true;
  return std::dynamic_pointer_cast<CpuModel>(device.load(Checkpoint::open(path), options));
}

void run_step(CpuDevice& device, const std::vector<std::shared_ptr<const Program>>& programs) {
  std::vector<std::jthread> threads;
  for (std::size_t stream = 0; stream < programs.size(); ++stream)
    threads.emplace_back([&, stream] {
      device.streams()[stream]->bind();
      device.streams()[stream]->run(*programs[stream]);
    });
}

std::vector<Answer> serve(CpuDevice& device, CpuModel& model, const std::vector<Request>& requests,
                          const Mix& mix) {
  static std::uint64_t number = 0;  // steps of a model are never numbered twice
  TestScheduler scheduler(requests, mix, model.n_pages());
  struct Prepared {
    Step step;
    std::vector<std::shared_ptr<const Program>> programs;
  };
  const auto schedule = mix.schedule.value_or(sequential_schedule(model.graph()));
  model.check(schedule);
  const auto prepare = [&] {
    Prepared prepared{scheduler.next(++number), {}};
    prepared.programs = model.prepare(prepared.step, schedule);
    return prepared;
  };
  std::optional<Prepared> now;
  while (now || !scheduler.done()) {
    if (!now) now = prepare();
    std::optional<Prepared> next;
    if (mix.ahead && !mix.guess_from && !scheduler.done()) next = prepare();
    run_step(device, now->programs);
    scheduler.finish(now->step, model);
    now = std::move(next);
  }
  return scheduler.answers();
}

std::vector<Answer> serve_alone(const std::string& path, WeightFormat weights, KvFormat kv,
                                const std::vector<Request>& requests) {
  auto device = make_test_device({1});
  auto model = load_test_model(*device, path, weights, 64, 512, kv);
  std::vector<Answer> answers;
  for (const auto& request : requests)
    answers.push_back(
        serve(*device, *model, {request}, {.ahead = false, .shuffle_pages = false}).front());
  return answers;
}

std::vector<TokenId> random_prompt(std::mt19937& random, int n_tokens, int vocab_size) {
  std::vector<TokenId> prompt(n_tokens);
  for (auto& token : prompt) token = static_cast<TokenId>(random() % vocab_size);
  return prompt;
}

}  // namespace nanoflow::test
