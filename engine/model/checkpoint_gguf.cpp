// A model in a GGUF file.
#include "engine/model/bind_weights.hpp"
#include "engine/model/checkpoint_formats.hpp"
#include "engine/model/error.hpp"
#include "engine/model/families.hpp"
#include "engine/model/generation.hpp"
#include "engine/model/gguf_config.hpp"
#include "engine/model/gguf_file.hpp"
#include "engine/model/rope.hpp"

namespace nanoflow {

namespace {

constexpr const char* rope_factors = "rope_freqs.weight";

class GgufCheckpoint final : public Checkpoint {
 public:
  explicit GgufCheckpoint(const std::filesystem::path& path) : file_(GgufFile::open(path)) {
    path_ = path;
    file_bytes_ = file_->file_bytes();
    if (file_->integer("split.count").value_or(1) > 1) {
      throw ModelError(path.string() +
                       ": split.count: expected a model in one file, this is a part of one");
    }
    const GgufConfig source(*file_);
    config_ = read_config(source, find_family(source));
    WeightSource weights(path.string(), file_->tensors());
    const TensorView* const factors = file_->find_tensor(rope_factors);
    if (factors != nullptr && config_.ropes.size() == 1) {
      divide_frequencies(config_.ropes.front(), *factors);
      weights.ignore(rope_factors);
    }
    tensors_ = bind_weights(weights, gguf_names, config_);
    check_vocabulary();
    n_parameters_ = weights.n_parameters();
    main_dtype_ = weights.main_dtype();
    generation_ = read_generation(*file_, config_.vocab_size);
    check_intact();
  }

  void check_intact() const override { file_->check_intact(); }
  void forget() const override { file_->forget(); }

 private:
  /// A token without a row in the embedding would be read from behind it.
  void check_vocabulary() const {
    static constexpr std::string_view key = "tokenizer.ggml.tokens";
    const std::uint64_t n_tokens = file_->array_size(key).value_or(0);
    if (n_tokens <= static_cast<std::uint64_t>(config_.vocab_size)) return;
    throw ModelError(path_.string() + ": " + std::string(key) + ": expected at most " +
                     std::to_string(config_.vocab_size) + ", the embedding's rows, found " +
                     std::to_string(n_tokens));
  }

  std::shared_ptr<const GgufFile> file_;
};

}  // namespace

std::shared_ptr<const Checkpoint> open_gguf_checkpoint(const std::filesystem::path& file) {
  return std::make_shared<GgufCheckpoint>(file);
}

}  // namespace nanoflow
