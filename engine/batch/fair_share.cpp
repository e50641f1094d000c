#include "engine/batch/fair_share.hpp"

#include <algorithm>

namespace nanoflow {

double FairShare::turn_of(std::uint64_t client, int n_tokens) {
  auto& its = clients_.try_emplace(client, Client{now_, now_}).first->second;
  if (its.end < now_) its = {now_, now_};
  const double turn = its.end;
  its.end += n_tokens;
  return turn;
}

void FairShare::started(double turn) {
  now_ = std::max(now_, turn);
  if (clients_.size() < n_clear_) return;
  std::erase_if(clients_, [&](const auto& client) { return client.second.end <= now_; });
  n_clear_ = std::max<std::size_t>(64, 2 * clients_.size());
}

void FairShare::ended(std::uint64_t client, double turn, int n_unused) {
  const auto found = clients_.find(client);
  if (found == clients_.end() || turn < found->second.began) return;
  found->second.end -= n_unused;
}

}  // namespace nanoflow
