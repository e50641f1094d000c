#pragma once
#include <memory>

#include "engine/kv/reservation.hpp"

namespace nanoflow {

/// A model's KV pages: a pool, who has which, and the prefix tree that finds pages again. Sequences
/// share whole pages only, so nothing is ever copied on write. Plain bookkeeping: the pages' memory
/// is the device's.
class KvCache {
 public:
  struct Options {
    int n_pages = 0;
    bool prefix_cache = true;
  };
  explicit KvCache(Options options);
  ~KvCache();

  /// Clears, releases, then grants in order until the pool or max_rows is exhausted. After a
  /// reservation that was deferred for want of pages, later ones are granted only what needs no new
  /// page.
  ///
  /// A prompt's full pages enter the tree as their rows are granted, as ready after the step.
  /// Whoever meets a page on its own prompt's path that this very step computes is deferred, and
  /// shares it in the next one: it waits for no longer than others compute its prompt for it.
  /// Contract: a grant's rows are in that step, or its sequence is released (with what was really
  /// computed) by the next proposal.
  Grants reserve(const Proposal& proposal);

  struct Usage {
    int total = 0, free = 0,
        cached = 0;  // pages; free includes cached (kept only for the prefix tree)
    friend bool operator==(const Usage&, const Usage&) = default;
  };
  Usage usage() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nanoflow
