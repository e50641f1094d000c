#include "actors/describe.hpp"

#include <cstdio>
#include <initializer_list>

#include "client/suggest.hpp"

namespace nanoflow {
namespace {

std::string scaled(double value, double step, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  while (value >= step && unit + 1 != units.end()) {
    value /= step;
    ++unit;
  }
  char text[48];
  std::snprintf(text, sizeof text, unit == units.begin() ? "%.0f%s%s" : "%.1f%s%s", value,
                **unit ? " " : "", *unit);
  return text;
}

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

}  // namespace

std::string human_bytes(double bytes) {
  return scaled(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB"});
}

std::string human_count(double count) {
  return scaled(count, 1000, {"", "k", "M", "G", "T"});
}

std::string describe(const LoadedModel& model) {
  return "model " + in_quotes(model.name) + ": " + human_count(double(model.n_parameters)) +
         " parameters, " + model.dtype + " computed as " +
         (model.weights == WeightFormat::f32 ? "f32" : "bf16") + ", context " +
         std::to_string(model.context) + ", " + std::to_string(model.n_pages) + " pages for " +
         std::to_string(std::int64_t(model.n_pages) * page_size) + " tokens of context (" +
         human_bytes(double(model.n_pages) * double(model.page_bytes)) + ")";
}

std::string describe(const RequestRecord& record) {
  return "request " + std::to_string(record.request) + " of " + in_quotes(record.user) + ", " +
         in_quotes(record.model) + ": " + std::to_string(record.prompt_tokens) +
         " prompt tokens (" + std::to_string(record.cached_tokens) + " cached), " +
         std::to_string(record.completion_tokens) + " generated, first after " +
         fixed(record.ttft_ms, 1) + " ms, " + fixed(record.tokens_per_s, 1) + " tokens/s, " +
         fixed(record.total_ms / 1000, 2) + " s in all: " + record.finish;
}

}  // namespace nanoflow
