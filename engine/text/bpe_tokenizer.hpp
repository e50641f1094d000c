#pragma once
#include <memory>
#include <string>
#include <vector>

#include "engine/text/bpe_model.hpp"
#include "engine/text/model_tokenizer.hpp"
#include "engine/text/normalizer.hpp"
#include "engine/text/pre_tokenizer.hpp"

namespace nanoflow::text {

/// Normalise, find the added tokens that are sought in normalised text, cut into words, merge.
class BpeTokenizer : public ModelTokenizer {
 public:
  BpeTokenizer(Vocabulary vocabulary, Normalizers normalizers, std::vector<AddedToken> normalized,
               PreTokenizers pre_tokenizers, BpeModel model);

 protected:
  void encode_stretch(std::string text, const TimeBudget& budget, bool at_start,
                      std::vector<TokenId>& out) const override;

 private:
  void encode_words(std::string text, const TimeBudget& budget, bool at_start,
                    std::vector<TokenId>& out) const;

  Normalizers normalizers_;
  AddedTokens normalized_;
  PreTokenizers pre_tokenizers_;
  BpeModel model_;
};

}  // namespace nanoflow::text
