#include "engine/batch/fair_share.hpp"

#include <algorithm>

namespace nanoflow {

double FairShare::turn_of(std::uint64_t client, int n_tokens) {
  double& end = end_of_.try_emplace(client, now_).first->second;
  const double turn = std::max(now_, end);
  end = turn + n_tokens;
  return turn;
}

void FairShare::started(double turn) {
  now_ = std::max(now_, turn);
  if (end_of_.size() < n_clear_) return;
  std::erase_if(end_of_, [&](const auto& client) { return client.second <= now_; });
  n_clear_ = std::max<std::size_t>(64, 2 * end_of_.size());
}

}  // namespace nanoflow
