#include "actors/metrics.hpp"

#include <algorithm>
#include <charconv>

namespace nanoflow {
namespace {

std::string to_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  text_.append(name).append(" ").append(type).append("\n");
}

void MetricsText::value(std::string_view name, const Labels& labels, double value) {
  text_ += name;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    text_.append(i == 0 ? "{" : ",").append(labels[i].first).append("=\"");
    for (const char c : labels[i].second) {
      if (c == '\\' || c == '"') text_ += '\\';
      if (c == '\n')
        text_ += "\\n";
      else
        text_ += c;
    }
    text_ += '"';
  }
  text_.append(labels.empty() ? " " : "} ").append(to_text(value)).append("\n");
}

void Histogram::observe(double seconds) {
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
  ++counts_[std::size_t(bucket)];
  sum_ += seconds;
}

void Histogram::write(MetricsText& out, const std::string& name, std::string_view help) const {
  out.family(name, "histogram", help);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    count += counts_[i];
    out.value(name + "_bucket", {{"le", to_text(bounds[i])}}, double(count));
  }
  count += counts_.back();
  out.value(name + "_bucket", {{"le", "+Inf"}}, double(count));
  out.value(name + "_sum", {}, sum_);
  out.value(name + "_count", {}, double(count));
}

void RequestMetrics::add(const RequestRecord& record) {
  ++requests_[{record.model, record.finish}];
  Tokens& tokens = tokens_[record.model];
  tokens.prompt += std::uint64_t(record.prompt_tokens);
  tokens.cached += std::uint64_t(record.cached_tokens);
  tokens.completion += std::uint64_t(record.completion_tokens);
  if (record.ttft_ms > 0) ttft_.observe(record.ttft_ms / 1000);
  if (record.tokens_per_s > 0) tpot_.observe(1 / record.tokens_per_s);
}

void RequestMetrics::write(MetricsText& out) const {
  out.family("nanoflow_requests_total", "counter", "Requests that ended, by how they did.");
  for (const auto& [key, count] : requests_)
    out.value("nanoflow_requests_total", {{"model", key.first}, {"finish", key.second}},
              double(count));
  const auto tokens = [&](const char* name, const char* help, std::uint64_t Tokens::*member) {
    out.family(name, "counter", help);
    for (const auto& [model, count] : tokens_)
      out.value(name, {{"model", model}}, double(count.*member));
  };
  tokens("nanoflow_prompt_tokens_total", "Tokens of the prompts of ended requests.",
         &Tokens::prompt);
  tokens("nanoflow_cached_tokens_total", "Those of them that the prefix cache held.",
         &Tokens::cached);
  tokens("nanoflow_completion_tokens_total", "Tokens generated.", &Tokens::completion);
  ttft_.write(out, "nanoflow_time_to_first_token_seconds",
              "From a request's arrival to its first token.");
  tpot_.write(out, "nanoflow_time_per_output_token_seconds",
              "Mean time between two tokens of a request.");
}

}  // namespace nanoflow
