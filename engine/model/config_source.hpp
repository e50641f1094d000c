#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/model/gguf_file.hpp"

namespace nanoflow {

/// One property of a model under its two names: GGUF's key behind "<architecture>.", and
/// config.json's key (dots go into objects). An empty name: that format does not say it.
struct Key {
  std::string_view gguf, hf;
};

/// What a model file says about its configuration, read the same way from both formats. A key that
/// is absent (or null) is empty; a value of another type is a ModelError.
class ConfigSource {
 public:
  virtual ~ConfigSource() = default;

  virtual bool is_gguf() const = 0;
  virtual std::string file() const = 0;  // for messages
  virtual std::string architecture() const = 0;
  virtual std::string model_name() const = 0;
  virtual std::optional<std::int64_t> integer(Key key) const = 0;
  virtual std::optional<double> number(Key key) const = 0;
  virtual std::optional<bool> flag(Key key) const = 0;
  virtual std::optional<std::string> text(Key key) const = 0;
  virtual std::optional<std::vector<std::string>> texts(Key key) const = 0;
  virtual std::optional<std::vector<std::int64_t>> integers(Key key) const = 0;
  virtual bool has(Key key) const = 0;
  virtual bool is_list(Key key) const = 0;

  /// A count in its range; without a fallback it must be there.
  int count(Key key, int min, int max, std::optional<int> fallback = {}) const;
  /// A finite number above 0.
  double positive(Key key, std::optional<double> fallback = {}) const;
  /// Throws ModelError: file, key, what.
  [[noreturn]] void fail(Key key, const std::string& what) const;

 protected:
  virtual std::string full(Key key) const = 0;  // the key as it stands in the file
};

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
