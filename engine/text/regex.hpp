#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/tokenizer.hpp"

namespace nanoflow::text {

struct Range {
  std::size_t begin = 0, end = 0;  // bytes, half open
};

/// The processor time that all patterns may take together in one encode. Patterns come with the
/// model, so a hostile one may need exponential time; the published ones stay far below.
class TimeBudget {
 public:
  explicit TimeBudget(std::size_t n_bytes);
  void check() const;  // throws EncodeError when it is used up

 private:
  std::int64_t end_ns_;  // on this thread's clock
  std::size_t n_bytes_;
};

/// A pattern of a tokenizer.json (Oniguruma's syntax, as far as PCRE2 shares it), interpreted by
/// PCRE2.
class Regex {
 public:
  explicit Regex(std::string_view pattern);  // throws ModelError
  ~Regex();
  Regex(Regex&&) noexcept;

 private:
  friend class RegexSearch;
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

/// Finds a pattern in one text after another, with the memory for it allocated once. The regex and
/// the budget must outlive it; for one thread.
class RegexSearch {
 public:
  RegexSearch(const Regex& regex, const TimeBudget& budget);
  ~RegexSearch();

  /// All matches from left to right that do not overlap, as Oniguruma finds them: an empty one may
  /// not follow another match at once. `text` is UTF-8. Throws EncodeError.
  void find_all(std::string_view text, std::vector<Range>& found);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nanoflow::text
