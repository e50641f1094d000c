// A profile's TOML: every key is needed, none other is known.
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <cmath>
#include <functional>

#include "engine/plan/simulate/device_profile.hpp"

namespace nanoflow::simulate {
namespace {

/// What a reader found wrong; file, line and field are put before it.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void wrong_type(const char* expected, const toml::node& node) {
  std::ostringstream found;
  found << node.type();
  throw Wrong(std::string("expected ") + expected + ", found " + found.str());
}

double read_number(const toml::node& node) {
  const auto value = node.value<double>();
  if (!value || !(node.is_floating_point() || node.is_integer())) wrong_type("a number", node);
  if (!std::isfinite(*value)) throw Wrong("expected a finite number");
  return *value;
}

std::string spelled(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

using Reader = std::function<void(const toml::node&)>;
struct Field {
  std::string_view table, key;  // no table: at the top
  Reader read;
};

Reader text(std::string& target) {
  return [&target](const toml::node& node) {
    if (!node.is_string()) wrong_type("a text in quotes", node);
    target = node.as_string()->get();
  };
}

int read_count(const toml::node& node) {
  if (!node.is_integer()) wrong_type("an integer", node);
  const auto value = node.as_integer()->get();
  if (value < 1 || value > 1'000'000)
    throw Wrong("expected 1 to 1000000, found " + std::to_string(value));
  return static_cast<int>(value);
}

Reader count(int& target) {
  return [&target](const toml::node& node) { target = read_count(node); };
}

Reader positive(double& target) {
  return [&target](const toml::node& node) {
    target = read_number(node);
    if (!(target > 0)) throw Wrong("expected more than 0, found " + spelled(target));
  };
}

Reader not_negative(double& target) {
  return [&target](const toml::node& node) {
    target = read_number(node);
    if (!(target >= 0)) throw Wrong("expected 0 or more, found " + spelled(target));
  };
}

/// In units of 1: what a percentage would be is refused.
Reader part(double& target) {
  return [&target](const toml::node& node) {
    target = read_number(node);
    if (!(target > 0 && target <= 1))
      throw Wrong("expected more than 0 and at most 1, found " + spelled(target));
  };
}

const toml::array& pair(const toml::node& node, const char* expected) {
  const auto* array = node.as_array();
  if (!array || array->size() != 2) {
    if (!array) wrong_type(expected, node);
    throw Wrong(std::string("expected ") + expected + ", found " + std::to_string(array->size()) +
                " values");
  }
  return *array;
}

Reader tile(int& rows, int& columns) {
  return [&rows, &columns](const toml::node& node) {
    const auto& both = pair(node, "[rows, columns]");
    rows = read_count(both[0]);
    columns = read_count(both[1]);
  };
}

Reader curve(ShareCurve& target) {
  return [&target](const toml::node& node) {
    const auto* points = node.as_array();
    if (!points) wrong_type("an array of [share, performance]", node);
    std::vector<ShareCurve::Point> read;
    for (const toml::node& point : *points) {
      const auto& both = pair(point, "[share, performance]");
      read.push_back({read_number(both[0]), read_number(both[1])});
    }
    try {
      target = ShareCurve(std::move(read));
    } catch (const std::invalid_argument& error) {
      throw Wrong(error.what());
    }
  };
}

std::vector<Field> fields_of(DeviceProfile& profile) {
  return {{"", "description", text(profile.description)},
          {"", "devices", count(profile.devices)},
          {"compute", "flops", positive(profile.flops)},
          {"compute", "sustained_flops", positive(profile.sustained_flops)},
          {"compute", "units", count(profile.units)},
          {"compute", "tile", tile(profile.tile_rows, profile.tile_columns)},
          {"compute", "gemm_efficiency", part(profile.gemm_efficiency)},
          {"compute", "prefill_attention_efficiency", part(profile.prefill_attention_efficiency)},
          {"memory", "bytes", positive(profile.memory_bytes)},
          {"memory", "bandwidth", positive(profile.memory_bandwidth)},
          {"memory", "efficiency", part(profile.memory_efficiency)},
          {"network", "bandwidth", positive(profile.network_bandwidth)},
          {"network", "efficiency", part(profile.network_efficiency)},
          {"network", "latency", not_negative(profile.network_latency)},
          {"interference", "gemm", curve(profile.gemm)},
          {"interference", "gemv", curve(profile.gemv)},
          {"interference", "network", curve(profile.network_curve)}};
}

std::string full_name(std::string_view table, std::string_view key) {
  return (table.empty() ? "" : std::string(table) + ".") + std::string(key);
}

std::string at(const std::string& where, const toml::node& node) {
  const auto line = node.source().begin.line;
  return where + (line ? ":" + std::to_string(line) : "") + ": ";
}

/// Refuses what no field has: a misspelt key would be a silent default elsewhere.
void check_keys(const toml::table& table, std::string_view name, const std::vector<Field>& fields,
                const std::string& where) {
  for (const auto& [key, node] : table) {
    bool is_field = false, is_table = false;
    for (const auto& field : fields) {
      is_field |= field.table == name && field.key == key.str();
      is_table |= name.empty() && field.table == key.str();
    }
    if (is_table && node.is_table())
      check_keys(*node.as_table(), key.str(), fields, where);
    else if (is_table)
      throw ProfileError(at(where, node) + std::string(key.str()) + ": expected a table");
    else if (!is_field)
      throw ProfileError(at(where, node) + full_name(name, key.str()) + ": no such field");
  }
}

void read_field(const toml::table& root, const Field& field, const std::string& where) {
  const auto* table = field.table.empty() ? &root : root[field.table].as_table();
  const auto* node = table ? table->get(field.key) : nullptr;
  const std::string name = full_name(field.table, field.key);
  if (!node) throw ProfileError(where + ": " + name + " is missing");
  try {
    field.read(*node);
  } catch (const Wrong& error) {
    throw ProfileError(at(where, *node) + name + ": " + error.what());
  }
}

}  // namespace

DeviceProfile parse_profile(std::string_view toml, const std::string& where) {
  toml::table root;
  try {
    root = toml::parse(toml);
  } catch (const toml::parse_error& error) {
    throw ProfileError(where + ":" + std::to_string(error.source().begin.line) + ": " +
                       std::string(error.description()));
  }
  DeviceProfile profile;
  profile.name = std::filesystem::path(where).stem().string();
  const auto fields = fields_of(profile);
  check_keys(root, "", fields, where);
  for (const auto& field : fields) read_field(root, field, where);
  return profile;
}

}  // namespace nanoflow::simulate
