// The wire, version 1: one msgpack map per message. The only code that the daemon shares with its
// clients, and the only code that knows msgpack. docs/protocol.md describes it for writers of other
// clients.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

namespace nanoflow::wire {

using Json = nlohmann::ordered_json;
using Bytes = std::vector<std::byte>;
using Token = std::int32_t;

inline constexpr int version = 1;
inline constexpr std::size_t max_message_bytes = 4 << 20;

/// Chosen by the client, unique among its live requests: 1-64 bytes, or an unsigned integer.
using RequestId = std::variant<std::uint64_t, std::string>;
std::string to_string(const RequestId& id);

// ---- Requests: what a client asks
// -------------------------------------------------------------------------

/// What the client left out stays empty: the model's defaults apply (see resolve in
/// actors/gateway).
struct Sampling {
  std::optional<int> max_tokens, min_tokens, top_k, logprobs, n;
  std::optional<double> temperature, top_p, min_p;
  std::optional<double> presence_penalty, frequency_penalty, repetition_penalty;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
  std::vector<Token> stop_token_ids;
  std::optional<bool> include_stop_str_in_output, ignore_eos, skip_special_tokens;
  std::vector<std::pair<Token, double>> logit_bias;
};
/// Tokens after which an answer ends: max_tokens, by default 512 or min_tokens if that is more.
int token_limit(const Sampling& sampling);

struct Message {
  std::string role, content;
};

struct Hello {
  int version = wire::version;
  std::string client;
};
struct Generate {
  std::variant<std::string, std::vector<Message>, std::vector<Token>>
      input;          // prompt, messages or tokens
  std::string model;  // empty: the only one loaded
  bool stream = true;
  Sampling sampling;
  int priority = 0;
  std::optional<int> timeout_ms, max_tpot_ms;
  std::string cache_salt;
};
struct Cancel {
  RequestId target;
};
struct Tokenize {
  std::string model, text;
  bool add_special = true;
};
struct Detokenize {
  std::string model;
  std::vector<Token> tokens;
};
struct ApplyTemplate {
  std::string model;
  std::vector<Message> messages;
};
struct Models {
  bool available = false;  // those in the model folder as well
};
struct Load {
  std::string path, name;  // one of the two
  std::optional<int> context;
  std::optional<std::string> kv_memory;  // "4GiB" or "50%"
  std::optional<std::string> weights;    // "f32" or "bf16"
  bool progress = false;
};
struct Unload {
  std::string name;
};
struct Plan {
  bool explain = false;
};
struct Trace {
  double seconds = 1;
};
struct Status {};
struct Metrics {};
struct Ping {};

using Operation = std::variant<Hello, Generate, Cancel, Tokenize, Detokenize, ApplyTemplate, Models,
                               Load, Unload, Plan, Trace, Status, Metrics, Ping>;
struct Request {
  RequestId id;
  Operation operation;
};

// ---- Events: what the daemon says
// -------------------------------------------------------------------------

enum class ErrorCode {
  bad_message,
  bad_field,
  unsupported_version,
  not_found,
  duplicate_id,
  prompt_too_long,
  overloaded,
  too_slow,
  shutdown,
  load_failed,
  internal,
};
std::string_view to_string(ErrorCode code);

struct Accepted {
  int prompt_tokens = 0;
};
struct Progress {
  std::string state;  // "waiting", "prefill", "loading"
  std::optional<int> position, done_tokens, prompt_tokens;
  std::optional<std::uint64_t> done_bytes, total_bytes;
};
struct Logprob {
  Token token = 0;
  float logprob = 0;
  std::vector<std::pair<Token, float>> top;
};
struct Tokens {
  int index = 0;  // of the first token here
  std::vector<Token> tokens;
  std::string text;
  int choice = 0;
  std::vector<Logprob> logprobs;  // empty, or one a token
};
struct Usage {
  int prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
};
struct Timing {
  double queue_ms = 0, prefill_ms = 0, decode_ms = 0, total_ms = 0;
};
struct Cost {
  double flops = 0, bytes = 0, page_seconds = 0;
};
struct Choice {
  std::string finish_reason;  // "stop", "length", "cancelled", "timeout"
  int completion_tokens = 0;
  // With stream false, what the choice said:
  std::string text;
  std::vector<Token> tokens;
  std::vector<Logprob> logprobs;
};
struct Done {
  std::string finish_reason;  // of the first choice
  Usage usage;
  Timing timing;
  Cost cost;
  std::vector<Choice> choices;  // one for each of n; on the wire only where n > 1
  bool whole = false;           // stream false: text, tokens (and logprobs) are sent as well
};
/// Tokens a second after the first, which comes with the prompt's last chunk; 0: there was none.
double decode_rate(const Done& done);
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // what was wrong, with the field's name, the value and the limit
  std::optional<RequestId> target;    // of duplicate_id
  std::optional<int> retry_after_ms;  // of overloaded
};
/// The answer of everything but generate: its fields, as PROTOCOL's table names them.
struct Ok {
  Json fields = Json::object();
};

using EventBody = std::variant<Accepted, Progress, Tokens, Done, Error, Ok>;
struct Event {
  std::optional<RequestId> id;  // nil where a message had no usable one
  EventBody body;
};

// ---- Bytes
// ------------------------------------------------------------------------------------------------

/// Checks everything: map, known keys once each, types, ranges, limits, no trailing bytes. What is
/// wrong comes back as the error event to answer with. Never throws, and allocates no more than the
/// message's size allows.
std::variant<Request, Event> decode_request(std::span<const std::byte> message);
Bytes encode(const Request& request);

Bytes encode(const Event& event);
/// Throws std::runtime_error on what is no event. Unknown keys are kept out silently: a newer
/// daemon may say more.
Event decode_event(std::span<const std::byte> message);

/// An event as `--json` prints it: one object, in the wire's field names.
Json to_json(const Event& event);

/// Where a daemon is looked for, in order: NANOFLOW_ENDPOINT alone if set, else the user's socket,
/// then the system's.
std::vector<std::string> default_endpoints();
std::string user_endpoint();    // ipc://$XDG_RUNTIME_DIR/nanoflowd.sock, or
                                // ipc:///tmp/nanoflowd-$UID/nanoflowd.sock
std::string system_endpoint();  // ipc:///run/nanoflowd/nanoflowd.sock

}  // namespace nanoflow::wire
