// Where a model keeps its tokenizer: in its GGUF file, or in the files of its folder.
#include <cstring>
#include <fstream>

#include "engine/model/error.hpp"
#include "engine/model/gguf_file.hpp"
#include "engine/text/load_gguf.hpp"
#include "engine/text/load_json.hpp"
#include "engine/text/load_sentencepiece.hpp"
#include "engine/text/quote.hpp"

namespace nanoflow {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Tokenizer> load_gguf(const fs::path& path) {
  const auto file = GgufFile::open(path);
  const auto model = file->text("tokenizer.ggml.model");
  if (!model) throw ModelError("tokenizer.ggml.model: no tokenizer in the file");
  if (*model == "gpt2") return text::load_gguf_bpe(*file);
  if (*model == "llama") return text::load_gguf_sentencepiece(*file);
  throw ModelError("tokenizer.ggml.model: expected gpt2 or llama, found " + text::quote(*model));
}

bool is_gguf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ModelError("cannot be opened");
  char magic[4] = {};
  file.read(magic, sizeof magic);
  return std::memcmp(magic, "GGUF", sizeof magic) == 0;
}

std::shared_ptr<const Tokenizer> load(const fs::path& path) {
  if (fs::is_directory(path)) {
    if (fs::exists(path / "tokenizer.json")) return load(path / "tokenizer.json");
    if (fs::exists(path / "tokenizer.model")) return load(path / "tokenizer.model");
    throw ModelError("expected tokenizer.json or tokenizer.model in the folder, found neither");
  }
  if (is_gguf(path)) return load_gguf(path);
  const auto config = text::read_tokenizer_config(path.parent_path() / "tokenizer_config.json");
  return path.extension() == ".json" ? text::load_tokenizer_json(path, config)
                                     : text::load_tokenizer_model(path, config);
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const fs::path& path) {
  try {
    return load(path);
  } catch (const ModelError& error) {
    // The path once, however deep the error came from.
    const std::string what = error.what();
    throw ModelError(what.starts_with(path.string()) ? what : path.string() + ": " + what);
  } catch (const fs::filesystem_error& error) {
    throw ModelError(path.string() + ": " + error.code().message());
  }
}

}  // namespace nanoflow
