#include "engine/batch/prompt_lookup.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

namespace nanoflow {

void PromptLookup::append(TokenId token) {
  tokens_.push_back(token);
  before_.push_back(0);
  if (tokens_.size() > last_.size())
    grow();
  else
    link(size());
}

void PromptLookup::grow() {
  last_.assign(std::max<std::size_t>(1024, 2 * std::bit_ceil(tokens_.size())), 0);
  for (int end = 1; end <= size(); ++end) link(end);
}

/// Other tokens may have the same hash: whoever walks a chain compares.
void PromptLookup::link(int end) {
  if (end < least_match) return;
  std::uint64_t hash = 0;
  for (auto token = tokens_.begin() + end - least_match; token != tokens_.begin() + end; ++token)
    hash = (hash ^ static_cast<std::uint64_t>(*token)) * 0x9e3779b97f4a7c15U;
  auto& last = last_[(hash >> 32U) & (last_.size() - 1)];
  before_[static_cast<std::size_t>(end - 1)] = std::exchange(last, end);
}

/// How many of the tokens before that position are the newest ones.
int PromptLookup::match(int end) const {
  int n = 0;
  while (n < most_match && n < end &&
         tokens_[static_cast<std::size_t>(end - 1 - n)] ==
             tokens_[static_cast<std::size_t>(size() - 1 - n)])
    ++n;
  return n;
}

std::vector<TokenId> PromptLookup::continuation(int n) const {
  int longest = least_match - 1, next = 0;
  int end = tokens_.empty() ? 0 : before_.back();
  for (int i = 0; i < most_places && end != 0 && longest < most_match; ++i) {
    const int length = match(end);
    if (length > longest) {
      longest = length;
      next = end;
    }
    end = before_[static_cast<std::size_t>(end - 1)];
  }
  std::vector<TokenId> tokens;
  if (next == 0) return tokens;
  for (int i = next; i < next + n; ++i)
    tokens.push_back(i < size() ? tokens_[static_cast<std::size_t>(i)]
                                : tokens[static_cast<std::size_t>(i - size())]);
  return tokens;
}

}  // namespace nanoflow
