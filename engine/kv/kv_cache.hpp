#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/kv/reservation.hpp"

namespace nanoflow {

/// A page to be copied between memory and the spill file.
struct PageCopy {
  std::uint64_t id = 0;
  bool out = false;  // to the file; else from it, into what the caller keeps until it has a page
  PageId page = 0;   // out: the page, whose content is to be taken before the cache is called again
  int slot = 0;      // in the file
};
/// What was read: to be put into the page before the cache is called again.
struct PageArrival {
  std::uint64_t copy = 0;
  std::optional<PageId> page;  // nothing: nobody wants it any more
};

/// A model's KV pages: a pool, who has which, and the prefix tree that finds pages again. Sequences
/// share whole pages only, so nothing is ever copied on write. Plain bookkeeping: the pages' memory
/// is the device's.
///
/// Spilling: where memory gets scarce, cached pages are written to a file ahead of their eviction,
/// so that an eviction waits for nothing: of a page that has no copy in the file the content is
/// lost. Whoever starts on a prompt that goes on in the file is deferred until those pages are in
/// memory again, where reading them is faster than computing them. They come as cached pages like
/// any other.
class KvCache {
 public:
  struct Options {
    int n_pages = 0;
    bool prefix_cache = true;
    int n_spilled = 0;  // pages that the spill file may hold; 0: there is none
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

  /// Copies to be made now, reads first: as many as keep so many of them in flight.
  std::vector<PageCopy> start_copies(int most_in_flight);
  /// A copy has ended, after so long. What was read comes as an arrival, now or later.
  void copied(std::uint64_t copy, double ms);
  /// After reserve and copied.
  std::vector<PageArrival> take_arrivals();
  /// A copy failed: from now on all is as without a file. Copies in flight may still be reported.
  void stop_spilling();
  /// True, once: whoever was deferred for a read should ask again.
  bool take_ask_again();

  struct Usage {
    int total = 0, free = 0,
        cached = 0;  // pages; free includes cached (kept only for the prefix tree)
    int spill_total = 0, spilled = 0;     // pages that the file may hold, and that it holds
    std::uint64_t written = 0, read = 0;  // pages, since the start
    friend bool operator==(const Usage&, const Usage&) = default;
  };
  Usage usage() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nanoflow
