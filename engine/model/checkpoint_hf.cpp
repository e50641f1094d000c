// A model in a Hugging Face folder: config.json and safetensors.
#include <deque>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/model/bind_weights.hpp"
#include "engine/model/checkpoint_formats.hpp"
#include "engine/model/error.hpp"
#include "engine/model/families.hpp"
#include "engine/model/generation.hpp"
#include "engine/model/hf_config.hpp"
#include "engine/model/json_file.hpp"
#include "engine/model/safetensors_file.hpp"

namespace nanoflow {

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// The files that hold the weights: one, or those that the index names.
std::set<std::string> shard_names(const fs::path& folder) {
  std::error_code ignored;  // what cannot be looked at is missing here
  if (fs::exists(folder / "model.safetensors", ignored)) return {"model.safetensors"};
  const fs::path index = folder / "model.safetensors.index.json";
  if (!fs::exists(index, ignored)) {
    throw ModelError(folder.string() +
                     ": expected model.safetensors or model.safetensors.index.json, found neither");
  }
  const json root = read_json(index);
  const json map = root.is_object() ? root.value("weight_map", json()) : json();
  if (!map.is_object() || map.empty()) {
    throw ModelError(index.string() + ": weight_map: expected an object, found " + map.type_name());
  }
  std::set<std::string> names;
  for (const auto& [tensor, file] : map.items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    // The index may not point out of its folder.
    if (name.empty() || fs::path(name).filename() != name || name == "..") {
      throw ModelError(index.string() + ": weight_map: " + printable(tensor) +
                       ": expected the name of a file in this folder, found " +
                       printable(file.dump()));
    }
    names.insert(name);
  }
  return names;
}

/// The parts of published files that a text model does not use.
bool unused(std::string_view name) {
  for (const std::string_view tower : {"vision_tower.", "multi_modal_projector.",
                                       "model.vision_tower.", "model.multi_modal_projector."}) {
    if (name.starts_with(tower)) return true;
  }
  return name.ends_with("rotary_emb.inv_freq");  // written by early versions; computed here
}

class HfCheckpoint final : public Checkpoint {
 public:
  explicit HfCheckpoint(const fs::path& folder) {
    path_ = folder;
    HfConfig source(folder);
    const Family& family = find_family(source);
    source.complete(family.hf_defaults);
    config_ = read_config(source, family);
    if (config_.vocab_size == 0)
      source.fail({"", "vocab_size"}, "expected a number, found nothing");
    map_files(shard_names(folder));
    bind(*family.hf_names, source.flag({"", "tie_word_embeddings"}).value_or(false));
    generation_ = read_generation(folder, config_.vocab_size);
    check_intact();
  }

  void check_intact() const override {
    for (const SafetensorsFile& file : files_) file.file().check_intact();
  }
  void forget() const override {
    for (const SafetensorsFile& file : files_) file.file().forget();
  }

 private:
  void map_files(const std::set<std::string>& names) {
    for (const std::string& name : names) {
      const SafetensorsFile& file = files_.emplace_back(path_ / name);
      file_bytes_ += file.file().bytes().size();
    }
  }

  void bind(const WeightNames& names, bool tied) {
    std::vector<TensorView> all;
    for (const SafetensorsFile& file : files_) {
      all.insert(all.end(), file.tensors().begin(), file.tensors().end());
    }
    WeightSource weights(path_.string(), all);
    weights.ignore_if(unused);
    // A text model within a larger one, as published and as transformers 5 has it in memory.
    weights.rename("language_model.model.", "model.");
    weights.rename("language_model.lm_head.", "lm_head.");
    weights.rename("model.language_model.", "model.");
    const std::string output = std::string(names.output) + ".weight";
    if (tied) {
      weights.ignore(output);
    } else if (!weights.has(output)) {
      throw ModelError(path_.string() + ": tensor " + output +
                       ": expected one, since config.json's "
                       "tie_word_embeddings is not true, found none");
    }
    tensors_ = bind_weights(weights, names, config_);
    n_parameters_ = weights.n_parameters();
    main_dtype_ = weights.main_dtype();
  }

  std::deque<SafetensorsFile> files_;  // mapped, so they do not move
};

}  // namespace

std::shared_ptr<const Checkpoint> open_hf_checkpoint(const fs::path& folder) {
  return std::make_shared<HfCheckpoint>(folder);
}

}  // namespace nanoflow
