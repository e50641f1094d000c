// Random proposals against what must hold of any KV cache: a page's content is modelled as the
// tokens it was computed from, so that whoever is told that a page is cached can be checked.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "engine/kv/kv_cache.hpp"

namespace nanoflow {
namespace {

class Walk {
 public:
  Walk(unsigned seed, bool prefix_cache, bool spill)
      : random_(seed),
        n_pages_(uniform(4, 40)),
        prefix_cache_(prefix_cache),
        cache_({.n_pages = n_pages_,
                .prefix_cache = prefix_cache,
                .n_spilled = spill ? uniform(1, 80) : 0}) {}

  void play() {
    for (int i = 0; i < 300; ++i) round();
    Proposal last{.round = ++round_, .releases = std::move(due_), .reservations = {}};
    for (auto& [id, sequence] : live_) last.releases.push_back({id, computed(sequence)});
    cache_.reserve(last);
    cache_.take_arrivals();
    BOOST_REQUIRE_EQUAL(cache_.usage().free, n_pages_);
  }
  std::uint64_t pages_read() const { return cache_.usage().read; }

 private:
  using Content = std::pair<std::string, std::vector<TokenId>>;
  struct Sequence {
    std::string salt;
    std::vector<TokenId> tokens;  // as many as it may ever have
    int n_prompt = 0;
    int n_done = 0;     // cached, or ran
    int n_granted = 0;  // and rows of wrong guesses after them
    int n_most = 0;     // as many as that were at most
    int n_draft = 0;    // guesses among those last granted
    std::vector<PageId> pages;
  };

  int uniform(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }
  static Tokens first(const std::vector<TokenId>& tokens, int n) {
    return std::make_shared<const std::vector<TokenId>>(tokens.begin(), tokens.begin() + n);
  }
  static Tokens computed(const Sequence& sequence) {
    return first(sequence.tokens, sequence.n_done);
  }

  void round() {
    Proposal proposal{.round = ++round_,
                      .clear = uniform(1, 100) == 1,
                      .releases = std::move(due_),
                      .step = step_,
                      .finished = next_finished(),
                      .max_rows = uniform(0, 80),
                      .keep_free = uniform(0, 3),
                      .reservations = {}};
    due_.clear();
    if (proposal.clear) {
      proposal.releases.clear();
      live_.clear();
      content_.clear();
    }
    release_some(proposal);
    reserve_some(proposal);
    const auto grants = cache_.reserve(proposal);
    take_arrivals();
    BOOST_REQUIRE_EQUAL(grants.round, proposal.round);
    BOOST_REQUIRE_EQUAL(grants.grants.size(), proposal.reservations.size());
    check_grants(proposal, grants);
    std::set<PageId> held;
    for (const auto& [id, sequence] : live_)
      held.insert(sequence.pages.begin(), sequence.pages.end());
    const auto usage = cache_.usage();
    BOOST_REQUIRE_EQUAL(usage.total, n_pages_);
    BOOST_REQUIRE_EQUAL(usage.free, n_pages_ - std::ssize(held));
    BOOST_REQUIRE(usage.cached >= 0 && usage.cached <= usage.free);
    start_copies();
    run(grants);
    while (!copies_.empty() && uniform(0, 2) > 0) end_copy();
  }

  /// None, or one step is in flight.
  std::uint64_t next_finished() {
    const auto formed = step_ - 1;
    finished_ = std::max(finished_, formed - std::min<std::uint64_t>(formed, uniform(0, 1)));
    return finished_;
  }

  /// Of pages that steps have computed, to slots that nobody else writes.
  void start_copies() {
    for (const auto& copy : cache_.start_copies(uniform(0, 6))) {
      for (const auto& [other, content] : copies_)
        BOOST_REQUIRE(other.slot != copy.slot || !other.out);
      copies_.emplace_back(copy, Content());
      if (!copy.out) continue;
      BOOST_REQUIRE(computed_in_.at(copy.page) <= finished_);
      copies_.back().second = content_.at(copy.page);
    }
  }

  void end_copy() {
    const auto [copy, content] = std::move(copies_.front());
    copies_.pop_front();
    if (copy.out)
      file_[copy.slot] = content;
    else
      arrived_[copy.id] = file_.at(copy.slot);
    cache_.copied(copy.id, 1);
    take_arrivals();
  }

