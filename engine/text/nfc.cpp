#include "engine/text/nfc.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <vector>

#include "engine/text/nfc_table.hpp"
#include "engine/text/utf8.hpp"

namespace nanoflow::text {
namespace {

// Korean syllables are composed by arithmetic (The Unicode Standard, 3.12).
constexpr char32_t syllable_base = 0xAC00, lead_base = 0x1100, vowel_base = 0x1161,
                   tail_base = 0x11A7;
constexpr char32_t n_leads = 19, n_vowels = 21, n_tails = 28;

int combining_class(char32_t c) {
  if (c < 0x300) return 0;
  const auto run =
      std::lower_bound(std::begin(combining_runs), std::end(combining_runs), c,
                       [](const CombiningRun& r, char32_t value) { return r.last < value; });
  return run != std::end(combining_runs) && run->first <= c ? run->combining_class : 0;
}

void decompose(char32_t c, std::u32string& out) {
  if (c < 0xC0) {
    out += c;
    return;
  }
  if (c >= syllable_base && c < syllable_base + n_leads * n_vowels * n_tails) {
    const char32_t i = c - syllable_base;
    out += lead_base + i / (n_vowels * n_tails);
    out += vowel_base + i / n_tails % n_vowels;
    if (i % n_tails != 0) out += tail_base + i % n_tails;
    return;
  }
  const auto found =
      std::lower_bound(std::begin(decompositions), std::end(decompositions), c,
                       [](const Decomposition& d, char32_t value) { return d.composed < value; });
  if (found == std::end(decompositions) || found->composed != c) {
    out += c;
    return;
  }
  decompose(found->first, out);
  if (found->second != 0) decompose(found->second, out);
}

/// 0 where the two do not compose.
char32_t compose(char32_t first, char32_t second) {
  if (first >= lead_base && first < lead_base + n_leads && second >= vowel_base &&
      second < vowel_base + n_vowels)
    return syllable_base + ((first - lead_base) * n_vowels + second - vowel_base) * n_tails;
  if (first >= syllable_base && first < syllable_base + n_leads * n_vowels * n_tails &&
      (first - syllable_base) % n_tails == 0 && second > tail_base && second < tail_base + n_tails)
    return first + (second - tail_base);
  static const auto pairs = [] {
    std::unordered_map<std::uint64_t, char32_t> made;
    for (const Decomposition& d : decompositions) {
      if (d.composes)
        made.emplace(static_cast<std::uint64_t>(d.first) << 32 | d.second, d.composed);
    }
    return made;
  }();
  const auto found = pairs.find(static_cast<std::uint64_t>(first) << 32 | second);
  return found == pairs.end() ? 0 : found->second;
}

/// Marks in their canonical order: those between two starters sorted by class.
void reorder(std::u32string& text) {
  for (std::size_t i = 0; i < text.size();) {
    if (combining_class(text[i]) == 0) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && combining_class(text[end]) != 0) ++end;
    std::stable_sort(text.begin() + i, text.begin() + end, [](char32_t a, char32_t b) {
      return combining_class(a) < combining_class(b);
    });
    i = end;
  }
}

std::u32string recompose(const std::u32string& text) {
  std::u32string out;
  std::size_t starter = std::u32string::npos;
  int last_class = -1;  // of what stands after the starter; -1: nothing does
  for (const char32_t c : text) {
    const int cls = combining_class(c);
    if (starter != std::u32string::npos && last_class < cls) {
      if (const char32_t both = compose(out[starter], c)) {
        out[starter] = both;
        continue;
      }
    }
    if (cls == 0) {
      starter = out.size();
      last_class = -1;
    } else {
      last_class = cls;
    }
    out += c;
  }
  return out;
}

}  // namespace

std::string to_nfc(std::string_view text) {
  // Below U+0300 everything is in normal form.
  const auto is_low = [](char c) { return static_cast<unsigned char>(c) < 0xCC; };
  if (std::all_of(text.begin(), text.end(), is_low)) return std::string(text);
  std::u32string decomposed;
  decomposed.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Unit unit = next_unit(text, at);
    decompose(unit.value, decomposed);
    at += unit.size;
  }
  reorder(decomposed);
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : recompose(decomposed)) append_utf8(c, out);
  return out;
}

}  // namespace nanoflow::text
