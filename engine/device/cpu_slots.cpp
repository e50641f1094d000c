#include "engine/device/cpu_slots.hpp"

#include <algorithm>

namespace nanoflow {

void CpuSlot::begin(std::shared_ptr<const SlotStart> start) {
  history_.clear();
  newest_ = start->tokens.empty() ? 0 : start->tokens.back();
  n_generated_ = static_cast<int>(start->tokens.size()) - start->n_prompt;
  start_ = std::move(start);
}

void CpuSlot::append(TokenId token, bool needs_history) {
  newest_ = token;
  ++n_generated_;
  if (needs_history) count(token, 1);
  start_.reset();
}

const std::vector<kernels::TokenCount>& CpuSlot::history() {
  if (!start_) return history_;
  // Sorted first: counting one by one would move the list for every new token.
  std::vector<TokenId> prompt(start_->tokens.begin(), start_->tokens.begin() + start_->n_prompt);
  std::sort(prompt.begin(), prompt.end());
  for (const TokenId token : prompt)
    if (history_.empty() || history_.back().token != token) history_.push_back({token, 0});
  for (std::size_t i = start_->n_prompt; i < start_->tokens.size(); ++i)
    count(start_->tokens[i], 1);
  start_.reset();
  return history_;
}

void CpuSlot::count(TokenId token, int generated) {
  const auto place = std::lower_bound(
      history_.begin(), history_.end(), token,
      [](const kernels::TokenCount& entry, TokenId wanted) { return entry.token < wanted; });
  if (place != history_.end() && place->token == token) {
    place->generated += generated;
  } else {
    history_.insert(place, {token, generated});
  }
}

}  // namespace nanoflow
