#include "engine/text/model_tokenizer.hpp"

#include <algorithm>

#include "engine/text/utf8.hpp"

namespace nanoflow::text {
namespace {

/// Tells for ascending ranges whether they touch a literal one.
class LiteralRanges {
 public:
  explicit LiteralRanges(const MarkedText& text) : ranges_(text.literal) {}
  bool touch(Range range) {
    while (next_ < ranges_.size() && ranges_[next_].end <= range.begin) ++next_;
    return next_ < ranges_.size() && ranges_[next_].begin < range.end;
  }

 private:
  const std::vector<MarkedText::Range>& ranges_;
  std::size_t next_ = 0;
};

}  // namespace

ModelTokenizer::ModelTokenizer(Vocabulary vocabulary)
    : vocabulary_(std::move(vocabulary)), added_(std::move(vocabulary_.added)) {}

std::vector<TokenId> ModelTokenizer::encode(const MarkedText& marked, EncodeOptions options) const {
  const std::string_view text = marked.text;
  const TimeBudget budget(text.size());
  std::vector<TokenId> out;
  out.reserve(text.size() / 3 + 4);
  const auto append = [&](const std::vector<TokenId>& ids) {
    if (options.add_special) out.insert(out.end(), ids.begin(), ids.end());
  };
  append(vocabulary_.prefix);
  LiteralRanges literal(marked);
  const auto found = added_.find(text, [&](const AddedToken& token, Range range) {
    return !token.special || (options.parse_special && !literal.touch(range));
  });
  std::size_t end = 0;
  const auto encode_up_to = [&](std::size_t begin) {
    if (begin > end)
      encode_stretch(repair_utf8(text.substr(end, begin - end)), budget, end == 0, out);
  };
  for (const AddedTokens::Found& token : found) {
    encode_up_to(token.range.begin);
    out.push_back(token.id);
    end = token.range.end;
  }
  encode_up_to(text.size());
  append(vocabulary_.suffix);
  return out;
}

std::string_view ModelTokenizer::token_bytes(TokenId id) const {
  return vocabulary_.bytes.contains(id) ? vocabulary_.bytes.text(id) : std::string_view();
}

bool ModelTokenizer::is_special(TokenId id) const {
  return vocabulary_.texts->contains(id) && vocabulary_.special[id];
}

std::optional<TokenId> ModelTokenizer::find(std::string_view token_text) const {
  return vocabulary_.texts->find(token_text);
}

}  // namespace nanoflow::text
