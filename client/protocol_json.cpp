// Events from bytes, through JSON: clients are not on the hot path, and --json prints the same
// object.
#include <charconv>
#include <cstdlib>

#include "client/protocol.hpp"
#include "client/protocol_unpack.hpp"

namespace nanoflow::wire {
namespace {

/// The shortest decimal that is this float, so that a logprob prints as -0.1 and not as
/// -0.10000000149.
double shortest(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text - 1, float(value)).ptr;
  *end = 0;
  return std::strtod(text, nullptr);
}

Json json_of(const msgpack::object& value) {
  using msgpack::type::object_type;
  switch (value.type) {
    case object_type::BOOLEAN:
      return value.via.boolean;
    case object_type::POSITIVE_INTEGER:
      return value.via.u64;
    case object_type::NEGATIVE_INTEGER:
      return value.via.i64;
    case object_type::FLOAT32:
      return shortest(value.via.f64);
    case object_type::FLOAT64:
      return value.via.f64;
    case object_type::STR:
      return std::string(value.via.str.ptr, value.via.str.size);
    case object_type::ARRAY: {
      Json array = Json::array();
      for (std::uint32_t i = 0; i < value.via.array.size; ++i)
        array.push_back(json_of(value.via.array.ptr[i]));
      return array;
    }
    case object_type::MAP: {
      Json map = Json::object();
      for (std::uint32_t i = 0; i < value.via.map.size; ++i) {
        const auto& [key, entry] = value.via.map.ptr[i];
        const Json name = json_of(key);
        map[name.is_string() ? name.get<std::string>() : name.dump()] = json_of(entry);
      }
      return map;
    }
    default:
      return nullptr;
  }
}

template <class T>
std::optional<T> optional_at(const Json& map, const char* name) {
  const auto found = map.find(name);
  if (found == map.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

RequestId id_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.get<std::uint64_t>();
}

std::vector<Logprob> logprobs_of(const Json& map) {
  std::vector<Logprob> logprobs;
  const auto entries = map.find("logprobs");
  if (entries == map.end()) return logprobs;
  for (const Json& entry : *entries)
    logprobs.push_back({entry.at("token"), entry.at("logprob"),
                        entry.at("top").get<std::vector<std::pair<Token, float>>>()});
  return logprobs;
}

Progress progress_of(const Json& map) {
  return {map.at("state"),
          optional_at<int>(map, "position"),
          optional_at<int>(map, "done_tokens"),
          optional_at<int>(map, "prompt_tokens"),
          optional_at<std::uint64_t>(map, "done_bytes"),
          optional_at<std::uint64_t>(map, "total_bytes")};
}

Choice choice_of(const Json& map, int completion_tokens) {
  return {map.at("finish_reason"), completion_tokens, map.value("text", std::string()),
          map.value("tokens", std::vector<Token>()), logprobs_of(map)};
}

Done done_of(const Json& map) {
  Done done;
  done.finish_reason = map.at("finish_reason");
  const auto numbers = [&](const char* part) { return map.value(part, Json::object()); };
  const Json usage = numbers("usage"), timing = numbers("timing"), cost = numbers("cost");
  done.usage = {usage.value("prompt_tokens", 0), usage.value("cached_tokens", 0),
                usage.value("completion_tokens", 0)};
  done.timing = {timing.value("queue_ms", 0.0), timing.value("prefill_ms", 0.0),
                 timing.value("decode_ms", 0.0), timing.value("total_ms", 0.0)};
  done.cost = {cost.value("flops", 0.0), cost.value("bytes", 0.0), cost.value("page_seconds", 0.0)};
  done.whole = map.contains("text");
  if (const auto choices = map.find("choices"); choices != map.end())
    for (const Json& choice : *choices)
      done.choices.push_back(choice_of(choice, choice.at("completion_tokens")));
  else
    done.choices.push_back(choice_of(map, done.usage.completion_tokens));
  return done;
}

Error error_of(const Json& map) {
  Error error;
  const std::string code = map.at("code");
  for (int i = 0; i <= int(ErrorCode::internal); ++i)  // a newer daemon's code stays internal
    if (to_string(ErrorCode(i)) == code) error.code = ErrorCode(i);
  error.message = map.at("message");
  if (map.contains("target")) error.target = id_of(map["target"]);
  error.retry_after_ms = optional_at<int>(map, "retry_after_ms");
  return error;
}

EventBody body_of(Json map) {
  const std::string name = map.at("event");
  if (name == "accepted") return Accepted{map.at("prompt_tokens")};
  if (name == "progress") return progress_of(map);
  if (name == "tokens")
    return Tokens{map.at("index"), map.at("tokens"), map.at("text"), map.value("choice", 0),
                  logprobs_of(map)};
  if (name == "done") return done_of(map);
  if (name == "error") return error_of(map);
  if (name != "ok") throw std::runtime_error("unknown event " + name);
  map.erase("event");
  map.erase("id");
  return Ok{std::move(map)};
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_message:
      return "bad_message";
    case ErrorCode::bad_field:
      return "bad_field";
    case ErrorCode::unsupported_version:
      return "unsupported_version";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::duplicate_id:
      return "duplicate_id";
    case ErrorCode::prompt_too_long:
      return "prompt_too_long";
    case ErrorCode::overloaded:
      return "overloaded";
    case ErrorCode::too_slow:
      return "too_slow";
    case ErrorCode::shutdown:
      return "shutdown";
    case ErrorCode::load_failed:
      return "load_failed";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

Event decode_event(std::span<const std::byte> message) {
  try {
    const msgpack::object_handle handle = unpack_strictly(message, max_event_depth);
    Json map = json_of(handle.get());
    Event event;
    if (!map.at("id").is_null()) event.id = id_of(map["id"]);
    event.body = body_of(std::move(map));
    return event;
  } catch (const std::exception& error) {
    throw std::runtime_error("what came from the daemon is no event: " + std::string(error.what()));
  }
}

Json to_json(const Event& event) {
  const Bytes bytes = encode(event);
  return json_of(unpack_strictly(bytes, max_event_depth).get());
}

}  // namespace nanoflow::wire
