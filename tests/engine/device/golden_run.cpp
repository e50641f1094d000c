#include "tests/engine/device/golden_run.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace nanoflow::test {

namespace {

constexpr int max_step_tokens = 200;  // less than the prompts together: some are cut into chunks

std::vector<float> read_floats(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  std::vector<float> out(static_cast<std::size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(out.data()),
            static_cast<std::streamsize>(out.size() * sizeof(float)));
  return out;
}

/// One golden case on its way through the device.
class Follower {
 public:
  Follower(const Goldens& goldens, const Goldens::Case& golden, SlotId slot, PageId first_page)
      : goldens_(goldens), golden_(golden), slot_(slot) {
    for (int i = 0; i < pages_needed(golden); ++i) pages_.push_back(first_page + i);
  }

  static int pages_needed(const Goldens::Case& golden) {
    const auto longest = static_cast<int>(golden.prompt.size() + golden.tokens.size());
    return (longest + page_size - 1) / page_size;
  }

  bool prefilling() const { return position_ < prompt_size(); }
  bool done() const { return n_tokens_ == golden_.tokens.size(); }

  /// The next rows, at most budget.
  StepSequence next(int budget) {
    StepSequence out;
    out.slot = slot_;
    out.position = position_;
    if (prefilling()) {
      out.n_rows = std::min(budget, prompt_size() - position_);
      const auto first = golden_.prompt.begin() + position_;
      out.tokens.assign(first, first + out.n_rows);
      if (position_ == 0)
        out.start =
            std::make_shared<SlotStart>(SlotStart{golden_.prompt, static_cast<int>(prompt_size())});
    } else {
      out.n_rows = 1;
      // The slot's newest token, unless the device chose another one than the goldens have.
      if (strayed_) out.tokens = {golden_.tokens[n_tokens_ - 1]};
    }
    position_ += out.n_rows;
    const int n_pages = (position_ + page_size - 1) / page_size;
    out.pages.assign(pages_.begin(), pages_.begin() + n_pages);
    out.samples = !prefilling();
    if (out.samples) out.sampling = greedy();
    return out;
  }

  void take(const StepResult::Sampled& sampled, double tolerance, Parity& parity) {
    compare_logits(sampled, parity);
    const TokenId expected = golden_.tokens[n_tokens_];
    const double margin = golden_.margins[n_tokens_] / goldens_.largest_logit;
    ++parity.n_tokens;
    strayed_ = sampled.token != expected;
    if (strayed_ && margin > 2 * tolerance) {
      parity.failures.push_back(
          "prompt of " + std::to_string(prompt_size()) + " tokens, token " +
          std::to_string(n_tokens_) + ": expected " + std::to_string(expected) + ", found " +
          std::to_string(sampled.token) + ", relative margin " + std::to_string(margin));
    } else if (strayed_) {
      ++parity.n_near_ties;
      parity.worst_tie = std::max(parity.worst_tie, margin);
    }
    ++n_tokens_;
  }

 private:
  int prompt_size() const { return static_cast<int>(golden_.prompt.size()); }

  /// Index among the stored logits of the token that comes next, or the number of those.
  std::size_t stored() const {
    const auto& steps = golden_.logit_steps;
    return static_cast<std::size_t>(std::ranges::find(steps, static_cast<int>(n_tokens_)) -
                                    steps.begin());
  }

  std::shared_ptr<const SamplingParams> greedy() const {
    SamplingParams params;
    params.temperature = 0;
    if (stored() < golden_.logits.size()) params.logprobs = goldens_.vocab;
    return std::make_shared<SamplingParams>(params);
  }

  void compare_logits(const StepResult::Sampled& sampled, Parity& parity) const {
    const std::size_t index = stored();
    if (index == golden_.logits.size()) return;
    const auto& expected = golden_.logits[index];
    std::vector<double> differences(expected.size(), NAN);
    for (const auto& [token, logprob] : sampled.logprobs.value().top) {
      if (token % goldens_.logit_stride != 0) continue;
      const auto i = static_cast<std::size_t>(token / goldens_.logit_stride);
      differences.at(i) = logprob - expected[i];
    }
    double mean = 0;
    for (const double difference : differences) mean += difference / differences.size();
    for (const double difference : differences) {
      const double error = std::abs(difference - mean) / goldens_.largest_logit;
      parity.error = std::isnan(error) ? INFINITY : std::max(parity.error, error);
      ++parity.n_logits;
    }
  }

