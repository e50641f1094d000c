// Events to bytes: what the daemon sends.
#include "client/protocol_pack.hpp"

namespace nanoflow::wire {
namespace {

template <class T>
void put_given(MapPacker& map, std::string_view name, const std::vector<T>& values) {
  if (!values.empty()) map.put(name, values);
}

void put_answer(MapPacker& map, const Choice& choice) {
  map.put("text", choice.text);
  map.put("tokens", choice.tokens);
  put_given(map, "logprobs", choice.logprobs);
}

MapPacker pack_usage(const Usage& usage) {
  MapPacker map;
  map.put("prompt_tokens", usage.prompt_tokens);
  map.put("cached_tokens", usage.cached_tokens);
  map.put("completion_tokens", usage.completion_tokens);
  return map;
}

MapPacker pack_timing(const Timing& timing) {
  MapPacker map;
  map.put("queue_ms", timing.queue_ms);
  map.put("prefill_ms", timing.prefill_ms);
  map.put("decode_ms", timing.decode_ms);
  map.put("total_ms", timing.total_ms);
  return map;
}

MapPacker pack_cost(const Cost& cost) {
  MapPacker map;
  map.put("flops", cost.flops);
  map.put("bytes", cost.bytes);
  map.put("page_seconds", cost.page_seconds);
  return map;
}

/// One overload for each event: its name, and its fields after event and id.
struct PutFields {
  MapPacker& map;

  void operator()(const Accepted& accepted) const {
    map.put("prompt_tokens", accepted.prompt_tokens);
  }
  void operator()(const Progress& progress) const {
    map.put("state", progress.state);
    map.put("position", progress.position);
    map.put("done_tokens", progress.done_tokens);
    map.put("prompt_tokens", progress.prompt_tokens);
    map.put("done_bytes", progress.done_bytes);
    map.put("total_bytes", progress.total_bytes);
  }
  void operator()(const Tokens& tokens) const {
    map.put("index", tokens.index);
    map.put("tokens", tokens.tokens);
    map.put("text", tokens.text);
    map.put("choice", tokens.choice);
    put_given(map, "logprobs", tokens.logprobs);
  }
  void operator()(const Done& done) const {
    map.put("finish_reason", done.finish_reason);
    map.put_map("usage", pack_usage(done.usage));
    map.put_map("timing", pack_timing(done.timing));
    map.put_map("cost", pack_cost(done.cost));
    if (done.whole && !done.choices.empty()) put_answer(map, done.choices.front());
    if (done.choices.size() < 2) return;
    std::vector<MapPacker> choices(done.choices.size());
    for (std::size_t i = 0; i < choices.size(); ++i) {
      choices[i].put("finish_reason", done.choices[i].finish_reason);
      choices[i].put("completion_tokens", done.choices[i].completion_tokens);
      if (done.whole) put_answer(choices[i], done.choices[i]);
    }
    map.put("choices", choices);
  }
  void operator()(const Error& error) const {
    map.put("code", to_string(error.code));
    map.put("message", error.message);
    map.put("target", error.target);
    map.put("retry_after_ms", error.retry_after_ms);
  }
  void operator()(const Ok& ok) const {
    for (const auto& [key, value] : ok.fields.items())
      if (key != "event" && key != "id") map.put(key, value);
  }
};

struct EventName {
  std::string_view operator()(const Accepted&) const { return "accepted"; }
  std::string_view operator()(const Progress&) const { return "progress"; }
  std::string_view operator()(const Tokens&) const { return "tokens"; }
  std::string_view operator()(const Done&) const { return "done"; }
  std::string_view operator()(const Error&) const { return "error"; }
  std::string_view operator()(const Ok&) const { return "ok"; }
};

}  // namespace

double decode_rate(const Done& done) {
  const int decoded = done.usage.completion_tokens - 1;
  return decoded > 0 && done.timing.decode_ms > 0 ? 1000 * decoded / done.timing.decode_ms : 0;
}

std::string to_string(const RequestId& id) {
  if (const auto* number = std::get_if<std::uint64_t>(&id)) return std::to_string(*number);
  return std::get<std::string>(id);
}

Bytes encode(const Event& event) {
  MapPacker map;
  map.put("event", std::visit(EventName{}, event.body));
  if (event.id)
    map.put("id", *event.id);
  else
    map.put_nil("id");
  std::visit(PutFields{map}, event.body);
  return map.finish();
}

}  // namespace nanoflow::wire
