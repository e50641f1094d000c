// Where a model keeps its tokenizer: in its GGUF file, or in the files of its folder.
#include <cstring>
#include <fstream>

#include "engine/model/error.hpp"
#include "engine/model/gguf_file.hpp"
#include "engine/text/load_gguf.hpp"
#include "engine/text/quote.hpp"

namespace nanoflow {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Tokenizer> load_gguf(const fs::path& path) {
  const auto file = GgufFile::open(path);
  const auto model = file->text("tokenizer.ggml.model");
  if (!model) throw ModelError("tokenizer.ggml.model: no tokenizer in the file");
  if (*model == "gpt2") return text::load_gguf_bpe(*file);
  throw ModelError("tokenizer.ggml.model: expected gpt2 or llama, found " + text::quote(*model));
}

bool is_gguf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ModelError(path.string() + ": cannot be opened");
  char magic[4] = {};
  file.read(magic, sizeof magic);
  return std::memcmp(magic, "GGUF", sizeof magic) == 0;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const fs::path& path) {
  if (is_gguf(path)) return load_gguf(path);
  throw ModelError(path.string() + ": expected a GGUF file");
}

}  // namespace nanoflow
