#pragma once
#include <memory>
#include <string>
#include <vector>

#include "engine/text/model_tokenizer.hpp"
#include "engine/text/sentencepiece_model.hpp"

namespace nanoflow::text {

/// Encodes by libsentencepiece, or to the same ids by SentencePieceBpe where that can. As in
/// llama.cpp, each stretch after a special token is a text of its own, which gets the dummy prefix
/// again where the model has one.
class SentencePieceTokenizer : public ModelTokenizer {
 public:
  /// Completes `vocabulary`, whose texts, special flags and ends are the caller's. Throws
  /// ModelError.
  SentencePieceTokenizer(Vocabulary vocabulary, const SentencePieceModel& model);
  ~SentencePieceTokenizer() override;

 protected:
  void encode_stretch(std::string text, const TimeBudget& budget, bool at_start,
                      std::vector<TokenId>& out) const override;

 private:
  struct Processor;
  std::unique_ptr<const Processor> processor_;
};

/// A vocabulary of the model's pieces: control pieces are special, and are sought in the text.
Vocabulary make_piece_vocabulary(const SentencePieceModel& model);

}  // namespace nanoflow::text
