// Spilled pages on their way back into memory.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/kv/reservation.hpp"
#include "engine/kv/spilled_pages.hpp"

namespace nanoflow {

/// Some pages of a prompt, which follow on those that are in memory. They enter the memory's tree
/// in order, each as soon as it has come.
struct PageRead {
  using Slot = SpilledPages::Slot;

  std::uint64_t number = 0;
  std::string salt;
  Tokens prompt;
  std::vector<PageId> path;   // the prompt's pages in memory, from the first on: held
  std::vector<Slot> slots;    // [n] that are read: held until the page is in memory
  std::vector<PageId> pages;  // [n] taken from the pool for them
  /// [n] the copy that brought it; nothing: it has not come yet
  std::vector<std::optional<std::uint64_t>> came;
  int n_asked = 0, n_in_memory = 0;  // of them, the first ones
  std::uint64_t safe_after = 0;  // steps up to this one may still use what the pages held before

  int n() const { return static_cast<int>(slots.size()); }
  bool reads(Slot slot) const {
    for (int i = n_in_memory; i < n(); ++i)
      if (slots[static_cast<std::size_t>(i)] == slot) return true;
    return false;
  }
};

}  // namespace nanoflow
