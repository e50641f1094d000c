#include "engine/model/generation.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/model/error.hpp"
#include "engine/model/json_file.hpp"
#include "engine/model/json_number.hpp"

namespace nanoflow {

using nlohmann::json;

namespace {

constexpr std::uint64_t max_config_bytes = 4U << 20;
constexpr double largest = std::numeric_limits<std::int32_t>::max();

constexpr double above_0 = 1e-6;

/// A sampling default's two names, its range, and where it goes. The ranges are those of a
/// request's fields.
struct Field {
  std::string_view gguf;
  const char* hf;
  double min, max;
  std::optional<float> GenerationDefaults::*member;
};

constexpr Field fields[] = {
    {"general.sampling.temp", "temperature", 0, 100, &GenerationDefaults::temperature},
    {"general.sampling.top_p", "top_p", above_0, 1, &GenerationDefaults::top_p},
    {"general.sampling.min_p", "min_p", 0, 1, &GenerationDefaults::min_p},
    {"general.sampling.penalty_repeat", "repetition_penalty", above_0, 10,
     &GenerationDefaults::repetition_penalty},
};

void expect_range(const std::string& where, double value, double min, double max) {
  if (value >= min && value <= max) return;
  throw ModelError(where + ": expected " + std::to_string(min) + " to " + std::to_string(max) +
                   ", found " + std::to_string(value));
}

TokenId to_token(const std::string& where, std::int64_t id, int vocab_size) {
  expect_range(where, static_cast<double>(id), 0, vocab_size - 1);
  return static_cast<TokenId>(id);
}

void add(std::vector<TokenId>& tokens, TokenId token) {
  if (std::ranges::find(tokens, token) == tokens.end()) tokens.push_back(token);
}

/// top_k has another type; files write 0 or -1 for off.
int to_top_k(const std::string& where, double value) {
  expect_range(where, value, -1, largest);
  return std::max(0, static_cast<int>(value));
}

void read_end_tokens(const std::string& where, const json& ids, int vocab_size,
                     std::vector<TokenId>& out) {
  if (ids.is_null()) return;
  if (ids.is_array()) {
    for (const json& id : ids) read_end_tokens(where, id, vocab_size, out);
    return;
  }
  const std::optional<std::int64_t> id = to_integer(ids);
  if (!id) throw ModelError(where + ": expected token ids, found " + ids.type_name());
  add(out, to_token(where, *id, vocab_size));
}

std::optional<double> number(const std::string& where, const json& value) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_number())
    throw ModelError(where + ": expected a number, found " + value.type_name());
  return value.get<double>();
}

void read_sampling(const std::string& where, const json& config, GenerationDefaults& out) {
  for (const Field& field : fields) {
    const auto value = number(where + field.hf, config.value(field.hf, json()));
    if (!value) continue;
    expect_range(where + field.hf, *value, field.min, field.max);
    out.*field.member = static_cast<float>(*value);
  }
  if (const auto value = number(where + "top_k", config.value("top_k", json()))) {
    out.top_k = to_top_k(where + "top_k", *value);
  }
}

json read_object(const std::filesystem::path& path) {
  json out = read_json(path, max_config_bytes);
  if (!out.is_object())
    throw ModelError(path.string() + ": expected an object, found " + out.type_name());
  return out;
}

}  // namespace

GenerationDefaults read_generation(const GgufFile& file, int vocab_size) {
  GenerationDefaults out;
  const std::string where = file.path().string() + ": ";
  for (const Field& field : fields) {
    const std::optional<double> value = file.number(field.gguf);
    if (!value) continue;
    expect_range(where + std::string(field.gguf), *value, field.min, field.max);
    out.*field.member = static_cast<float>(*value);
  }
  static constexpr std::string_view top_k = "general.sampling.top_k";
  if (const auto value = file.integer(top_k)) {
    out.top_k = to_top_k(where + std::string(top_k), static_cast<double>(*value));
  }
  for (const std::string_view key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                     "tokenizer.ggml.eom_token_id"}) {
    if (const auto id = file.integer(key)) {
      add(out.end_tokens, to_token(where + std::string(key), *id, vocab_size));
    }
  }
  return out;
}

GenerationDefaults read_generation(const std::filesystem::path& folder, int vocab_size) {
  GenerationDefaults out;
  for (const char* name : {"generation_config.json", "config.json"}) {
    const std::filesystem::path path = folder / name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    const json config = read_object(path);
    const std::string where = path.string() + ": ";
    if (path.filename() == "generation_config.json") read_sampling(where, config, out);
    read_end_tokens(where + "eos_token_id", config.value("eos_token_id", json()), vocab_size,
                    out.end_tokens);
    if (!out.end_tokens.empty()) break;  // config.json's are those of older folders
  }
  return out;
}

}  // namespace nanoflow
