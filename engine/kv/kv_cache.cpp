#include "engine/kv/kv_cache.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "engine/kv/kv_cache_state.hpp"

namespace nanoflow {

int pages_for(int n_tokens) {
  return (n_tokens + page_size - 1) / page_size;
}

PrefixTree::Parent parent_of(const std::vector<PageId>& pages, int n) {
  if (n == 0) return std::nullopt;
  return pages[static_cast<std::size_t>(n - 1)];
}

KvCache::Impl::Impl(Options options)
    : options(options), pool(options.n_pages), tree(options.n_pages) {
  if (options.n_spilled > 0 && options.prefix_cache)
    spill.emplace(Spill{.file = {options.n_spilled, options.n_pages}, .reads = {}, .copies = {}});
}

KvCache::KvCache(Options options) : impl_(std::make_unique<Impl>(options)) {}
KvCache::~KvCache() = default;

Grants KvCache::reserve(const Proposal& proposal) {
  if (proposal.clear) impl_->clear();
  impl_->finished = proposal.finished;
  impl_->row_ms = proposal.row_ms;
  const std::uint64_t last_formed = std::max<std::uint64_t>(proposal.step, 1) - 1;
  for (const auto& release : proposal.releases) impl_->release(release, last_formed);
  impl_->take_in();
  Impl::Round round{proposal.step, proposal.max_rows, proposal.keep_free};
  Grants result{proposal.round, {}};
  result.grants.reserve(proposal.reservations.size());
  for (const auto& reservation : proposal.reservations) {
    const auto known = impl_->sequences.find(reservation.sequence);
    result.grants.push_back(known == impl_->sequences.end()
                                ? impl_->start(reservation, round)
                                : impl_->extend(reservation, round, known->second));
  }
  return result;
}

KvCache::Usage KvCache::usage() const {
  const auto& impl = *impl_;
  Usage usage{impl.pool.total(), impl.available() + impl.n_read_for(), impl.tree.cached()};
  if (impl.spill) {
    usage.spill_total = impl.spill->file.total();
    usage.spilled = impl.spill->file.size();
  }
  usage.written = impl.n_written;
  usage.read = impl.n_read;
  return usage;
}

void KvCache::Impl::clear() {
  if (spill) {
    abandon_reads();
    spill->file.clear();
  }
  tree.clear();
  pool = PagePool(options.n_pages);
  sequences.clear();
}

/// The pages of the prompt that are in the tree. False: this step computes the next one, so that it
/// is worth waiting.
bool KvCache::Impl::find_cached(const Reservation& reservation, std::uint64_t step,
                                std::vector<PageId>& pages) const {
  if (!options.prefix_cache) return true;
  const auto& prompt = *reservation.prompt;
  const int most =
      (static_cast<int>(prompt.size()) - 1) / page_size;  // the last token is always computed
  for (int i = 0; i < most; ++i) {
    const auto page = tree.find(reservation.salt, parent_of(pages, i), page_tokens(prompt, i));
    if (!page) return true;
    if (tree.ready_after(*page) >= step) return false;
    pages.push_back(*page);
  }
  return true;
}

Grant KvCache::Impl::start(const Reservation& reservation, Round& round) {
  if (!reservation.prompt || reservation.prompt->empty() || reservation.n_rows < 1)
    throw std::logic_error("kv cache: sequence " + std::to_string(reservation.sequence) +
                           " starts without tokens");
  Grant grant{.sequence = reservation.sequence,
              .exhausted = round.exhausted && !reading(),
              .new_pages = {}};
  if (round.exhausted || round.max_rows == 0) return grant;
  Sequence sequence{.prompt = reservation.prompt, .salt = reservation.salt, .pages = {}};
  if (!find_cached(reservation, round.step, sequence.pages)) return grant;
  if (awaits_read(reservation, sequence.pages, round)) return grant;

  sequence.n_cached = sequence.n_held = static_cast<int>(sequence.pages.size());
  sequence.n_tokens = sequence.n_cached * page_size;
  const int wanted = std::min(reservation.n_rows,
                              static_cast<int>(reservation.prompt->size()) - sequence.n_tokens);
  const int n_rows = std::min(wanted, round.max_rows);
  if (n_rows < wanted && !reservation.chunk) return grant;

  for (const PageId page : sequence.pages) tree.hold(page);  // before anything is evicted
  const int n_new = pages_for(sequence.n_tokens + n_rows) - sequence.n_cached;
  if (n_new + round.keep_free > available()) {
    for (const PageId page : sequence.pages) tree.drop(page);
    round.exhausted = true;
    grant.exhausted = !reading();  // whose pages will be free
    return grant;
  }
  grant.cached_tokens = sequence.n_tokens;
  grant.new_pages = sequence.pages;
  give(sequences.emplace(reservation.sequence, std::move(sequence)).first->second, grant, n_rows,
       round);
  return grant;
}

Grant KvCache::Impl::extend(const Reservation& reservation, Round& round, Sequence& sequence) {
  Grant grant{.sequence = reservation.sequence, .new_pages = {}};
  const int begin = sequence.n_tokens - reservation.n_again;
  const int least = reservation.chunk ? 1 : reservation.n_rows - reservation.n_draft;
  int n_rows = std::min(reservation.n_rows, round.max_rows);
  if (n_rows < std::max(least, 1)) return grant;
  const auto lacks_pages = [&] {
    const int n_new = pages_for(begin + n_rows) - static_cast<int>(sequence.pages.size());
    return n_new > 0 && (round.exhausted || n_new > available());
  };
  if (reservation.n_draft > 0 && lacks_pages()) n_rows = least;
  if (lacks_pages() && !round.exhausted) abandon_reads();
  if (lacks_pages()) {
    round.exhausted = true;
    grant.exhausted = !reading();  // a start was too large beside a read
    return grant;
  }
  sequence.n_tokens = begin;
  give(sequence, grant, n_rows, round);
  return grant;
}

void KvCache::Impl::give(Sequence& sequence, Grant& grant, int n_rows, Round& round) {
  grant.n_rows = n_rows;
  round.max_rows -= n_rows;
  sequence.n_tokens += n_rows;
  while (static_cast<int>(sequence.pages.size()) < pages_for(sequence.n_tokens)) {
    sequence.pages.push_back(take_page());
    grant.new_pages.push_back(sequence.pages.back());
  }
  enter_prompt(sequence, round.step);
}

PageId KvCache::Impl::take_page() {
  if (pool.free() == 0) {
    const PageId evicted = tree.evict().value();
    if (spill) spill->file.left(evicted);
    pool.give(evicted);
  }
  return pool.take();
}

/// The pages of the prompt that the granted rows fill. It ends where another sequence, which ran
/// ahead on the same prompt, has entered a page already: from there on the sequence's pages are its
/// own.
void KvCache::Impl::enter_prompt(Sequence& sequence, std::uint64_t step) {
  if (!sequence.prompt || !options.prefix_cache) return;
  const int n_prompt = static_cast<int>(sequence.prompt->size());
  const int n_full = std::min(sequence.n_tokens, n_prompt) / page_size;
  while (sequence.prompt && sequence.n_held < n_full) {
    const auto parent = parent_of(sequence.pages, sequence.n_held);
    const auto tokens = page_tokens(*sequence.prompt, sequence.n_held);
    if (tree.find(sequence.salt, parent, tokens)) {
      sequence.prompt = nullptr;
    } else {
      const PageId page = sequence.pages[static_cast<std::size_t>(sequence.n_held++)];
      tree.insert(sequence.salt, parent, tokens, page, step);
      tree.hold(page);
    }
  }
  if (sequence.n_tokens >= n_prompt) sequence.prompt = nullptr;
}

void KvCache::Impl::release(const Release& release, std::uint64_t last_formed) {
  const auto found = sequences.find(release.sequence);
  if (found == sequences.end())
    throw std::logic_error("kv cache: release of unknown sequence " +
                           std::to_string(release.sequence));
  Sequence sequence = std::move(found->second);
  sequences.erase(found);
  static const std::vector<TokenId> nothing;
  const auto& computed = release.computed ? *release.computed : nothing;
  const int n_full = std::min(static_cast<int>(computed.size()), sequence.n_tokens) / page_size;

  forget_uncomputed(sequence, n_full);
  keep_computed(sequence, computed, options.prefix_cache ? n_full : 0, last_formed);
}

/// Takes nodes that it entered and whose rows never ran out of the tree. Nobody else holds them:
/// they were not ready in their own step, and the contract brings this release before the next one.
/// What hangs below is of no use without them.
void KvCache::Impl::forget_uncomputed(Sequence& sequence, int n_full) {
  for (int i = std::max(sequence.n_cached, n_full); i < sequence.n_held; ++i) {
    const auto page = sequence.pages.begin() + i;
    if (tree.holders(*page) > 1) continue;  // they ran, and were only not worth a mention
    for (const PageId removed : tree.remove(*page)) {
      if (spill) spill->file.left(removed);
      pool.give(removed);
    }
    for (auto own = sequence.pages.begin() + sequence.n_held; own != sequence.pages.end(); ++own)
      pool.give(*own);
    sequence.pages.erase(page, sequence.pages.end());
    sequence.n_held = i;
  }
}

/// Lets the sequence's nodes go, and puts its own full pages into the tree where it lacks their
/// tokens.
void KvCache::Impl::keep_computed(Sequence& sequence, const std::vector<TokenId>& computed,
                                  int n_full, std::uint64_t last_formed) {
  // Bottom up, so that a leaf counts as used before its parents: it is evicted before them anyway.
  for (int i = sequence.n_held - 1; i >= 0; --i)
    tree.drop(sequence.pages[static_cast<std::size_t>(i)]);
  for (int i = sequence.n_held; i < static_cast<int>(sequence.pages.size()); ++i) {
    PageId& page = sequence.pages[static_cast<std::size_t>(i)];
    if (i >= n_full) {
      pool.give(page);
      continue;
    }
    const auto tokens = page_tokens(computed, i);
    const auto parent = parent_of(sequence.pages, i);
    if (const auto there = tree.find(sequence.salt, parent, tokens)) {
      pool.give(page);
      page = *there;
    } else {
      tree.insert(sequence.salt, parent, tokens, page, last_formed);
    }
  }
}

}  // namespace nanoflow
