// The fields of generate that are more than a number or a text, read by their table.
#include "client/protocol_fields.hpp"

#include <algorithm>

namespace nanoflow::wire {
namespace {

using msgpack::type::object_type;

std::string entry_name(std::string_view field, std::size_t i) {
  return std::string(field) + "[" + std::to_string(i) + "]";
}

[[noreturn]] void fail_count(std::string_view field, std::size_t limit, std::size_t got) {
  throw FieldError(std::string(field) + " must have at most " + std::to_string(limit) +
                   " entries, got " + std::to_string(got));
}

/// One overload for each kind of member in the table.
struct ReadMember {
  const SamplingField& field;
  const msgpack::object& value;
  Sampling& sampling;

  void operator()(std::optional<int> Sampling::*member) const {
    sampling.*member = int(read_integer(field.name, value, field.range));
  }
  void operator()(std::optional<double> Sampling::*member) const {
    sampling.*member = read_number(field.name, value, field.range);
  }
  void operator()(std::optional<bool> Sampling::*member) const {
    sampling.*member = read_flag(field.name, value);
  }
  void operator()(std::optional<std::uint64_t> Sampling::*member) const {
    if (value.type != object_type::POSITIVE_INTEGER)
      throw FieldError(std::string(field.name) + " must be an integer from 0 to 2^64-1, got " +
                       show(value));
    sampling.*member = value.via.u64;
  }
  void operator()(std::vector<std::string> Sampling::*member) const {
    if (value.type != object_type::ARRAY)
      throw FieldError(std::string(field.name) + " must be an array of texts, got " + show(value));
    const auto& array = value.via.array;
    if (array.size > field.max_count) fail_count(field.name, field.max_count, array.size);
    for (std::uint32_t i = 0; i < array.size; ++i)
      (sampling.*member)
          .push_back(read_text(entry_name(field.name, i), array.ptr[i], 1, max_stop_bytes));
  }
  void operator()(std::vector<Token> Sampling::*member) const {
    sampling.*member = read_tokens(field.name, value, 0, field.max_count);
  }
  void operator()(std::vector<std::pair<Token, double>> Sampling::*member) const {
    if (value.type != object_type::MAP)
      throw FieldError(std::string(field.name) + " must be a map of token ids to numbers, got " +
                       show(value));
    const auto& map = value.via.map;
    if (map.size > field.max_count) fail_count(field.name, field.max_count, map.size);
    const std::string name(field.name);
    for (std::uint32_t i = 0; i < map.size; ++i) {
      const auto& [key, bias] = map.ptr[i];
      const auto id = Token(read_integer("a token id in " + name, key, {0, max_int - 1.0}));
      for (const auto& earlier : sampling.*member)
        if (earlier.first == id)
          throw FieldError(name + " names the token id " + std::to_string(id) + " twice");
      const std::string entry = name + "[" + std::to_string(id) + "]";
      (sampling.*member).emplace_back(id, read_number(entry, bias, field.range));
    }
  }
};

constexpr std::size_t max_messages = 4096;
constexpr std::size_t max_role_bytes = 64;

}  // namespace

int token_limit(const Sampling& sampling) {
  constexpr int by_default = 512;
  return sampling.max_tokens.value_or(std::max(by_default, sampling.min_tokens.value_or(0)));
}

Sampling read_sampling(FieldReader& fields) {
  Sampling sampling;
  for (const SamplingField& field : sampling_fields())
    if (const auto* value = fields.find(field.name))
      std::visit(ReadMember{field, *value, sampling}, field.member);
  if (sampling.min_tokens && sampling.max_tokens && *sampling.min_tokens > *sampling.max_tokens)
    throw FieldError("min_tokens must be at most max_tokens (" +
                     std::to_string(*sampling.max_tokens) + "), got " +
                     std::to_string(*sampling.min_tokens));
  return sampling;
}

std::vector<Message> read_messages(std::string_view field, const msgpack::object& value) {
  if (value.type != object_type::ARRAY)
    throw FieldError(std::string(field) + " must be an array of {role, content}, got " +
                     show(value));
  const auto& array = value.via.array;
  if (array.size == 0) throw FieldError(std::string(field) + " must not be empty");
  if (array.size > max_messages) fail_count(field, max_messages, array.size);
  std::vector<Message> messages(array.size);
  for (std::uint32_t i = 0; i < array.size; ++i) {
    const std::string name = entry_name(field, i);
    if (array.ptr[i].type != object_type::MAP)
      throw FieldError(name + " must be a map of role and content, got " + show(array.ptr[i]));
    FieldReader entry(array.ptr[i], name + ".");
    messages[i].role = read_text(entry.path("role"), entry.require("role"), 1, max_role_bytes);
    messages[i].content =
        read_text(entry.path("content"), entry.require("content"), 0, max_message_bytes);
    entry.reject_unknown();
  }
  return messages;
}

}  // namespace nanoflow::wire
