#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/marked_text.hpp"
#include "engine/token.hpp"

namespace nanoflow {

struct EncodeOptions {
  bool add_special = true;     // add BOS/EOS as the model was trained to
  bool parse_special = false;  // special tokens' text becomes their id (never in a literal range)
};

/// A text that cannot be encoded: the pattern by which the model cuts text took too long for it.
/// Patterns come with the model and may be hostile, so encode() bounds their time; the request with
/// this text fails, and only it.
struct EncodeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Text to ids and back, as the model's own tokenizer does it. Immutable: safe to share between
/// threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Broken UTF-8 is encoded as published tokenizers do: each broken part as U+FFFD. Throws
  /// EncodeError.
  virtual std::vector<TokenId> encode(const MarkedText& text, EncodeOptions options = {}) const = 0;
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const;

  /// The bytes a token stands for: not always whole characters. Empty for an unknown or unused id.
  /// A special token's bytes are its text ("<|im_end|>").
  virtual std::string_view token_bytes(TokenId id) const = 0;
  virtual bool is_special(TokenId id) const = 0;
  virtual std::optional<TokenId> find(std::string_view token_text) const = 0;
  virtual int vocab_size() const = 0;
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  /// True where the first token's leading space is dropped on decoding (sentencepiece's dummy
  /// prefix).
  virtual bool drops_leading_space() const { return false; }
  /// Ids whose text ends an answer (eos, eot, <|im_end|>, ...): what the vocabulary says, or its
  /// names tell.
  virtual std::vector<TokenId> end_tokens() const = 0;

  /// Whole text; bytes that are no character become U+FFFD.
  std::string decode(std::span<const TokenId> tokens, bool skip_special = true) const;
};

/// From a GGUF file (a vocabulary-only one works), a tokenizer.json, a tokenizer.model, or a folder
/// with one of the last two. Throws ModelError.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path);

}  // namespace nanoflow
