#include "client/cli/bench_ceilings.hpp"

#include "client/cli/terminal.hpp"

namespace nanoflow::cli {
namespace {

wire::Json unknown(const char* why) {
  return {{"unknown", why}};
}

/// A time that would have been enough.
wire::Json ceiling(double tokens, double least_s, double seconds) {
  return {{"total_tokens_per_s", tokens / least_s}, {"share", least_s / seconds}};
}

}  // namespace

std::optional<Counted> counted(const wire::Json& plan, const std::string& model) {
  const wire::Json& of_model = !model.empty() && plan.contains(model) ? plan.at(model) : plan;
  if (!of_model.contains("costs") || !of_model.contains("ran")) return {};
  Counted result;
  const wire::Json &costs = of_model.at("costs"), &ran = of_model.at("ran");
  result.row_flops = costs.at("row_flops");
  result.sampled_flops = costs.at("sampled_row_flops");
  result.steps = ran.at("steps");
  result.rows = ran.at("rows");
  result.roofline_s = ran.at("roofline_seconds");
  const auto peaks = of_model.find("peaks");
  if (peaks == of_model.end()) return result;
  result.known = true;
  result.weights = peaks->at("weights").get<std::string>();
  result.flops_per_s = peaks->at("flops_per_s");
  result.bytes_per_s = peaks->at("read_bytes_per_s");
  return result;
}

wire::Json ceilings(const std::vector<Sample>& samples, double seconds,
                    const std::optional<Counted>& before, const std::optional<Counted>& after) {
  if (!before || !after) return unknown("the daemon does not say what its model costs");
  if (!before->known)
    return unknown(after->known ? "the machine's peaks were measured during this run"
                                : "the machine's peaks are not measured yet");
  double tokens = 0, rows = 0, sampled = 0;
  for (const Sample& sample : samples) {
    if (sample.failed) continue;
    tokens += sample.prompt_tokens + sample.completion_tokens;
    sampled += sample.completion_tokens;
    // An answer's last token is not read again.
    rows += sample.prompt_tokens - sample.cached_tokens + sample.completion_tokens - sample.choices;
  }
  const double roofline_s = after->roofline_s - before->roofline_s;
  if (tokens == 0 || roofline_s <= 0) return unknown("no step ran");
  const double optimum_s =
      (rows * before->row_flops + sampled * before->sampled_flops) / before->flops_per_s;
  wire::Json result = {{"weights", before->weights},
                       {"peak_flops_per_s", before->flops_per_s},
                       {"peak_read_bytes_per_s", before->bytes_per_s},
                       {"rows_needed", rows},
                       {"rows_computed", after->rows - before->rows},
                       {"steps", after->steps - before->steps},
                       {"optimum", ceiling(tokens, optimum_s, seconds)},
                       {"roofline", ceiling(tokens, roofline_s, seconds)}};
  return result;
}

std::string describe_ceilings(const wire::Json& found) {
  if (const auto why = found.find("unknown"); why != found.end())
    return "ceilings   not known: " + why->get<std::string>() + '\n';
  const auto number = [](const wire::Json& object, const char* name) {
    return object.at(name).get<double>();
  };
  const wire::Json &optimum = found.at("optimum"), &roofline = found.at("roofline");
  std::string text = format("ceilings   %.0f%% of the arithmetic alone: %.0f tokens/s at ",
                            number(optimum, "share") * 100, number(optimum, "total_tokens_per_s"));
  text += human_count(number(found, "peak_flops_per_s")) + "FLOP/s, weights in " +
          found.at("weights").get<std::string>() + '\n';
  text += format(
      "           %.0f%% of what its %.0f steps need at least: %.0f tokens/s, with reading "
      "weights, K "
      "and V at %.1f GB/s\n",
      number(roofline, "share") * 100, number(found, "steps"),
      number(roofline, "total_tokens_per_s"), number(found, "peak_read_bytes_per_s") * 1e-9);
  const double needed = number(found, "rows_needed"), computed = number(found, "rows_computed");
  constexpr double noticed = 1.05;
  if (computed > noticed * needed)
    text += format(
        "           (the daemon computed %.0f rows, this run needed %.0f: others asked as well, or "
        "guesses were wrong)\n",
        computed, needed);
  return text;
}

}  // namespace nanoflow::cli
