#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  /// A number above 0 that a float can hold.
  double positive(Key key, std::optional<double> fallback = {}) const;
  /// Throws ModelError: file, key, what.
  [[noreturn]] void fail(Key key, const std::string& what) const;

 protected:
  virtual std::string full(Key key) const = 0;  // the key as it stands in the file
};

}  // namespace nanoflow
