#include "client/protocol_fields.hpp"

#include <algorithm>
#include <cmath>

#include "client/suggest.hpp"

namespace nanoflow::wire {
namespace {

using msgpack::type::object_type;

[[noreturn]] void fail(std::string_view field, const std::string& must,
                       const msgpack::object& value) {
  throw FieldError(std::string(field) + " " + must + ", got " + show(value));
}

std::string_view view(const msgpack::object& text) {
  return {text.via.str.ptr, text.via.str.size};
}

}  // namespace

std::string show(const msgpack::object& value) {
  switch (value.type) {
    case object_type::NIL:
      return "nil";
    case object_type::BOOLEAN:
      return value.via.boolean ? "true" : "false";
    case object_type::POSITIVE_INTEGER:
      return std::to_string(value.via.u64);
    case object_type::NEGATIVE_INTEGER:
      return std::to_string(value.via.i64);
    case object_type::FLOAT32:
    case object_type::FLOAT64: {
      const double number = value.via.f64;
      if (std::isnan(number)) return "nan";
      if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
      return Json(number).dump();
    }
    case object_type::STR:
      return "the text " + in_quotes(view(value));
    case object_type::BIN:
      return std::to_string(value.via.bin.size) + " raw bytes";
    case object_type::ARRAY:
      return "an array of " + std::to_string(value.via.array.size);
    case object_type::MAP:
      return "a map of " + std::to_string(value.via.map.size);
    default:
      return "an extension type";
  }
}

std::int64_t read_integer(std::string_view field, const msgpack::object& value,
                          const Range& range) {
  if (value.type != object_type::POSITIVE_INTEGER && value.type != object_type::NEGATIVE_INTEGER)
    fail(field, "must be an integer", value);
  // No range here reaches beyond an int, so what does not fit 63 bits is out of every range.
  const bool fits = value.type == object_type::NEGATIVE_INTEGER || value.via.u64 <= INT64_MAX;
  if (!fits || !range.contains(double(value.via.i64))) fail(field, describe(range), value);
  return value.via.i64;
}

double read_number(std::string_view field, const msgpack::object& value, const Range& range) {
  double number = 0;
  switch (value.type) {
    case object_type::POSITIVE_INTEGER:
      number = double(value.via.u64);
      break;
    case object_type::NEGATIVE_INTEGER:
      number = double(value.via.i64);
      break;
    case object_type::FLOAT32:
    case object_type::FLOAT64:
      number = value.via.f64;
      break;
    default:
      fail(field, "must be a number", value);
  }
  if (!std::isfinite(number)) fail(field, "must be a finite number", value);
  if (!range.contains(number)) fail(field, describe(range), value);
  return number;
}

bool read_flag(std::string_view field, const msgpack::object& value) {
  if (value.type != object_type::BOOLEAN) fail(field, "must be true or false", value);
  return value.via.boolean;
}

std::string read_text(std::string_view field, const msgpack::object& value, std::size_t min_bytes,
                      std::size_t max_bytes) {
  if (value.type != object_type::STR) fail(field, "must be a text", value);
  const std::string_view text = view(value);
  if (text.size() < min_bytes) fail(field, "must not be empty", value);
  if (text.size() > max_bytes)
    fail(field, "must have at most " + std::to_string(max_bytes) + " bytes", value);
  if (const auto broken = find_broken_utf8(text))
    fail(field, "must be UTF-8 (it is not at byte " + std::to_string(*broken) + ")", value);
  return std::string(text);
}

std::vector<Token> read_tokens(std::string_view field, const msgpack::object& value,
                               std::size_t min_count, std::size_t max_count) {
  if (value.type != object_type::ARRAY) fail(field, "must be an array of token ids", value);
  const auto& array = value.via.array;
  if (array.size < min_count) fail(field, "must not be empty", value);
  if (array.size > max_count)
    fail(field, "must have at most " + std::to_string(max_count) + " entries", value);
  std::vector<Token> tokens(array.size);
  for (std::uint32_t i = 0; i < array.size; ++i) {
    const auto& entry = array.ptr[i];
    // The name of the entry is only built where it is needed: there may be a million of them.
    if (entry.type == object_type::POSITIVE_INTEGER && entry.via.u64 < std::uint64_t(max_int))
      tokens[i] = Token(entry.via.u64);
    else
      read_integer(std::string(field) + "[" + std::to_string(i) + "]", entry, {0, max_int - 1.0});
  }
  return tokens;
}

RequestId read_id(std::string_view field, const msgpack::object& value) {
  if (value.type == object_type::POSITIVE_INTEGER) return value.via.u64;
  if (value.type != object_type::STR)
    fail(field, "must be a text of 1 to 64 bytes or an unsigned integer", value);
  return read_text(field, value, 1, 64);
}

FieldReader::FieldReader(const msgpack::object& map, std::string where) : where_(std::move(where)) {
  const auto& entries = map.via.map;
  fields_.reserve(entries.size);
  for (std::uint32_t i = 0; i < entries.size; ++i) {
    const auto& [key, value] = entries.ptr[i];
    if (key.type != object_type::STR)
      throw FieldError("the key " + where_ + show(key) + " is not a text");
    fields_.emplace_back(view(key), &value);
  }
  const auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::stable_sort(fields_.begin(), fields_.end(), by_name);
  const auto twice =
      std::adjacent_find(fields_.begin(), fields_.end(),
                         [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice != fields_.end())
    throw FieldError("the key " + in_quotes(where_ + std::string(twice->first)) + " comes twice");
  taken_.resize(fields_.size());
}

const msgpack::object* FieldReader::find(std::string_view name) {
  asked_.push_back(name);
  const auto found =
      std::lower_bound(fields_.begin(), fields_.end(), name,
                       [](const auto& field, auto key) { return field.first < key; });
  if (found == fields_.end() || found->first != name) return nullptr;
  taken_[std::size_t(found - fields_.begin())] = true;
  return found->second;
}

const msgpack::object& FieldReader::require(std::string_view name) {
  if (const auto* value = find(name)) return *value;
  throw FieldError(path(name) + " is missing");
}

std::optional<int> FieldReader::integer(std::string_view name, const Range& range) {
  const auto* value = find(name);
  if (!value) return std::nullopt;
  return int(read_integer(path(name), *value, range));
}

std::optional<bool> FieldReader::flag(std::string_view name) {
  const auto* value = find(name);
  if (!value) return std::nullopt;
  return read_flag(path(name), *value);
}

std::optional<std::string> FieldReader::text(std::string_view name, std::size_t min_bytes,
                                             std::size_t max_bytes) {
  const auto* value = find(name);
  if (!value) return std::nullopt;
  return read_text(path(name), *value, min_bytes, max_bytes);
}

void FieldReader::reject_unknown() const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (taken_[i]) continue;
    const std::string_view name = fields_[i].first;
    throw FieldError("unknown field " + in_quotes(where_ + std::string(name)) +
                     did_you_mean(name, asked_));
  }
}

}  // namespace nanoflow::wire
