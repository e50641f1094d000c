// Requests from bytes: what the daemon runs on whatever a client sends.
#include "client/protocol_fields.hpp"
#include "client/protocol_unpack.hpp"
#include "client/suggest.hpp"

namespace nanoflow::wire {
namespace {

constexpr std::size_t max_name_bytes = 4096;  // a model's name or path
constexpr std::size_t max_salt_bytes = 256;
constexpr Range positive = {1, max_int};

std::string model_of(FieldReader& fields) {
  return fields.text("model", 0, max_name_bytes).value_or("");
}

Hello read_hello(FieldReader& fields) {
  Hello hello;
  const std::int64_t version = read_integer("version", fields.require("version"), {0, max_int});
  if (version != wire::version)
    throw FieldError(ErrorCode::unsupported_version, "version " + std::to_string(version) +
                                                         " is not spoken here, only " +
                                                         std::to_string(wire::version));
  hello.client = fields.text("client", 0, 256).value_or("");
  return hello;
}

Generate read_generate(FieldReader& fields) {
  Generate generate;
  const auto* prompt = fields.find("prompt");
  const auto* messages = fields.find("messages");
  const auto* tokens = fields.find("tokens");
  if (prompt) generate.input = read_text("prompt", *prompt, 0, max_message_bytes);
  if (messages) generate.input = read_messages("messages", *messages);
  if (tokens) generate.input = read_tokens("tokens", *tokens, 1, max_values);
  generate.model = model_of(fields);
  generate.stream = fields.flag("stream").value_or(true);
  generate.sampling = read_sampling(fields);
  generate.priority = fields.integer("priority", {-1.0 * max_int, max_int - 1.0}).value_or(0);
  generate.timeout_ms = fields.integer("timeout_ms", positive);
  generate.max_tpot_ms = fields.integer("max_tpot_ms", positive);
  generate.cache_salt = fields.text("cache_salt", 0, max_salt_bytes).value_or("");
  fields.reject_unknown();  // before the count: a misspelt prompt is better named than missed
  const int given = (prompt != nullptr) + (messages != nullptr) + (tokens != nullptr);
  if (given != 1)
    throw FieldError("generate needs exactly one of prompt, messages and tokens, got " +
                     std::to_string(given));
  return generate;
}

Cancel read_cancel(FieldReader& fields) {
  return {read_id("target", fields.require("target"))};
}

Tokenize read_tokenize(FieldReader& fields) {
  Tokenize tokenize{model_of(fields), {}, true};
  tokenize.text = read_text("text", fields.require("text"), 0, max_message_bytes);
  tokenize.add_special = fields.flag("add_special").value_or(true);
  return tokenize;
}

Detokenize read_detokenize(FieldReader& fields) {
  return {model_of(fields), read_tokens("tokens", fields.require("tokens"), 0, max_values)};
}

ApplyTemplate read_apply_template(FieldReader& fields) {
  return {model_of(fields), read_messages("messages", fields.require("messages"))};
}

Models read_models(FieldReader& fields) {
  return {fields.flag("available").value_or(false)};
}

Load read_load(FieldReader& fields) {
  Load load;
  const auto path = fields.text("path", 1, max_name_bytes);
  const auto name = fields.text("name", 1, max_name_bytes);
  load.path = path.value_or("");
  load.name = name.value_or("");
  if (load.path.find('\0') != std::string::npos) throw FieldError("path must not hold a zero byte");
  load.context = fields.integer("context", positive);
  load.kv_memory = fields.text("kv_memory", 1, 64);
  load.weights = fields.text("weights", 1, 64);
  load.progress = fields.flag("progress").value_or(false);
  fields.reject_unknown();
  if (path.has_value() == name.has_value())
    throw FieldError("load needs exactly one of path and name, got " +
                     std::string(path ? "both" : "neither"));
  return load;
}

Unload read_unload(FieldReader& fields) {
  return {read_text("name", fields.require("name"), 1, max_name_bytes)};
}

Plan read_plan(FieldReader& fields) {
  return {fields.flag("explain").value_or(false)};
}

Trace read_trace(FieldReader& fields) {
  Trace trace;
  if (const auto* seconds = fields.find("seconds"))
    trace.seconds = read_number("seconds", *seconds, {0, 60, true});
  return trace;
}

struct Reader {
  std::string_view op;
  Operation (*read)(FieldReader&);
};
template <auto read>
Operation as_operation(FieldReader& fields) {
  return read(fields);
}
constexpr Reader readers[] = {
    {"hello", as_operation<read_hello>},
    {"generate", as_operation<read_generate>},
    {"cancel", as_operation<read_cancel>},
    {"tokenize", as_operation<read_tokenize>},
    {"detokenize", as_operation<read_detokenize>},
    {"apply_template", as_operation<read_apply_template>},
    {"models", as_operation<read_models>},
    {"load", as_operation<read_load>},
    {"unload", as_operation<read_unload>},
    {"plan", as_operation<read_plan>},
    {"trace", as_operation<read_trace>},
    {"status", [](FieldReader&) -> Operation { return Status{}; }},
    {"metrics", [](FieldReader&) -> Operation { return Metrics{}; }},
    {"ping", [](FieldReader&) -> Operation { return Ping{}; }},
};

Operation read_operation(FieldReader& fields) {
  const std::string op = read_text("op", fields.require("op"), 1, 64);
  for (const Reader& reader : readers) {
    if (reader.op != op) continue;
    Operation operation = reader.read(fields);
    fields.reject_unknown();
    return operation;
  }
  std::vector<std::string_view> names;
  for (const Reader& reader : readers) names.push_back(reader.op);
  throw FieldError("op " + in_quotes(op) + " is not known" + did_you_mean(op, names));
}

Event error_event(std::optional<RequestId> id, ErrorCode code, std::string message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  return {std::move(id), std::move(error)};
}

/// The id of a map in which other keys may be wrong; none when it is missing, unusable or given
/// twice.
RequestId find_id(const msgpack::object& map) {
  const msgpack::object* found = nullptr;
  for (std::uint32_t i = 0; i < map.via.map.size; ++i) {
    const auto& [key, value] = map.via.map.ptr[i];
    if (key.type != msgpack::type::STR) continue;
    if (std::string_view(key.via.str.ptr, key.via.str.size) != "id") continue;
    if (found) throw FieldError("id comes twice");
    found = &value;
  }
  if (!found) throw FieldError("id is missing");
  return read_id("id", *found);
}

}  // namespace

std::variant<Request, Event> decode_request(std::span<const std::byte> message) {
  std::optional<RequestId> id;
  try {
    const msgpack::object_handle handle = unpack_strictly(message, max_request_depth);
    id = find_id(handle.get());
    FieldReader fields(handle.get(), "");
    fields.find("id");
    Operation operation = read_operation(fields);
    return Request{*id, std::move(operation)};
  } catch (const FieldError& error) {
    return error_event(id, id ? error.code : ErrorCode::bad_message, error.what());
  } catch (const std::exception& error) {
    return error_event(std::nullopt, ErrorCode::bad_message, error.what());
  }
}

}  // namespace nanoflow::wire
