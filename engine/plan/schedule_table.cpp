#include "engine/plan/schedule_table.hpp"

#include <algorithm>
#include <bit>

#include "engine/plan/predict.hpp"

namespace nanoflow {

namespace {

constexpr std::size_t n_trials = 7;         // steps of each candidate, before one is chosen
constexpr std::size_t n_first = 3;          // after which a slow one drops out
constexpr double slow = 1.15;               // times the fastest one's cost
constexpr double hopeless = 1.15;           // times the fastest one's predicted time
constexpr std::uint64_t n_unchecked = 256;  // steps between two checks of a choice
constexpr std::uint64_t n_often = 64;       // steps of a kind, before it is worth a search
constexpr std::size_t most_candidates = 64;

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
    : graph_(std::move(graph)), candidates_(std::move(candidates)), n_common_(candidates_.size()) {}

void ScheduleTable::use(const Profile& profile) {
  profile_ = profile;
  if (profile_.empty()) return;
  for (auto& [bucket, entry] : entries_)
    if (!entry.decided) predict(entry);
}

/// A nano-batch of a single row gains nothing, nor one of a draft's rows, which are not parted: so
/// the smallest batch of its kind says what is tried.
ScheduleTable::Entry ScheduleTable::begin(const BatchSignature& signature) const {
  Entry entry;
  entry.first = signature;
  entry.observed.resize(candidates_.size());
  const auto least_tokens = bucket_of(signature).tokens / 2 + 1 - signature.n_draft;
  for (std::size_t i = 1; i < candidates_.size(); ++i)
    entry.observed[i].dropped =
        i >= n_common_ || least_tokens < 2 * std::ssize(candidates_[i].nano_batches);
  if (!profile_.empty()) predict(entry);
  return entry;
}

void ScheduleTable::predict(Entry& entry) const {
  const auto step = typical_step(entry.first);
  std::size_t best = 0;  // of those that are not sequential
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (entry.observed[i].dropped) continue;
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

bool ScheduleTable::wants_search(const BatchSignature& signature) {
  const auto found = entries_.find(bucket_of(signature));
  if (found == entries_.end() || candidates_.size() == 1 || profile_.empty()) return false;
  auto& entry = found->second;
  if (entry.searched || !entry.decided) return false;
  std::uint64_t n_steps = 0;
  for (const auto& observed : entry.observed) n_steps += observed.steps;
  return entry.searched = n_steps >= n_often;
}

void ScheduleTable::add(const BatchSignature& signature, Schedule schedule, double predicted_ms) {
  const auto found = entries_.find(bucket_of(signature));
  if (found == entries_.end()) return;
  auto known = std::find_if(candidates_.begin(), candidates_.end(),
                            [&](const auto& other) { return other.name == schedule.name; });
  if (known == candidates_.end()) {
    if (candidates_.size() == most_candidates) return;
    known = candidates_.insert(candidates_.end(), std::move(schedule));
    for (auto& [bucket, entry] : entries_) entry.observed.emplace_back().dropped = true;
  }
  auto& entry = found->second;
  auto& observed = entry.observed[static_cast<std::size_t>(known - candidates_.begin())];
  observed.predicted_ms = predicted_ms;
  if (observed.steps > 0) return;  // it has been tried
  observed.dropped = false;
  entry.decided = false;
}

int ScheduleTable::next_trial(const Entry& entry) {
  std::size_t next = 0;
  for (std::size_t i = 1; i < entry.observed.size(); ++i)
    if (!entry.observed[i].dropped && entry.observed[i].chosen < entry.observed[next].chosen)
      next = i;
  return static_cast<int>(next);
}

/// The fastest of those that are not sequential; sequential where all others dropped out.
int ScheduleTable::runner_up(const Entry& entry) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < entry.observed.size(); ++i) {
    const auto& observed = entry.observed[i];
    if (observed.dropped || observed.costs.empty()) continue;
    if (best == 0 || observed.median() < entry.observed[best].median()) best = i;
  }
  return static_cast<int>(best);
}

int ScheduleTable::choose(const BatchSignature& signature) {
  auto& entry = entries_[bucket_of(signature)];
  if (entry.observed.empty()) entry = begin(signature);
  int chosen = entry.best;
  if (!entry.decided) {
    chosen = next_trial(entry);
  } else {
    // Before a check, every other step is the rival's.
    if (entry.until_check < 2 * n_trials && entry.until_check % 2 == 0)
      chosen = entry.best == 0 ? runner_up(entry) : 0;
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
  if (!entry.decided || entry.until_check == 0) judge(entry);
}

/// Drops what is slow; decides when every candidate that is left has been tried.
void ScheduleTable::judge(Entry& entry) {
  auto& observed = entry.observed;
  double fastest = observed.front().median();
  bool all_tried = true;
  for (const auto& each : observed) {
    if (each.dropped) continue;
    all_tried = all_tried && each.costs.size() >= n_trials;
    if (each.costs.size() >= n_first) fastest = std::min(fastest, each.median());
  }
  for (std::size_t i = 1; i < observed.size() && !entry.decided; ++i)
    if (observed[i].costs.size() >= n_first && observed[i].median() > slow * fastest)
      observed[i].dropped = true;
  if (!all_tried) return;
  std::size_t best = 0;
  double least = clearly_faster * observed.front().median();
  for (std::size_t i = 1; i < observed.size(); ++i)
    if (!observed[i].dropped && observed[i].median() < least) {
      least = observed[i].median();
      best = i;
    }
  entry.best = static_cast<int>(best);
  // Now, while both have been measured on the same steps.
  entry.gain = observed.front().median() / observed[best].median();
  entry.decided = true;
  entry.until_check = n_unchecked;
}

}  // namespace nanoflow
