// Requests to bytes: what clients send. What is left out means the default, and is left out here
// too.
#include "client/protocol_pack.hpp"
#include "client/sampling_fields.hpp"

namespace nanoflow::wire {
namespace {

void put_input(MapPacker& map, const std::string& prompt) {
  map.put("prompt", prompt);
}
void put_input(MapPacker& map, const std::vector<Message>& messages) {
  map.put("messages", messages);
}
void put_input(MapPacker& map, const std::vector<Token>& tokens) {
  map.put("tokens", tokens);
}

template <class T>
void put_given(MapPacker& map, std::string_view name, const std::optional<T>& value) {
  map.put(name, value);
}
template <class T>
void put_given(MapPacker& map, std::string_view name, const std::vector<T>& values) {
  if (!values.empty()) map.put(name, values);
}

/// One overload for each operation: its fields after op and id.
struct PutFields {
  MapPacker& map;

  void operator()(const Hello& hello) const {
    map.put("version", hello.version);
    map.put_unless("client", hello.client, std::string());
  }
  void operator()(const Generate& generate) const {
    std::visit([this](const auto& input) { put_input(map, input); }, generate.input);
    map.put_unless("model", generate.model, std::string());
    map.put_unless("stream", generate.stream, true);
    for (const SamplingField& field : sampling_fields())
      std::visit([&](auto member) { put_given(map, field.name, generate.sampling.*member); },
                 field.member);
    map.put_unless("priority", generate.priority, 0);
    map.put("timeout_ms", generate.timeout_ms);
    map.put("max_tpot_ms", generate.max_tpot_ms);
    map.put_unless("cache_salt", generate.cache_salt, std::string());
  }
  void operator()(const Cancel& cancel) const { map.put("target", cancel.target); }
  void operator()(const Tokenize& tokenize) const {
    map.put_unless("model", tokenize.model, std::string());
    map.put("text", tokenize.text);
    map.put_unless("add_special", tokenize.add_special, true);
  }
  void operator()(const Detokenize& detokenize) const {
    map.put_unless("model", detokenize.model, std::string());
    map.put("tokens", detokenize.tokens);
  }
  void operator()(const ApplyTemplate& apply) const {
    map.put_unless("model", apply.model, std::string());
    map.put("messages", apply.messages);
  }
  void operator()(const Models& models) const {
    map.put_unless("available", models.available, false);
  }
  void operator()(const Load& load) const {
    map.put_unless("path", load.path, std::string());
    map.put_unless("name", load.name, std::string());
    map.put("context", load.context);
    map.put("kv_memory", load.kv_memory);
    map.put("weights", load.weights);
    map.put_unless("progress", load.progress, false);
  }
  void operator()(const Unload& unload) const { map.put("name", unload.name); }
  void operator()(const Plan& plan) const { map.put_unless("explain", plan.explain, false); }
  void operator()(const Trace& trace) const { map.put("seconds", trace.seconds); }
  void operator()(const Status&) const {}
  void operator()(const Metrics&) const {}
  void operator()(const Ping&) const {}
};

struct OpName {
  std::string_view operator()(const Hello&) const { return "hello"; }
  std::string_view operator()(const Generate&) const { return "generate"; }
  std::string_view operator()(const Cancel&) const { return "cancel"; }
  std::string_view operator()(const Tokenize&) const { return "tokenize"; }
  std::string_view operator()(const Detokenize&) const { return "detokenize"; }
  std::string_view operator()(const ApplyTemplate&) const { return "apply_template"; }
  std::string_view operator()(const Models&) const { return "models"; }
  std::string_view operator()(const Load&) const { return "load"; }
  std::string_view operator()(const Unload&) const { return "unload"; }
  std::string_view operator()(const Plan&) const { return "plan"; }
  std::string_view operator()(const Trace&) const { return "trace"; }
  std::string_view operator()(const Status&) const { return "status"; }
  std::string_view operator()(const Metrics&) const { return "metrics"; }
  std::string_view operator()(const Ping&) const { return "ping"; }
};

}  // namespace

Bytes encode(const Request& request) {
  MapPacker map;
  map.put("op", std::visit(OpName{}, request.operation));
  map.put("id", request.id);
  std::visit(PutFields{map}, request.operation);
  return map.finish();
}

}  // namespace nanoflow::wire