  const Goldens& goldens_;
  const Goldens::Case& golden_;
  const SlotId slot_;
  std::vector<PageId> pages_;
  int position_ = 0;          // tokens computed or in the step
  std::size_t n_tokens_ = 0;  // chosen
  bool strayed_ = false;      // the newest one is not the goldens'
};

/// Prompts first, as many of their tokens as fit; then a token of chosen_cases sequence a step.
std::vector<Follower*> form(Step& step, std::vector<Follower>& followers) {
  std::vector<Follower*> sampling;
  int budget = max_step_tokens;
  const bool prefill = std::ranges::any_of(followers, &Follower::prefilling);
  for (auto& follower : followers) {
    if (budget == 0 || follower.done() || follower.prefilling() != prefill) continue;
    step.sequences.push_back(follower.next(budget));
    budget -= step.sequences.back().n_rows;
    if (step.sequences.back().samples) sampling.push_back(&follower);
  }
  return sampling;
}

}  // namespace

Goldens Goldens::read(const std::string& name) {
  const std::string stem = NANOFLOW_TEST_DATA "/logits/" + name;
  std::ifstream file(stem + ".json");
  if (!file) throw std::runtime_error(stem + ".json: cannot be opened");
  const auto json = nlohmann::json::parse(file);
  Goldens out;
  out.vocab = json.at("vocab");
  out.logit_stride = json.value("logit_stride", 1);
  const auto floats = read_floats(stem + ".f32");
  const auto width = (out.vocab + out.logit_stride - 1) / out.logit_stride;
  // Of which tokens the logits are stored, and in which cases: in all when there is no list.
  const auto steps = json.value("logit_steps", std::vector<int>{0});
  const auto chosen_cases = json.value("logit_cases", std::set<int>{});
  auto row = floats.begin();
  for (const auto& from : json.at("cases")) {
    Case to{from.at("prompt"), from.at("tokens"), from.at("margins"), {}, {}};
    if (chosen_cases.contains(static_cast<int>(out.cases.size())) || chosen_cases.empty())
      to.logit_steps = steps;
    for (std::size_t i = 0; i < to.logit_steps.size(); ++i, row += width)
      to.logits.emplace_back(row, row + width);
    out.cases.push_back(std::move(to));
  }
  if (row != floats.end()) throw std::runtime_error(stem + ".f32: more logits than expected");
  for (const float logit : floats) out.largest_logit = std::max(out.largest_logit, std::abs(logit));
  return out;
}

Parity run_goldens(Device& device, const std::filesystem::path& model, const Goldens& goldens,
                   WeightFormat weights, double tolerance) {
  std::vector<Follower> followers;
  LoadOptions options;
  for (const auto& golden : goldens.cases) {
    followers.emplace_back(goldens, golden, options.n_slots++, options.n_pages);
    options.n_pages += Follower::pages_needed(golden);
  }
  const auto checkpoint = Checkpoint::open(model);
  options.weights = weights;
  options.context = checkpoint->config().context;
  options.max_step_tokens = max_step_tokens;
  const auto loaded = device.load(checkpoint, options);

  Parity parity;
  Step step;
  for (step.number = 1; !std::ranges::all_of(followers, &Follower::done); ++step.number) {
    step.sequences.clear();
    const auto sampling = form(step, followers);
    for (const auto& program : loaded->prepare(step))
      device.streams()[static_cast<std::size_t>(program->stream)]->run(*program);
    const auto result = loaded->result(step.number);
    for (std::size_t i = 0; i < sampling.size(); ++i)
      sampling[i]->take(result.sampled.at(i), tolerance, parity);
  }
  return parity;
}

}  // namespace nanoflow::test
