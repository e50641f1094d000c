#include "engine/kv/spilled_pages.hpp"

#include <algorithm>
#include <stdexcept>

namespace nanoflow {

PrefixTree::PageTokens page_tokens(const std::vector<TokenId>& tokens, int page) {
  PrefixTree::PageTokens result;
  std::copy_n(tokens.begin() + page * page_size, page_size, result.begin());
  return result;
}

SpilledPages::SpilledPages(int n_slots, int n_pages)
    : tree_(n_slots), slots_(n_slots), slot_of_(static_cast<std::size_t>(n_pages)) {}

std::vector<SpilledPages::Slot> SpilledPages::find(const std::string& salt,
                                                   const std::vector<TokenId>& prompt,
                                                   int most) const {
  std::vector<Slot> found;
  PrefixTree::Parent parent;
  while (std::ssize(found) < most) {
    parent = tree_.find(salt, parent, page_tokens(prompt, static_cast<int>(found.size())));
    if (!parent || writing_.contains(*parent)) break;
    found.push_back(*parent);
  }
  return found;
}

SpilledPages::Place SpilledPages::add(const PrefixTree& memory, PageId page) {
  PrefixTree::Parent parent;  // of the slot
  if (const auto above = memory.parent(page))
    parent = slot_of_[static_cast<std::size_t>(*above)].value();
  const auto& salt = memory.salt(page);
  const auto& tokens = memory.tokens(page);
  if (const auto slot = tree_.find(salt, parent, tokens)) {
    came(page, *slot);
    return {Added::known, *slot};
  }
  const auto slot = take_slot();
  if (!slot) return {Added::full};
  tree_.insert(salt, parent, tokens, *slot, 0);
  tree_.hold(*slot);  // by the write
  writing_.emplace(*slot, true);
  came(page, *slot);
  return {Added::written, *slot};
}

std::optional<SpilledPages::Slot> SpilledPages::take_slot() {
  if (slots_.free() == 0) {
    const auto evicted = tree_.evict();
    if (!evicted) return std::nullopt;
    slots_.give(*evicted);
  }
  return slots_.take();
}

void SpilledPages::written(Slot slot) {
  const auto found = writing_.find(slot);
  if (found == writing_.end()) throw std::logic_error("spilled pages: the slot is not written");
  if (found->second)
    tree_.drop(slot);
  else
    slots_.give(slot);
  writing_.erase(found);
}

void SpilledPages::came(PageId page, Slot slot) {
  tree_.hold(slot);
  slot_of_[static_cast<std::size_t>(page)] = slot;
}

void SpilledPages::left(PageId page) {
  auto& slot = slot_of_[static_cast<std::size_t>(page)];
  if (slot) tree_.drop(*slot);
  slot.reset();
}

void SpilledPages::clear() {
  tree_.clear();
  const int n_slots = slots_.total();
  slots_ = PagePool(n_slots);
  std::fill(slot_of_.begin(), slot_of_.end(), std::nullopt);
  // A pool gives slots in its own order: those that are not being written go back.
  std::vector<Slot> taken;
  for (int i = 0; i < n_slots && !writing_.empty(); ++i) taken.push_back(slots_.take());
  for (auto slot = taken.rbegin(); slot != taken.rend(); ++slot)
    if (!writing_.contains(*slot)) slots_.give(*slot);
  for (auto& [slot, in_tree] : writing_) in_tree = false;
}

int SpilledPages::n_writing() const {
  return static_cast<int>(std::count_if(writing_.begin(), writing_.end(),
                                        [](const auto& each) { return each.second; }));
}

}  // namespace nanoflow
