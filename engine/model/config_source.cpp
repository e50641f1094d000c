#include "engine/model/config_source.hpp"

#include "engine/model/error.hpp"

namespace nanoflow {

int ConfigSource::count(Key key, int min, int max, std::optional<int> fallback) const {
  const std::optional<std::int64_t> value = integer(key);
  std::string range = "expected " + std::to_string(min);
  if (min != max) range += " to " + std::to_string(max);
  if (!value && fallback) return *fallback;
  if (!value) fail(key, range + ", found nothing");
  if (*value < min || *value > max) fail(key, range + ", found " + std::to_string(*value));
  return static_cast<int>(*value);
}

double ConfigSource::positive(Key key, std::optional<double> fallback) const {
  static const std::string range = "expected a number from 1e-30 to 1e30, found ";
  const std::optional<double> value = number(key);
  if (!value && fallback) return *fallback;
  if (!value) fail(key, range + "nothing");
  if (!(*value >= 1e-30 && *value <= 1e30)) fail(key, range + std::to_string(*value));
  return *value;
}

void ConfigSource::fail(Key key, const std::string& what) const {
  throw ModelError(file() + ": " + printable(full(key)) + ": " + what);
}

}  // namespace nanoflow
