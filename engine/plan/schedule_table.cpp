#include "engine/plan/schedule_table.hpp"

#include <algorithm>
#include <bit>

#include "engine/plan/predict.hpp"

namespace nanoflow {

namespace {

constexpr std::size_t n_trials = 7;         // steps of each candidate, before one is chosen
constexpr std::size_t n_first = 3;          // after which a slow one drops out
constexpr double slow = 1.15;               // times the fastest one's cost
constexpr double worth = 0.98;              // of sequential's cost: what a better one may have
constexpr double hopeless = 1.15;           // times the fastest one's predicted time
constexpr std::uint64_t n_unchecked = 256;  // steps between two checks of a choice

int bucket(int value) {
  return static_cast<int>(std::bit_ceil(static_cast<unsigned>(std::max(value, 0))));
}

}  // namespace

SignatureBucket bucket_of(const BatchSignature& signature) {
  return {bucket(signature.n_tokens), signature.n_decode == 0 ? 0 : bucket(signature.n_decode),
          bucket(signature.mean_context)};
}

double ScheduleTable::Observed::median() const {
  if (costs.empty()) return 0;
  auto sorted = costs;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

ScheduleTable::ScheduleTable(Graph graph, std::vector<Schedule> candidates)
    : graph_(std::move(graph)), candidates_(std::move(candidates)) {}

void ScheduleTable::use(const Profile& profile) {
  profile_ = profile;
  for (auto& [bucket, entry] : entries_)
    if (!entry.decided) predict(entry);
}

void ScheduleTable::predict(Entry& entry) const {
  const auto step = typical_step(entry.first);
  std::size_t best = 0;  // of those that are not sequential
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (!fits(static_cast<int>(i), entry.first)) continue;
    auto& predicted = entry.observed[i].predicted_ms;
    predicted = predict_ms(graph_, candidates_[i], step, profile_);
    if (i > 0 && (best == 0 || predicted < entry.observed[best].predicted_ms)) best = i;
  }
  const double least =
      std::min(entry.observed.front().predicted_ms, entry.observed[best].predicted_ms);
  for (std::size_t i = 1; i < candidates_.size(); ++i)
    if (i != best && entry.observed[i].predicted_ms > hopeless * least)
      entry.observed[i].dropped = true;
}

/// A nano-batch of a single row gains nothing.
bool ScheduleTable::fits(int candidate, const BatchSignature& signature) const {
  const auto n = std::ssize(candidates_[static_cast<std::size_t>(candidate)].nano_batches);
  return n == 1 || signature.n_tokens >= 2 * n;
}

int ScheduleTable::next_trial(const Entry& entry, const BatchSignature& signature) const {
  int next = 0;
  for (int i = 1; i < std::ssize(entry.observed); ++i) {
    const auto& observed = entry.observed[static_cast<std::size_t>(i)];
    if (fits(i, signature) && !observed.dropped &&
        observed.chosen < entry.observed[static_cast<std::size_t>(next)].chosen)
      next = i;
  }
  return next;
}

/// The fastest of those that are not sequential; sequential where all others dropped out.
int ScheduleTable::runner_up(const Entry& entry) {
  int best = 0;
  for (int i = 1; i < std::ssize(entry.observed); ++i) {
    const auto& observed = entry.observed[static_cast<std::size_t>(i)];
    if (observed.dropped || observed.costs.empty()) continue;
    if (best == 0 || observed.median() < entry.observed[static_cast<std::size_t>(best)].median())
      best = i;
  }
  return best;
}

int ScheduleTable::choose(const BatchSignature& signature) {
  auto& entry = entries_[bucket_of(signature)];
  if (entry.observed.empty()) {
    entry.observed.resize(candidates_.size());
    entry.first = signature;
    if (!profile_.empty()) predict(entry);
  }
  int chosen = 0;
  if (!entry.decided) {
    chosen = next_trial(entry, signature);
  } else {
    // Before a check, every other step is the rival's.
    const int rival = entry.best == 0 ? runner_up(entry) : 0;
    const bool checks = entry.until_check < 2 * n_trials;
    chosen = checks && entry.until_check % 2 == 0 ? rival : entry.best;
    if (!fits(chosen, signature)) chosen = 0;
    if (entry.until_check > 0) --entry.until_check;
  }
  ++entry.observed[static_cast<std::size_t>(chosen)].chosen;
  return chosen;
}

void ScheduleTable::observe(const BatchSignature& signature, int candidate, double ms,
                            double work) {
  const auto found = entries_.find(bucket_of(signature));
  if (found == entries_.end()) return;
  auto& entry = found->second;
  auto& observed = entry.observed.at(static_cast<std::size_t>(candidate));
  const double cost = ms / work;
  if (observed.costs.size() < n_trials)
    observed.costs.push_back(cost);
  else
    observed.costs[observed.steps % n_trials] = cost;
  ++observed.steps;
  observed.total_ms += ms;
  if (!entry.decided || entry.until_check == 0) judge(entry, signature);
}

/// Drops what is slow; decides when every candidate that is left has been tried.
void ScheduleTable::judge(Entry& entry, const BatchSignature& signature) const {
  double fastest = entry.observed.front().median();
  bool all_tried = true;
  const auto open = [&](std::size_t i) {
    return fits(static_cast<int>(i), signature) && !entry.observed[i].dropped;
  };
  for (std::size_t i = 0; i < entry.observed.size(); ++i) {
    if (!open(i)) continue;
    const auto& observed = entry.observed[i];
    all_tried = all_tried && observed.costs.size() >= n_trials;
    if (observed.costs.size() >= n_first) fastest = std::min(fastest, observed.median());
  }
  for (std::size_t i = 1; i < entry.observed.size() && !entry.decided; ++i)
    if (open(i) && entry.observed[i].costs.size() >= n_first &&
        entry.observed[i].median() > slow * fastest)
      entry.observed[i].dropped = true;
  if (!all_tried) return;
  entry.best = 0;
  double least = worth * entry.observed.front().median();
  for (std::size_t i = 1; i < entry.observed.size(); ++i)
    if (open(i) && entry.observed[i].median() < least) {
      least = entry.observed[i].median();
      entry.best = static_cast<int>(i);
    }
  // Now, while both have been measured on the same steps.
  entry.gain = entry.observed.front().median() /
               entry.observed[static_cast<std::size_t>(entry.best)].median();
  entry.decided = true;
  entry.until_check = n_unchecked;
}

}  // namespace nanoflow