  /// To pages that no step uses any more.
  void take_arrivals() {
    for (const auto& arrival : cache_.take_arrivals()) {
      const auto found = arrived_.extract(arrival.copy);
      if (!arrival.page) continue;
      BOOST_REQUIRE(last_use_[*arrival.page] <= finished_);
      content_[*arrival.page] = found.mapped();
      computed_in_[*arrival.page] = 0;
    }
  }

  void release_some(Proposal& proposal) {
    for (auto found = live_.begin(); found != live_.end();) {
      if (uniform(1, 12) != 1) {
        ++found;
        continue;
      }
      const auto& sequence = found->second;
      const int kept =
          uniform(1, 3) == 1 ? std::max(0, sequence.n_done - uniform(0, 3)) : sequence.n_done;
      proposal.releases.push_back(
          {found->first, uniform(1, 4) == 1 ? nullptr : first(sequence.tokens, kept)});
      found = live_.erase(found);
    }
  }

  void reserve_some(Proposal& proposal) {
    for (const auto& [id, sequence] : live_) {
      if (uniform(1, 6) == 1 || sequence.n_done >= std::ssize(sequence.tokens)) continue;
      const int left = sequence.n_prompt - sequence.n_done;
      const int most = static_cast<int>(sequence.tokens.size()) - sequence.n_done - 1;
      const int n_draft = left > 0 || uniform(0, 1) == 0 ? 0 : uniform(0, std::min(most, 9));
      proposal.reservations.push_back({.sequence = id,
                                       .n_rows = std::max(left, 1) + n_draft,
                                       .chunk = left > 0,
                                       .n_draft = n_draft,
                                       .n_again = sequence.n_granted - sequence.n_done,
                                       .prompt = nullptr,
                                       .salt = {}});
    }
    for (int i = uniform(0, 4); i > 0; --i) {
      asked_[++last_sequence_] = new_sequence();
      const auto& sequence = asked_[last_sequence_];
      proposal.reservations.push_back({.sequence = last_sequence_,
                                       .n_rows = sequence.n_prompt,
                                       .chunk = uniform(1, 4) != 1,
                                       .prompt = first(sequence.tokens, sequence.n_prompt),
                                       .salt = sequence.salt});
    }
  }

  Sequence new_sequence() {
    Sequence sequence{.salt = uniform(1, 4) == 1 ? "other" : "", .tokens = {}, .pages = {}};
    const int most = n_pages_ * page_size;
    sequence.n_prompt = uniform(1, std::min(most, 200));
    const int n_tokens = std::min(most, sequence.n_prompt + uniform(0, 50));
    // Few kinds of pages, so that prefixes are shared often.
    for (int i = 0; i < n_tokens; ++i) {
      if (i % page_size == 0) kind_ = uniform(0, 5) == 0 ? 1 : 0;
      sequence.tokens.push_back(kind_ * 1000 + i % page_size);
    }
    return sequence;
  }

  void check_grants(const Proposal& proposal, const Grants& grants) {
    int rows = 0;
    for (std::size_t i = 0; i < grants.grants.size(); ++i) {
      const auto& grant = grants.grants[i];
      const auto& reservation = proposal.reservations[i];
      BOOST_REQUIRE_EQUAL(grant.sequence, reservation.sequence);
      rows += grant.n_rows;
      if (grant.n_rows == 0) {
        BOOST_REQUIRE(grant.new_pages.empty());
        continue;
      }
      BOOST_REQUIRE(grant.n_rows <= reservation.n_rows && !grant.exhausted);
      if (reservation.prompt) start(grant);
      auto& sequence = live_.at(grant.sequence);
      if (!reservation.chunk && reservation.n_draft == 0)
        BOOST_REQUIRE_EQUAL(grant.n_rows,
                            reservation.prompt ? sequence.n_prompt - sequence.n_done : 1);
      take_pages(grant, sequence);
      sequence.n_granted = sequence.n_done + grant.n_rows;
      sequence.n_draft = reservation.n_draft > 0 ? grant.n_rows - 1 : 0;
    }
    BOOST_REQUIRE(rows <= proposal.max_rows);
  }

