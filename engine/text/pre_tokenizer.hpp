#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/regex.hpp"

namespace nanoflow::text {

/// One stretch of text between special tokens, on its way to the words that the model encodes one
/// by one.
struct Pieces {
  std::string text;           // UTF-8
  std::vector<Range> ranges;  // ascending, not empty
  bool at_start = true;       // the stretch begins the whole input
};

/// A step that cuts or rewrites the pieces. Immutable.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces, const TimeBudget& budget) const = 0;
};
using PreTokenizers = std::vector<std::unique_ptr<const PreTokenizer>>;

/// What becomes of the text that a Split's pattern matches, in the words of tokenizer.json.
enum class SplitBehavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };

/// `inverted`: the pattern describes what is between the separators.
std::unique_ptr<const PreTokenizer> make_split(std::string_view pattern, SplitBehavior behavior,
                                               bool inverted);

/// GPT-2's: words, numbers and punctuation with the blank before them, then bytes as characters.
struct ByteLevelOptions {
  bool add_prefix_space = false;
  bool use_regex = true;
};
std::unique_ptr<const PreTokenizer> make_byte_level(ByteLevelOptions options);

enum class PrependScheme { always, first, never };
/// Blanks become `replacement`; one may be put in front.
struct MetaspaceOptions {
  std::string replacement = "\xE2\x96\x81";  // ▁
  PrependScheme prepend = PrependScheme::always;
  bool split = true;
};
std::unique_ptr<const PreTokenizer> make_metaspace(MetaspaceOptions options);

/// GPT-2's pattern. It is what ByteLevel with use_regex cuts by.
inline constexpr std::string_view gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace nanoflow::text
