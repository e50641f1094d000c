#include "engine/model/checkpoint.hpp"

#include "engine/model/bind_weights.hpp"
#include "engine/model/error.hpp"
#include "engine/model/families.hpp"
#include "engine/model/gguf_file.hpp"

namespace nanoflow {

namespace {

class GgufCheckpoint final : public Checkpoint {
 public:
  explicit GgufCheckpoint(const std::filesystem::path& path) : file_(GgufFile::open(path)) {
    path_ = path;
    file_bytes_ = file_->file_bytes();
    const GgufConfig source(*file_);
    config_ = read_config(source, find_family(source));
    WeightSource weights(path.string(), file_->tensors());
    tensors_ = bind_weights(weights, gguf_names, config_);
    n_parameters_ = weights.n_parameters();
    main_dtype_ = weights.main_dtype();
  }

 private:
  std::shared_ptr<const GgufFile> file_;
};

}  // namespace

std::shared_ptr<const Checkpoint> Checkpoint::open(const std::filesystem::path& path) {
  return std::make_shared<GgufCheckpoint>(path);
}

}  // namespace nanoflow
