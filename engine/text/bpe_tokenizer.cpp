#include "engine/text/bpe_tokenizer.hpp"

#include <utility>

namespace nanoflow::text {

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, Normalizers normalizers,
                           std::vector<AddedToken> normalized, PreTokenizers pre_tokenizers,
                           BpeModel model)
    : ModelTokenizer(std::move(vocabulary)),
      normalizers_(std::move(normalizers)),
      normalized_(std::move(normalized)),
      pre_tokenizers_(std::move(pre_tokenizers)),
      model_(std::move(model)) {}

void BpeTokenizer::encode_stretch(std::string text, const TimeBudget& budget, bool at_start,
                                  std::vector<TokenId>& out) const {
  for (const auto& normalizer : normalizers_) normalizer->apply(text, budget);
  const auto found = normalized_.find(text, [](const AddedToken&, Range) { return true; });
  if (found.empty()) return encode_words(std::move(text), budget, at_start, out);
  std::size_t end = 0;
  const auto encode_up_to = [&](std::size_t begin) {
    if (begin > end) encode_words(text.substr(end, begin - end), budget, at_start && end == 0, out);
  };
  for (const AddedTokens::Found& token : found) {
    encode_up_to(token.range.begin);
    out.push_back(token.id);
    end = token.range.end;
  }
  encode_up_to(text.size());
}

void BpeTokenizer::encode_words(std::string text, const TimeBudget& budget, bool at_start,
                                std::vector<TokenId>& out) const {
  Pieces pieces{std::move(text), {}, at_start};
  if (!pieces.text.empty()) pieces.ranges.push_back({0, pieces.text.size()});
  for (const auto& step : pre_tokenizers_) step->apply(pieces, budget);
  for (const Range& word : pieces.ranges)
    model_.encode(std::string_view(pieces.text).substr(word.begin, word.end - word.begin), out);
}

}  // namespace nanoflow::text
