#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/batch/step.hpp"

namespace nanoflow {

using SequenceId = std::uint64_t;  // daemon-wide, never used twice
using Tokens = std::shared_ptr<const std::vector<TokenId>>;

/// Room that one sequence needs for the next step.
struct Reservation {
  SequenceId sequence = 0;
  int n_tokens = 0;     // the sequence must have room for this many tokens in all
  Tokens prompt;        // its known tokens, with its first reservation only: looked up in the prefix tree
  std::string salt;     // prompts share pages only with prompts of the same salt
};

struct Grant {
  SequenceId sequence = 0;
  bool granted = false;  // false: deferred, ask again; nothing was taken
  int cached_tokens = 0;  // with the first grant: the sequence's first cached_tokens need no computing (whole
                          // pages, at least one token short of the prompt)
  std::vector<PageId> new_pages;  // to append to the sequence's page table
};

/// The end of a sequence. computed is what its pages hold: its full pages enter the prefix tree.
struct Release {
  SequenceId sequence = 0;
  Tokens computed;  // null: its pages are just freed
};

/// A model's KV pages: a pool, who has which, and the prefix tree that finds pages again. Sequences share whole
/// pages only, so nothing is ever copied on write. Plain bookkeeping: the pages' memory is the device's.
class KvCache {
 public:
  struct Options {
    int n_pages = 0;
    bool prefix_cache = true;
  };
  explicit KvCache(Options options);
  ~KvCache();

  /// Grants in order until the pool is exhausted; a later, smaller request is not granted past a deferred one.
  /// A prompt enters the tree as it is granted, as ready after the step: an identical one in the same call is
  /// deferred once, and shares it in the next.
  std::vector<Grant> reserve(std::uint64_t step, const std::vector<Reservation>& reservations);
  void release(const Release& release);

  struct Usage {
    int total = 0, free = 0, cached = 0;  // pages; free includes cached (kept only for the prefix tree)
  };
  Usage usage() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nanoflow
