#include <fstream>
#include <iterator>

#include "engine/model/error.hpp"
#include "engine/text/load_json.hpp"
#include "engine/text/load_sentencepiece.hpp"
#include "engine/text/sentencepiece_tokenizer.hpp"

namespace nanoflow::text {
namespace {

constexpr std::uintmax_t max_bytes = 64U << 20;

std::string read_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw ModelError(path.string() + ": " + error.message());
  if (size > max_bytes) {
    throw ModelError(path.string() + ": expected at most " + std::to_string(max_bytes) +
                     " bytes, found " + std::to_string(size));
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw ModelError(path.string() + ": cannot be read");
  return bytes;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer_model(const std::filesystem::path& path,
                                                      const TokenizerConfig& config) {
  const std::string bytes = read_bytes(path);
  const SentencePieceModel model = SentencePieceModel::parse(bytes);
  model.check();
  Vocabulary vocabulary = make_piece_vocabulary(model);
  // Llama's defaults, which the published models with a tokenizer.model share.
  if (model.bos && config.add_bos_token.value_or(true)) vocabulary.prefix = {*model.bos};
  if (model.eos && config.add_eos_token.value_or(false)) vocabulary.suffix = {*model.eos};
  find_end_tokens(vocabulary, {});
  return std::make_shared<SentencePieceTokenizer>(std::move(vocabulary), model);
}

}  // namespace nanoflow::text
