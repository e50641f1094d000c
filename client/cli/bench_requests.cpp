#include "client/cli/bench_requests.hpp"

#include <algorithm>
#include <span>
#include <sstream>

#include "client/cli/command.hpp"

namespace nanoflow::cli {
namespace {

/// Made-up prompts draw from the ids of this text: real ids, in an order that no prefix cache has
/// seen.
constexpr const char* vocabulary_text =
    "The river carried its boats past mills and meadows while the town slept, and every lamp along "
    "the "
    "quay burned low. Someone counted the bells, someone else the stars; nobody spoke of tomorrow.";

std::vector<std::string> read_lines(const std::string& file, const char* what) {
  std::istringstream text(read_file(file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);)
    if (!line.empty()) lines.push_back(line);
  if (lines.empty()) throw UsageError(file + " holds no " + what + " (one a line)");
  return lines;
}

/// What a request leaves open is as the plan says.
void fill(wire::Generate& generate, const BenchPlan& plan) {
  wire::Sampling& sampling = generate.sampling;
  if (generate.model.empty()) generate.model = plan.model;
  if (!sampling.max_tokens) sampling.max_tokens = plan.output_len;
  if (!sampling.ignore_eos) sampling.ignore_eos = true;
  if (!sampling.temperature) sampling.temperature = 0;
}

/// The wire's own decoder checks the fields. `where` is the file and the line.
BenchRequest parse_request(const std::string& line, const BenchPlan& plan,
                           const std::string& where) {
  BenchRequest request;
  nlohmann::json fields = nlohmann::json::parse(line, nullptr, false);
  if (!fields.is_object()) throw UsageError(where + " is no JSON object");
  if (const auto at = fields.find("at"); at != fields.end()) {
    if (!at->is_number() || at->get<double>() < 0)
      throw UsageError(where + ": at must be a number of seconds, not " + at->dump());
    request.due_s = at->get<double>();
    fields.erase(at);
  }
  fields["op"] = "generate";
  fields["id"] = 0;
  const auto message = nlohmann::json::to_msgpack(fields);
  auto decoded = wire::decode_request(std::as_bytes(std::span(message)));
  if (const auto* refused = std::get_if<wire::Event>(&decoded))
    throw UsageError(where + ": " + std::get<wire::Error>(refused->body).message);
  request.generate = std::get<wire::Generate>(std::get<wire::Request>(decoded).operation);
  fill(request.generate, plan);
  return request;
}

}  // namespace

BenchRequests::BenchRequests(Client& client, const BenchPlan& plan)
    : plan_(plan), count_(plan.requests.value_or(64)), random_(std::uint32_t(plan.seed)) {
  if (!plan.workload_file.empty()) {
    const auto lines = read_lines(plan.workload_file, "requests");
    for (std::size_t i = 0; i < lines.size(); ++i)
      workload_.push_back(
          parse_request(lines[i], plan, plan.workload_file + ", request " + std::to_string(i + 1)));
    count_ = std::min(plan.requests.value_or(int(lines.size())), int(lines.size()));
  } else if (!plan.prompts_file.empty()) {
    prompts_ = read_lines(plan.prompts_file, "prompts");
  } else {
    const wire::Tokenize ask{plan.model, vocabulary_text, false};
    ids_ = client.request(ask).at("tokens").get<std::vector<wire::Token>>();
    if (ids_.empty()) throw std::runtime_error("the model's tokenizer gives no tokens");
  }
}

wire::Generate BenchRequests::made_up() {
  wire::Generate generate;
  fill(generate, plan_);
  if (!prompts_.empty()) {
    const std::string& line = prompts_[std::size_t(sent_) % prompts_.size()];
    if (plan_.chat)
      generate.input = std::vector<wire::Message>{{"user", line}};
    else
      generate.input = line;
    return generate;
  }
  std::uniform_int_distribution<std::size_t> pick(0, ids_.size() - 1);
  std::vector<wire::Token> tokens(std::size_t(plan_.input_len));
  for (auto& token : tokens) token = ids_[pick(random_)];
  generate.input = std::move(tokens);
  return generate;
}

BenchRequest BenchRequests::next() {
  BenchRequest request =
      workload_.empty() ? BenchRequest{made_up(), {}} : workload_[std::size_t(sent_)];
  if (plan_.rate > 0) {
    request.due_s = due_s_;
    due_s_ += std::exponential_distribution<double>(plan_.rate)(random_);  // as independent users
  }
  ++sent_;
  return request;
}

}  // namespace nanoflow::cli
