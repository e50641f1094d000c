// The KV cache's insides: who has which page is in kv_cache.cpp, spilling in kv_cache_spill.cpp.
#pragma once
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/kv/kv_cache.hpp"
#include "engine/kv/page_pool.hpp"
#include "engine/kv/page_reads.hpp"
#include "engine/kv/prefix_tree.hpp"
#include "engine/kv/spilled_pages.hpp"

namespace nanoflow {

struct KvCache::Impl {
  explicit Impl(Options options);

  struct Sequence {
    Tokens prompt;  // null once all its full pages were met
    std::string salt;
    std::vector<PageId> pages;
    int n_tokens = 0;  // cached or granted: what the pages will hold
    int n_cached = 0;  // pages that were found in the tree
    int n_held =
        0;  // its first pages, which are nodes of the tree that it holds; the others are its own
  };
  /// What is left of the proposal that is being answered.
  struct Round {
    std::uint64_t step;
    int max_rows;
    int keep_free;
    bool exhausted = false;
  };
  struct Copy {
    bool out = false;
    SpilledPages::Slot slot = 0;
    std::uint64_t read = 0;  // in: of which it is
    int index = 0;           // in: its page there
  };
  /// What there is only while spilling is on.
  struct Spill {
    SpilledPages file;
    std::list<PageRead> reads;             // in the order in which they began
    std::map<std::uint64_t, Copy> copies;  // in flight, by id
    double read_ms = 0;                    // of a page; 0: not known yet
    int n_refused = 0;                     // reads that would not have paid
  };

  // kv_cache.cpp
  void clear();
  void release(const Release& release, std::uint64_t last_formed);
  Grant start(const Reservation& reservation, Round& round);
  Grant extend(const Reservation& reservation, Round& round, Sequence& sequence);
  bool find_cached(const Reservation& reservation, std::uint64_t step,
                   std::vector<PageId>& pages) const;
  void give(Sequence& sequence, Grant& grant, int n_rows, Round& round);
  void enter_prompt(Sequence& sequence, std::uint64_t step);
  void forget_uncomputed(Sequence& sequence, int n_full);
  void keep_computed(Sequence& sequence, const std::vector<TokenId>& computed, int n_full,
                     std::uint64_t last_formed);
  PageId take_page();
  int available() const { return pool.free() + tree.cached(); }

  // kv_cache_spill.cpp
  bool awaits_read(const Reservation& reservation, const std::vector<PageId>& cached,
                   const Round& round);
  bool worth_reading();
  void begin_read(const Reservation& reservation, const std::vector<PageId>& cached,
                  const std::vector<SpilledPages::Slot>& slots, int n, std::uint64_t safe_after);
  void take_in();
  void take_in(PageRead& read);
  void end_read(PageRead& read);
  void abandon_reads();
  int n_read_for() const;
  bool reading() const { return spill && !spill->reads.empty(); }
  std::optional<PageCopy> next_read();
  std::optional<PageCopy> next_write();

  Options options;
  PagePool pool;
  PrefixTree tree;
  std::unordered_map<SequenceId, Sequence> sequences;

  std::optional<Spill> spill;
  std::uint64_t finished = 0;  // steps, by the last proposal
  double row_ms = 0;           // by the last proposal
  std::uint64_t last_copy = 0, last_read = 0;
  std::uint64_t n_written = 0, n_read = 0;  // pages
  std::vector<PageArrival> arrivals;
  bool ask_again = false;
};

int pages_for(int n_tokens);
/// The tree's parent of a sequence's page number n.
PrefixTree::Parent parent_of(const std::vector<PageId>& pages, int n);

}  // namespace nanoflow
