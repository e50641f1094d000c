#include "actors/report.hpp"

namespace nanoflow {
namespace {

wire::Json request_rows(const std::vector<ModelState>& models) {
  auto rows = wire::Json::array();
  for (const ModelState& state : models)
    for (const auto& request : state.snapshot.requests) {
      const bool reads = request.done_tokens < request.prompt_tokens;
      rows.push_back({{"number", request.request},
                      {"model", state.model->name},
                      {"state", request.waiting ? "waiting"
                                : reads         ? "prefill"
                                                : "decode"},
                      {"prompt_tokens", request.prompt_tokens},
                      {"cached_tokens", request.cached_tokens},
                      {"completion_tokens", request.completion_tokens},
                      {"pages", request.pages},
                      {"priority", request.priority},
                      {"age_ms", request.age_ms}});
    }
  return rows;
}

wire::Json model_rows(const std::vector<ModelState>& models) {
  auto rows = wire::Json::array();
  for (const ModelState& state : models)
    rows.push_back({{"name", state.model->name},
                    {"running", state.snapshot.running},
                    {"waiting", state.snapshot.waiting},
                    {"pages", state.usage.total},
                    {"free_pages", state.usage.free},
                    {"cached_pages", state.usage.cached},
                    {"spilled_pages", state.usage.spilled},
                    {"spill_pages", state.usage.spill_total},
                    {"steps", state.snapshot.steps},
                    {"preemptions", state.snapshot.preemptions},
                    {"drafted_tokens", state.snapshot.drafted},
                    {"accepted_tokens", state.snapshot.accepted},
                    {"context", state.model->context},
                    {"bytes", state.model->bytes}});
  return rows;
}

wire::Json stream_rows(const std::vector<StreamActivity::Rates>& streams) {
  auto rows = wire::Json::array();
  for (const auto& stream : streams)
    rows.push_back({{"name", stream.stream},
                    {"busy_share", stream.busy_share},
                    {"flops_per_s", stream.flops_per_s},
                    {"bytes_per_s", stream.bytes_per_s},
                    {"steps_per_s", stream.steps_per_s}});
  return rows;
}

}  // namespace

wire::Json status_fields(const Report& report) {
  int running = 0, waiting = 0, sequences = 0;
  KvCache::Usage pages;
  std::uint64_t model_bytes = 0;
  for (const ModelState& state : report.models) {
    running += state.snapshot.running;
    waiting += state.snapshot.waiting;
    sequences += state.snapshot.running_sequences;
    pages.total += state.usage.total;
    pages.free += state.usage.free;
    pages.cached += state.usage.cached;
    pages.spilled += state.usage.spilled;
    model_bytes += state.model->bytes;
  }
  return {
      {"server", report.server},
      {"device", report.device},
      {"threads", report.threads},
      {"uptime", report.uptime_s},
      {"running", running},
      {"running_sequences", sequences},
      {"waiting", waiting},
      {"pages",
       {{"total", pages.total},
        {"free", pages.free},
        {"cached", pages.cached},
        {"spilled", pages.spilled}}},
      {"prompt_tokens_per_s", report.tokens.prompt_per_s},
      {"tokens_per_s", report.tokens.decode_per_s},
      {"memory", {{"resident_bytes", report.resident_bytes}, {"model_bytes", model_bytes}}},
      {"models", model_rows(report.models)},
      {"streams", stream_rows(report.streams)},
      {"requests", request_rows(report.models)},
  };
}

void write_metrics(MetricsText& out, const Report& report) {
  const auto per_model = [&](const char* name, const char* type, const char* help, auto value) {
    out.family(name, type, help);
    for (const ModelState& state : report.models)
      out.value(name, {{"model", state.model->name}}, double(value(state)));
  };
  per_model("nanoflow_requests_running", "gauge", "Requests that run.",
            [](const ModelState& state) { return state.snapshot.running; });
  per_model("nanoflow_requests_waiting", "gauge", "Requests in the queue.",
            [](const ModelState& state) { return state.snapshot.waiting; });
  per_model("nanoflow_steps_total", "counter", "Iterations.",
            [](const ModelState& state) { return state.snapshot.steps; });
  per_model("nanoflow_prompt_rows_total", "counter", "Prompt tokens computed.",
            [](const ModelState& state) { return state.snapshot.prompt_rows; });
  per_model("nanoflow_decode_rows_total", "counter", "Decode rows computed, but for wrong guesses.",
            [](const ModelState& state) { return state.snapshot.decode_rows; });
  per_model("nanoflow_drafted_tokens_total", "counter", "Tokens guessed: speculation.",
            [](const ModelState& state) { return state.snapshot.drafted; });
  per_model("nanoflow_accepted_tokens_total", "counter", "Guesses that were right.",
            [](const ModelState& state) { return state.snapshot.accepted; });
  per_model("nanoflow_wasted_rows_total", "counter", "Rows computed for what had ended.",
            [](const ModelState& state) { return state.snapshot.wasted_rows; });
  per_model("nanoflow_preemptions_total", "counter", "Sequences that gave their pages back.",
            [](const ModelState& state) { return state.snapshot.preemptions; });
  per_model("nanoflow_recoveries_total", "counter", "Restarts of a failed stream.",
            [](const ModelState& state) { return state.snapshot.recoveries; });

  per_model("nanoflow_spilled_pages", "gauge", "KV pages in the spill file.",
            [](const ModelState& state) { return state.usage.spilled; });
  per_model("nanoflow_spill_written_pages_total", "counter", "KV pages written to the spill file.",
            [](const ModelState& state) { return state.usage.written; });
  per_model("nanoflow_spill_read_pages_total", "counter",
            "KV pages read back from the spill file, and used.",
            [](const ModelState& state) { return state.usage.read; });

  out.family("nanoflow_pages", "gauge", "KV pages; free ones include cached ones.");
  for (const ModelState& state : report.models)
    for (const auto& [kind, count] : {std::pair("total", state.usage.total),
                                      {"free", state.usage.free},
                                      {"cached", state.usage.cached}})
      out.value("nanoflow_pages", {{"model", state.model->name}, {"state", kind}}, count);

  const auto per_stream = [&](const char* name, const char* help, auto value) {
    out.family(name, "counter", help);
    for (const auto& [stream, totals] : report.stream_totals)
      out.value(name, {{"stream", stream}}, double(value(totals)));
  };
  using Totals = StreamActivity::Totals;
  per_stream("nanoflow_stream_busy_seconds_total",
             "Time that programs took, without waiting for other streams.",
             [](const Totals& totals) { return totals.busy_s; });
  per_stream("nanoflow_stream_flops_total", "Floating point operations, by the graph's count.",
             [](const Totals& totals) { return totals.flops; });
  per_stream("nanoflow_stream_bytes_total",
             "Bytes of weights, K and V that were read, by the graph's count.",
             [](const Totals& totals) { return totals.bytes; });

  out.family("nanoflow_resident_bytes", "gauge", "Memory of the daemon.");
  out.value("nanoflow_resident_bytes", {}, double(report.resident_bytes));
  out.family("nanoflow_uptime_seconds", "gauge", "Time since the start.");
  out.value("nanoflow_uptime_seconds", {}, report.uptime_s);
}

}  // namespace nanoflow
