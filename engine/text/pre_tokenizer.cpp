#include "engine/text/pre_tokenizer.hpp"

#include <utility>

#include "engine/text/byte_level.hpp"

namespace nanoflow::text {
namespace {

/// The stretches of a text, matched by a pattern or not, in order.
struct Stretch {
  Range range;
  bool matched = false;
};

std::vector<Stretch> stretches(const std::vector<Range>& matches, std::size_t size, bool inverted) {
  std::vector<Stretch> out;
  std::size_t end = 0;
  for (const Range& match : matches) {
    if (match.begin > end) out.push_back({{end, match.begin}, inverted});
    out.push_back({match, !inverted});
    end = match.end;
  }
  if (end < size) out.push_back({{end, size}, inverted});
  return out;
}

/// Joins neighbours as the behaviour says.
void join(std::vector<Stretch>& all, SplitBehavior behavior) {
  std::vector<Stretch> out;
  bool previous = false;
  const auto next = [&](const Stretch& one) {
    const bool joins =
        behavior == SplitBehavior::contiguous ? one.matched == previous : one.matched && !previous;
    previous = one.matched;
    if (!joins || out.empty()) return out.push_back(one);
    Range& last = out.back().range;
    last = {std::min(last.begin, one.range.begin), std::max(last.end, one.range.end)};
  };
  if (behavior == SplitBehavior::merged_with_next) {
    for (auto one = all.rbegin(); one != all.rend(); ++one) next(*one);
    all.assign(out.rbegin(), out.rend());
  } else {
    for (const Stretch& one : all) next(one);
    all = std::move(out);
  }
}

class Split : public PreTokenizer {
 public:
  Split(std::string_view pattern, SplitBehavior behavior, bool inverted)
      : regex_(pattern), behavior_(behavior), inverted_(inverted) {}

  void apply(Pieces& pieces, const TimeBudget& budget) const override {
    RegexSearch search(regex_, budget);
    std::vector<Range> ranges, matches;
    ranges.reserve(pieces.ranges.size());
    for (const Range& piece : pieces.ranges) {
      if (piece.end - piece.begin == 1 && behavior_ == SplitBehavior::isolated) {
        ranges.push_back(piece);  // nothing to cut
        continue;
      }
      const std::string_view text =
          std::string_view(pieces.text).substr(piece.begin, piece.end - piece.begin);
      matches.clear();
      search.find_all(text, matches);
      append(piece, matches, ranges);
    }
    pieces.ranges = std::move(ranges);
  }

 private:
  void append(Range piece, const std::vector<Range>& matches, std::vector<Range>& out) const {
    const std::size_t size = piece.end - piece.begin;
    std::vector<Stretch> all = stretches(matches, size, inverted_);
    if (behavior_ != SplitBehavior::isolated && behavior_ != SplitBehavior::removed)
      join(all, behavior_);
    for (const Stretch& one : all) {
      const bool dropped = behavior_ == SplitBehavior::removed && one.matched;
      if (dropped || one.range.begin == one.range.end) continue;
      out.push_back({piece.begin + one.range.begin, piece.begin + one.range.end});
    }
  }

  Regex regex_;
  SplitBehavior behavior_;
  bool inverted_;
};

/// Writes each piece anew; `write` appends what becomes of one.
template <class Write>
void rewrite(Pieces& pieces, Write write) {
  std::string text;
  text.reserve(pieces.text.size() + pieces.text.size() / 4 + 8);
  for (Range& piece : pieces.ranges) {
    const std::size_t begin = text.size();
    write(std::string_view(pieces.text).substr(piece.begin, piece.end - piece.begin), piece.begin,
          text);
    piece = {begin, text.size()};
  }
  pieces.text = std::move(text);
}

class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(ByteLevelOptions options) : options_(options) {
    if (options.use_regex) split_ = make_split(gpt2_pattern, SplitBehavior::isolated, false);
  }

  void apply(Pieces& pieces, const TimeBudget& budget) const override {
    if (options_.add_prefix_space) {
      rewrite(pieces, [](std::string_view piece, std::size_t, std::string& out) {
        if (!piece.starts_with(' ')) out += ' ';
        out += piece;
      });
    }
    if (split_) split_->apply(pieces, budget);
    rewrite(pieces, [](std::string_view piece, std::size_t, std::string& out) {
      append_byte_level(piece, out);
    });
  }

 private:
  ByteLevelOptions options_;
  std::unique_ptr<const PreTokenizer> split_;
};

class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(MetaspaceOptions options) : options_(std::move(options)) {}

  void apply(Pieces& pieces, const TimeBudget&) const override {
    const bool first_gets_it = options_.prepend == PrependScheme::first && pieces.at_start;
    rewrite(pieces, [&](std::string_view piece, std::size_t at, std::string& out) {
      const bool prepends = options_.prepend == PrependScheme::always || (first_gets_it && at == 0);
      if (prepends && !piece.starts_with(' ') && !piece.starts_with(options_.replacement))
        out += options_.replacement;
      for (const char c : piece) c == ' ' ? out += options_.replacement : out += c;
    });
    if (options_.split) cut(pieces);
  }

 private:
  /// A new piece begins at each replacement.
  void cut(Pieces& pieces) const {
    std::vector<Range> ranges;
    for (const Range& piece : pieces.ranges) {
      std::size_t begin = piece.begin;
      for (std::size_t at = pieces.text.find(options_.replacement, begin + 1); at < piece.end;
           at = pieces.text.find(options_.replacement, at + 1)) {
        ranges.push_back({begin, at});
        begin = at;
      }
      ranges.push_back({begin, piece.end});
    }
    pieces.ranges = std::move(ranges);
  }

  MetaspaceOptions options_;
};

}  // namespace

std::unique_ptr<const PreTokenizer> make_split(std::string_view pattern, SplitBehavior behavior,
                                               bool inverted) {
  return std::make_unique<Split>(pattern, behavior, inverted);
}

std::unique_ptr<const PreTokenizer> make_byte_level(ByteLevelOptions options) {
  return std::make_unique<ByteLevel>(options);
}

std::unique_ptr<const PreTokenizer> make_metaspace(MetaspaceOptions options) {
  return std::make_unique<Metaspace>(std::move(options));
}

}  // namespace nanoflow::text
