#include "engine/model/gguf_config.hpp"

#include "engine/model/error.hpp"

namespace nanoflow {

GgufConfig::GgufConfig(const GgufFile& file) : file_(file) {
  const auto found = file.text("general.architecture");
  if (!found)
    throw ModelError(file.path().string() +
                     ": general.architecture: expected a text, found nothing");
  architecture_ = *found;
}

std::string GgufConfig::model_name() const {
  return std::string(file_.text("general.name").value_or(""));
}

std::optional<std::int64_t> GgufConfig::integer(Key key) const {
  return key.gguf.empty() ? std::nullopt : file_.integer(full(key));
}

std::optional<double> GgufConfig::number(Key key) const {
  return key.gguf.empty() ? std::nullopt : file_.number(full(key));
}

std::optional<bool> GgufConfig::flag(Key key) const {
  return key.gguf.empty() ? std::nullopt : file_.flag(full(key));
}

std::optional<std::string> GgufConfig::text(Key key) const {
  if (key.gguf.empty()) return std::nullopt;
  const auto found = file_.text(full(key));
  return found ? std::optional(std::string(*found)) : std::nullopt;
}

std::optional<std::vector<std::string>> GgufConfig::texts(Key key) const {
  if (key.gguf.empty()) return std::nullopt;
  const auto found = file_.texts(full(key));
  if (!found) return std::nullopt;
  return std::vector<std::string>(found->begin(), found->end());
}

std::optional<std::vector<std::int64_t>> GgufConfig::integers(Key key) const {
  return key.gguf.empty() ? std::nullopt : file_.integers(full(key));
}

bool GgufConfig::is_list(Key key) const {
  return !key.gguf.empty() && file_.array_size(full(key)).has_value();
}

bool GgufConfig::has(Key key) const {
  return !key.gguf.empty() && file_.has(full(key));
}

}  // namespace nanoflow
