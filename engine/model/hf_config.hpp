#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "engine/model/config_source.hpp"

namespace nanoflow {

/// A Hugging Face folder's config.json as a configuration. Published files differ in what they
/// spell out and in how they say the rotary embedding; here they are made alike, so that a family
/// sees one form.
class HfConfig : public ConfigSource {
 public:
  /// Throws ModelError.
  explicit HfConfig(const std::filesystem::path& folder);
  ~HfConfig() override;

  /// Puts a family's defaults (a JSON object) where the file has nothing, and the rotary settings
  /// into rope_parameters, by layer type if the defaults have rope_local_base_freq.
  void complete(std::string_view defaults);

  bool is_gguf() const override { return false; }
  std::string file() const override { return file_; }
  std::string architecture() const override;
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
  std::string full(Key key) const override { return std::string(key.hf); }

 private:
  /// The value behind a key's dots; null where there is none.
  const nlohmann::json* find(Key key) const;
  const nlohmann::json* find(Key key, bool (nlohmann::json::*is_type)() const noexcept,
                             const char* expected) const;

  std::string file_;
  std::unique_ptr<nlohmann::json> json_;
};

}  // namespace nanoflow
