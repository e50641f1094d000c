// Reads one map field by field and remembers which names were asked for, so that what is left over
// is an unknown key. Used by protocol_*.cpp only.
#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <msgpack.hpp>

#include "client/sampling_fields.hpp"

namespace nanoflow::wire {

/// A client's mistake inside protocol_*.cpp; decode_request turns it into the error event.
struct FieldError : std::runtime_error {
  FieldError(ErrorCode code, const std::string& message)
      : std::runtime_error(message), code(code) {}
  explicit FieldError(const std::string& message) : FieldError(ErrorCode::bad_field, message) {}
  ErrorCode code;
};

/// A value as an error message shows it: short, and with its type where the type is the mistake.
std::string show(const msgpack::object& value);

// Each throws FieldError that names the field, the value and what it must be.
std::int64_t read_integer(std::string_view field, const msgpack::object& value, const Range& range);
double read_number(std::string_view field, const msgpack::object& value, const Range& range);
bool read_flag(std::string_view field, const msgpack::object& value);
std::string read_text(std::string_view field, const msgpack::object& value, std::size_t min_bytes,
                      std::size_t max_bytes);
std::vector<Token> read_tokens(std::string_view field, const msgpack::object& value,
                               std::size_t min_count, std::size_t max_count);
RequestId read_id(std::string_view field, const msgpack::object& value);

class FieldReader {
 public:
  /// `where` is put before each field's name: "messages[3].". Throws FieldError on a key that is no
  /// string, or that comes twice.
  FieldReader(const msgpack::object& map, std::string where);

  /// The value; null when the field is not there. Nil is a value, so that a field is never half
  /// given.
  const msgpack::object* find(std::string_view name);
  const msgpack::object& require(std::string_view name);
  std::string path(std::string_view name) const { return where_ + std::string(name); }

  std::optional<int> integer(std::string_view name, const Range& range);
  std::optional<bool> flag(std::string_view name);
  std::optional<std::string> text(std::string_view name, std::size_t min_bytes,
                                  std::size_t max_bytes);

  /// Throws FieldError for the first key that nobody asked for.
  void reject_unknown() const;

 private:
  std::string where_;
  std::vector<std::pair<std::string_view, const msgpack::object*>> fields_;  // sorted by name
  std::vector<bool> taken_;                                                  // [fields_.size()]
  std::vector<std::string_view> asked_;
};

/// The sampling fields of a generate request, by the table.
Sampling read_sampling(FieldReader& fields);
std::vector<Message> read_messages(std::string_view field, const msgpack::object& value);

}  // namespace nanoflow::wire
