#include "engine/plan/search.hpp"

#include <algorithm>

#include "engine/plan/candidates.hpp"
#include "engine/plan/predict.hpp"

namespace nanoflow {

namespace {

constexpr std::size_t n_layers_tried = 4;
constexpr int n_finalists = 8;  // for each schedule that is wanted
constexpr int most_shares = 8;
constexpr float first_parts[] = {0.2F, 0.25F, 1 / 3.0F, 0.4F, 0.5F, 0.6F, 2 / 3.0F, 0.75F, 0.8F};

std::vector<std::vector<float>> cuts(const BatchSignature& signature) {
  std::vector<std::vector<float>> result;
  // Rows of a draft are not parted from their sequence's.
  const auto rows = static_cast<float>(signature.n_tokens - signature.n_draft);
  for (const float part : first_parts)
    if (std::min(part, 1 - part) * rows >= 2) result.push_back({part, 1 - part});
  for (const std::size_t n : {3, 4})
    if (rows >= static_cast<float>(2 * n)) result.emplace_back(n, 1.0F / static_cast<float>(n));
  return result;
}

std::vector<float> shares(int n_cpus) {
  std::vector<float> result;
  const int n = std::min(n_cpus - 1, most_shares);
  for (int i = 1; i <= n; ++i)
    result.push_back(share_of_cpus(static_cast<float>(i) / static_cast<float>(n + 1), n_cpus));
  return result;
}

void sort_and_cut(std::vector<FoundSchedule>& found, int n) {
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.predicted_ms < b.predicted_ms; });
  if (std::ssize(found) > n) found.resize(static_cast<std::size_t>(n));
}

}  // namespace

SearchResult search_schedules(const SearchSpace& space, const BatchSignature& signature,
                              const Profile& profile, int n_best) {
  SearchResult result;
  const auto step = typical_step(signature);
  result.sequential_ms = predict_ms(space.graph, sequential_schedule(space.graph), step, profile);
  if (space.streams.size() < 2 || space.n_cpus < 2) return result;
  Graph some_layers = space.graph;
  if (some_layers.layers.size() > n_layers_tried) some_layers.layers.resize(n_layers_tried);
  for (const auto& nano_batches : cuts(signature))
    for (const auto& apart : {std::vector<OperationKind>(), {OperationKind::attention}})
      for (const float share : shares(space.n_cpus)) {
        auto schedule =
            overlapped_schedule(space.graph, space.streams, {nano_batches, apart, share});
        const double ms = predict_ms(some_layers, schedule, step, profile);
        result.best.push_back({std::move(schedule), ms});
        ++result.n_tried;
      }
  sort_and_cut(result.best, n_finalists * n_best);
  for (auto& found : result.best)
    found.predicted_ms = predict_ms(space.graph, found.schedule, step, profile);
  std::erase_if(result.best, [&](const auto& found) {
    return found.predicted_ms > clearly_faster * result.sequential_ms;
  });
  sort_and_cut(result.best, n_best);
  return result;
}

}  // namespace nanoflow
