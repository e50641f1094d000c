#pragma once
#include "engine/model/config_source.hpp"
#include "engine/model/gguf_file.hpp"

namespace nanoflow {

/// A GGUF file's metadata as a configuration.
class GgufConfig : public ConfigSource {
 public:
  explicit GgufConfig(const GgufFile& file);

  bool is_gguf() const override { return true; }
  std::string file() const override { return file_.path().string(); }
  std::string architecture() const override { return architecture_; }
  std::string model_name() const override;
  std::optional<std::int64_t> integer(Key key) const override;
  std::optional<double> number(Key key) const override;
  std::optional<bool> flag(Key key) const override;
  std::optional<std::string> text(Key key) const override;
  std::optional<std::vector<std::string>> texts(Key key) const override;
  std::optional<std::vector<std::int64_t>> integers(Key key) const override;
  bool has(Key key) const override;
  bool is_list(Key key) const override;

 protected:
  std::string full(Key key) const override { return architecture_ + "." + std::string(key.gguf); }

 private:
  const GgufFile& file_;
  std::string architecture_;
};

}  // namespace nanoflow
