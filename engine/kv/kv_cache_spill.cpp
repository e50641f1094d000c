// Pages that leave memory for the spill file, and come back.
#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "engine/kv/kv_cache_state.hpp"

namespace nanoflow {
namespace {

constexpr int looked_at = 64;            // leaves that are evicted next
constexpr int refusals_to_a_trial = 32;  // then a read is measured again
constexpr double newest = 0.25;          // its part of what a read takes

}  // namespace

/// True: the prompt's next page is on its way into memory, and worth waiting for.
bool KvCache::Impl::awaits_read(const Reservation& reservation, const std::vector<PageId>& cached,
                                const Round& round) {
  if (!spill) return false;
  const auto& prompt = *reservation.prompt;
  const int n_prompt = static_cast<int>(prompt.size());
  const int n_cached = static_cast<int>(cached.size());
  auto slots = spill->file.find(reservation.salt, prompt, (n_prompt - 1) / page_size);
  const int n_spilled = static_cast<int>(slots.size()) - n_cached;
  if (n_spilled <= 0) return false;
  slots.erase(slots.begin(), slots.begin() + n_cached);
  for (const auto& read : spill->reads)
    if (read.reads(slots.front())) return true;
  if (!worth_reading()) return false;

  // As many as leave room for the rows after them.
  for (const PageId page : cached) tree.hold(page);  // of no use as room
  const auto needed = [&](int n) {
    const int n_rows = std::min(n_prompt - (n_cached + n) * page_size, round.max_rows);
    return n + pages_for(n_rows) + round.keep_free;
  };
  int n = n_spilled;
  while (n > 0 && needed(n) > available()) --n;
  if (n > 0) begin_read(reservation, cached, slots, n, round.step - 1);
  for (auto page = cached.rbegin(); page != cached.rend(); ++page) tree.drop(*page);
  return n > 0;
}

/// Against computing the page's tokens. What is not known yet is tried, and now and then again what
/// was known.
bool KvCache::Impl::worth_reading() {
  if (spill->read_ms == 0 || row_ms == 0 || spill->read_ms < row_ms * page_size) return true;
  if (++spill->n_refused % refusals_to_a_trial != 0) return false;
  spill->read_ms = 0;
  return true;
}

void KvCache::Impl::begin_read(const Reservation& reservation, const std::vector<PageId>& cached,
                               const std::vector<SpilledPages::Slot>& slots, int n,
                               std::uint64_t safe_after) {
  auto& read = spill->reads.emplace_back();
  read.number = ++last_read;
  read.salt = reservation.salt;
  read.prompt = reservation.prompt;
  read.path = cached;
  for (const PageId page : read.path) tree.hold(page);
  read.slots.assign(slots.begin(), slots.begin() + n);
  for (const auto slot : read.slots) spill->file.hold(slot);
  for (int i = 0; i < n; ++i) read.pages.push_back(take_page());
  read.came.resize(static_cast<std::size_t>(n));
  read.safe_after = safe_after;
}

/// Whatever has come, and whose page no step uses any more.
void KvCache::Impl::take_in() {
  if (!spill) return;
  for (auto read = spill->reads.begin(); read != spill->reads.end();) {
    take_in(*read);
    if (read->n_in_memory < read->n()) {
      ++read;
      continue;
    }
    end_read(*read);
    read = spill->reads.erase(read);
    ask_again = true;
  }
}

void KvCache::Impl::take_in(PageRead& read) {
  if (finished < read.safe_after) return;
  for (; read.n_in_memory < read.n(); ++read.n_in_memory) {
    const auto i = static_cast<std::size_t>(read.n_in_memory);
    if (!read.came[i]) return;
    const auto tokens = page_tokens(*read.prompt, static_cast<int>(read.path.size()));
    const auto parent = parent_of(read.path, static_cast<int>(read.path.size()));
    const PageId page = read.pages[i];
    if (const auto there = tree.find(read.salt, parent, tokens)) {  // somebody computed it
      pool.give(page);
      arrivals.push_back({*read.came[i], std::nullopt});
      read.path.push_back(*there);
    } else {
      tree.insert(read.salt, parent, tokens, page, 0);
      spill->file.came(page, read.slots[i]);
      arrivals.push_back({*read.came[i], page});
      read.path.push_back(page);
      ++n_read;
    }
    tree.hold(read.path.back());
    spill->file.drop(read.slots[i]);
  }
}

/// Gives back what it has taken and holds. Pages that are in memory stay there as cached ones.
void KvCache::Impl::end_read(PageRead& read) {
  for (auto i = static_cast<std::size_t>(read.n_in_memory); i < read.slots.size(); ++i) {
    spill->file.drop(read.slots[i]);
    pool.give(read.pages[i]);
    if (read.came[i]) arrivals.push_back({*read.came[i], std::nullopt});
  }
  for (auto page = read.path.rbegin(); page != read.path.rend(); ++page) tree.drop(*page);
}

/// Somebody needs their pages, into which nothing was copied yet.
void KvCache::Impl::abandon_reads() {
  if (!reading()) return;
  for (auto& read : spill->reads) end_read(read);
  spill->reads.clear();
  ask_again = true;
}

/// Pages that only reads hold: they are given up as soon as a sequence needs them.
int KvCache::Impl::n_read_for() const {
  if (!reading()) return 0;
  std::set<PageId> pages;
  for (const auto& read : spill->reads) {
    pages.insert(read.path.begin(), read.path.end());
    pages.insert(read.pages.begin() + read.n_in_memory, read.pages.end());
  }
  for (const auto& [id, sequence] : sequences)
    for (const PageId page : sequence.pages) pages.erase(page);
  return static_cast<int>(pages.size());
}

std::vector<PageCopy> KvCache::start_copies(int most_in_flight) {
  auto& impl = *impl_;
  std::vector<PageCopy> copies;
  while (impl.spill && std::ssize(impl.spill->copies) < most_in_flight) {
    auto copy = impl.next_read();
    if (!copy) copy = impl.next_write();
    if (!copy) break;
    copies.push_back(*copy);
  }
  return copies;
}

std::optional<PageCopy> KvCache::Impl::next_read() {
  for (auto& read : spill->reads) {
    if (read.n_asked == read.n()) continue;
    const int index = read.n_asked++;
    const auto slot = read.slots[static_cast<std::size_t>(index)];
    const auto id = ++last_copy;
    spill->copies.emplace(id,
                          Copy{.out = false, .slot = slot, .read = read.number, .index = index});
    return PageCopy{.id = id, .out = false, .slot = slot};
  }
  return std::nullopt;
}

/// Once half of the pages were used, those that will be evicted next are written, each after the
/// one before it.
std::optional<PageCopy> KvCache::Impl::next_write() {
  if (pool.free() > pool.total() / 2) return std::nullopt;
  for (const PageId leaf : tree.next_evicted(looked_at))
    while (!spill->file.has(leaf)) {
      PageId page = leaf;
      for (auto above = tree.parent(page); above && !spill->file.has(*above);
           above = tree.parent(page))
        page = *above;
      if (tree.ready_after(page) > finished) break;  // is being computed
      const auto place = spill->file.add(tree, page);
      if (place.added == SpilledPages::Added::full) return std::nullopt;
      if (place.added == SpilledPages::Added::known) continue;
      const auto id = ++last_copy;
      spill->copies.emplace(id, Copy{.out = true, .slot = place.slot});
      return PageCopy{.id = id, .out = true, .page = page, .slot = place.slot};
    }
  return std::nullopt;
}

void KvCache::copied(std::uint64_t id, double ms) {
  auto& impl = *impl_;
  const auto found =
      impl.spill ? impl.spill->copies.find(id) : decltype(impl.spill->copies.end())();
  if (!impl.spill || found == impl.spill->copies.end()) {
    impl.arrivals.push_back({id, std::nullopt});
    return;
  }
  const auto copy = found->second;
  impl.spill->copies.erase(found);
  if (copy.out) {
    ++impl.n_written;
    impl.spill->file.written(copy.slot);
    return;
  }
  auto& known = impl.spill->read_ms;
  known = known == 0 ? ms : known + newest * (ms - known);
  const auto read = std::find_if(impl.spill->reads.begin(), impl.spill->reads.end(),
                                 [&](const auto& each) { return each.number == copy.read; });
  if (read == impl.spill->reads.end()) {
    impl.arrivals.push_back({id, std::nullopt});
    return;
  }
  read->came[static_cast<std::size_t>(copy.index)] = id;
  impl.take_in();
}

std::vector<PageArrival> KvCache::take_arrivals() {
  return std::exchange(impl_->arrivals, {});
}

void KvCache::stop_spilling() {
  if (!impl_->spill) return;
  impl_->abandon_reads();
  impl_->spill.reset();
}

bool KvCache::take_ask_again() {
  return std::exchange(impl_->ask_again, false);
}

}  // namespace nanoflow
