// Everything that actors say to each other, in the order of a request's life. Large values travel
// as shared_ptr<const T>: nobody changes what was sent.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/protocol.hpp"
#include "engine/batch/request.hpp"
#include "engine/kv/kv_cache.hpp"
#include "engine/plan/program.hpp"
#include "engine/plan/search.hpp"

namespace nanoflow {

// ---- socket thread -> gateway ----------------------------------------------------------------

using ClientId = std::uint64_t;  // one connection; never used twice
inline constexpr std::uint32_t unknown_uid = ~0U;

struct ClientInfo {
  ClientId client = 0;
  std::uint32_t uid = unknown_uid;
  std::string user;    // the account's name; "tcp" where nobody can tell
  bool admin = false;  // root, or in the administrators' group: may load and unload
};
struct ClientMessage {
  ClientInfo from;
  std::shared_ptr<const wire::Bytes> bytes;
};
struct ClientGone {
  ClientId client = 0;
};
/// It does not read: what waits to be sent to it has reached its limit.
struct ClientStalled {
  ClientId client = 0;
};

// ---- gateway -> tokenizer --------------------------------------------------------------------

/// A generate request whose fields were checked and whose defaults are filled in.
struct GenerateJob {
  RequestId request = 0;
  std::variant<std::string, std::vector<wire::Message>, std::vector<TokenId>> input;
  BatchRequest batch;  // all but the prompt
  std::vector<std::string> stop;
  bool include_stop = false;
  bool skip_special = true;
  bool stream = true;  // false: only Accepted (for the gateway) and the end, which holds the whole
};

/// Each is answered with a TextAnswer.
struct TokenizeJob {
  std::variant<wire::Tokenize, wire::Detokenize, wire::ApplyTemplate> request;
};
struct TextAnswer {
  wire::Json fields;
  std::optional<wire::Error> error;
};

// ---- tokenizer -> gateway --------------------------------------------------------------------

/// Accepted, Progress, Tokens, Done or Error, as the client will read it.
struct RequestEvent {
  RequestId request = 0;
  wire::EventBody body;
};
using RequestEvents = std::vector<RequestEvent>;

// ---- scheduler -> tokenizer ------------------------------------------------------------------

/// What happened to the tokenizer's own requests.
struct SchedulerEvents {
  StepEvents step;                 // of one step, or of some that came fast
  std::vector<Progress> progress;  // once a second
  bool empty() const { return step.empty() && progress.empty(); }
};

// ---- kv_manager -> copy -----------------------------------------------------------------------

/// A page to be copied to or from a slot of the spill file.
struct CopyJob {
  bool out = false;  // to the file
  int slot = 0;
  std::shared_ptr<std::vector<std::byte>> bytes;  // [page_bytes], the copy's own until it answers
};
struct CopyOutcome {
  double ms = 0;
  std::string error;  // empty: all was copied
};

// ---- executor -> scheduler, and streams -> executor --------------------------------------------

/// A step's tokens, or why there are none: the device failed and has lost its pages and slots.
struct StepOutcome {
  StepResult result;
  std::string failure;  // empty: it ran
};

struct StreamTimeline {
  std::string stream;
  std::string model;
  ProgramTimeline timeline;
};
using StreamTimelines = std::vector<StreamTimeline>;  // of some steps, in order

// ---- searcher -> executor ----------------------------------------------------------------------

struct SearchOutcome {
  BatchSignature signature;  // of the batches that it is for
  SearchResult result;
};

// ---- catalog -----------------------------------------------------------------------------------

struct LoadedModel;  // actors/loaded_model.hpp
using ModelTable = std::vector<std::shared_ptr<const LoadedModel>>;

struct LoadJob {
  wire::Load load;  // by path or by name
  ClientId client = 0;
};
struct LoadOutcome {
  std::shared_ptr<const LoadedModel> model;
  std::optional<wire::Error> error;
};
/// A model in the model folder.
struct AvailableModel {
  std::string name, path;
  std::uint64_t bytes = 0;
  bool loaded = false;
};

// ---- monitor -----------------------------------------------------------------------------------

/// One ended request: a line of the log and a count in the metrics. Never its text.
struct RequestRecord {
  RequestId request = 0;
  std::string user, model;
  int prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  double ttft_ms = 0, total_ms = 0, tokens_per_s = 0;
  std::string finish;  // a finish_reason, or an error's code
};

/// What runs now, as the wire's `status` says it, but for the requests' owners.
struct StatusReport {
  wire::Json fields;
};

}  // namespace nanoflow