  void start(const Grant& grant) {
    auto sequence = asked_.at(grant.sequence);
    BOOST_REQUIRE_EQUAL(grant.cached_tokens % page_size, 0);
    BOOST_REQUIRE(grant.cached_tokens < sequence.n_prompt);
    if (!prefix_cache_) BOOST_REQUIRE_EQUAL(grant.cached_tokens, 0);
    const int n_cached = grant.cached_tokens / page_size;
    for (int i = 0; i < n_cached; ++i)
      BOOST_REQUIRE(content_.at(grant.new_pages[static_cast<std::size_t>(i)]) ==
                    prefix(sequence, i + 1));
    sequence.n_done = grant.cached_tokens;
    sequence.pages.assign(grant.new_pages.begin(), grant.new_pages.begin() + n_cached);
    live_[grant.sequence] = sequence;
  }

  /// New pages are nobody's.
  void take_pages(const Grant& grant, Sequence& sequence) {
    const auto n_shared = sequence.pages.size() == 0 || sequence.n_done != grant.cached_tokens
                              ? 0
                              : static_cast<std::ptrdiff_t>(sequence.pages.size());
    for (auto page = grant.new_pages.begin() + n_shared; page != grant.new_pages.end(); ++page) {
      BOOST_REQUIRE(*page >= 0 && *page < n_pages_);
      for (const auto& [id, other] : live_)
        BOOST_REQUIRE(std::find(other.pages.begin(), other.pages.end(), *page) ==
                      other.pages.end());
      sequence.pages.push_back(*page);
      content_.erase(*page);
    }
    sequence.n_most = std::max(sequence.n_most, sequence.n_done + grant.n_rows);
    BOOST_REQUIRE_EQUAL(sequence.pages.size(), (sequence.n_most + page_size - 1) / page_size);
  }

  /// Most granted rows run; a sequence whose rows do not is released by the next proposal.
  void run(const Grants& grants) {
    bool one_runs = false;
    for (const auto& grant : grants.grants) {
      if (grant.n_rows == 0) continue;
      auto& sequence = live_.at(grant.sequence);
      if (uniform(1, 15) == 1) {
        // Until then its pages are its own, as due_ says.
        due_.push_back({grant.sequence, computed(sequence)});
        dropped_.push_back(grant.sequence);
        continue;
      }
      one_runs = true;
      for (const PageId page : sequence.pages) last_use_[page] = step_;
      sequence.n_done += grant.n_rows - uniform(0, sequence.n_draft);
      for (int i = 0; i < sequence.n_done / page_size; ++i)
        if (content_.emplace(sequence.pages[static_cast<std::size_t>(i)], prefix(sequence, i + 1))
                .second)
          computed_in_[sequence.pages[static_cast<std::size_t>(i)]] = step_;
    }
    for (const auto id : std::exchange(dropped_, {})) live_.erase(id);
    asked_.clear();
    if (one_runs) ++step_;
  }

  static Content prefix(const Sequence& sequence, int n) {
    return {sequence.salt, {sequence.tokens.begin(), sequence.tokens.begin() + n * page_size}};
  }

  std::mt19937 random_;
  int n_pages_;
  bool prefix_cache_;
  KvCache cache_;
  std::uint64_t round_ = 0, step_ = 1;
  SequenceId last_sequence_ = 0;
  int kind_ = 0;
  std::map<SequenceId, Sequence> live_, asked_;
  std::vector<Release> due_;
  std::vector<SequenceId> dropped_;
  std::map<PageId, Content> content_;                       // of pages whose rows all ran
  std::map<PageId, std::uint64_t> computed_in_, last_use_;  // steps
  std::uint64_t finished_ = 0;                              // steps, as the cache was told
  std::deque<std::pair<PageCopy, Content>> copies_;         // in flight
  std::map<int, Content> file_;                             // by slot
  std::map<std::uint64_t, Content> arrived_;                // by copy
};

}  // namespace

BOOST_AUTO_TEST_SUITE(kv_cache_walk)

BOOST_AUTO_TEST_CASE(no_page_leaks_and_what_is_cached_was_computed_from_the_same_tokens) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) Walk(seed, seed % 4 != 0, false).play();
  }
}

BOOST_AUTO_TEST_CASE(what_is_spilled_comes_back_as_it_was_to_pages_that_nobody_uses) {
  std::uint64_t pages_read = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Walk walk(seed, true, true);
      walk.play();
      pages_read += walk.pages_read();
    }
  }
  BOOST_TEST(pages_read > 1000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
