#include "actors/describe.hpp"

#include <cstdio>

#include "client/suggest.hpp"

namespace nanoflow {
namespace {

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

}  // namespace

std::string describe(const RequestRecord& record) {
  const std::string rate =
      record.tokens_per_s > 0 ? fixed(record.tokens_per_s, 1) + " tokens/s, " : "";
  return "request " + std::to_string(record.request) + " of " + in_quotes(record.user) + ", " +
         in_quotes(record.model) + ": " + std::to_string(record.prompt_tokens) +
         " prompt tokens (" + std::to_string(record.cached_tokens) + " cached), " +
         std::to_string(record.completion_tokens) + " generated, first after " +
         fixed(record.ttft_ms, 1) + " ms, " + rate + fixed(record.total_ms / 1000, 2) +
         " s in all: " + record.finish;
}

}  // namespace nanoflow
