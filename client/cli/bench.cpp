#include "client/cli/bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include "client/cli/command.hpp"
#include "client/cli/interrupt.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Plan {
  int requests = 64, concurrency = 8, input_len = 128, output_len = 64;
  double rate = 0;  // requests/s; 0: as many at once as concurrency says
  std::string prompts_file;
  bool chat = false;
  int seed = 1;
  wire::Generate request;
};

/// Made-up prompts draw from the ids of this text: real ids, in an order that no prefix cache has
/// seen.
constexpr const char* vocabulary_text =
    "The river carried its boats past mills and meadows while the town slept, and every lamp along "
    "the "
    "quay burned low. Someone counted the bells, someone else the stars; nobody spoke of tomorrow.";

class Prompts {
 public:
  Prompts(Client& client, const Plan& plan) : plan_(plan), random_(std::uint32_t(plan.seed)) {
    if (!plan.prompts_file.empty()) {
      read_lines();
      return;
    }
    const wire::Tokenize ask{plan.request.model, vocabulary_text, false};
    ids_ = client.request(ask).at("tokens").get<std::vector<wire::Token>>();
    if (ids_.empty()) throw std::runtime_error("the model's tokenizer gives no tokens");
  }
  wire::Generate next() {
    wire::Generate request = plan_.request;
    if (!lines_.empty()) {
      const std::string& line = lines_[count_++ % lines_.size()];
      if (plan_.chat)
        request.input = std::vector<wire::Message>{{"user", line}};
      else
        request.input = line;
      return request;
    }
    std::uniform_int_distribution<std::size_t> pick(0, ids_.size() - 1);
    std::vector<wire::Token> tokens(std::size_t(plan_.input_len));
    for (auto& token : tokens) token = ids_[pick(random_)];
    request.input = std::move(tokens);
    return request;
  }
  /// Seconds until the next arrival: exponential, as independent users come.
  double gap_s() { return std::exponential_distribution<double>(plan_.rate)(random_); }

 private:
  void read_lines() {
    std::istringstream text(read_file(plan_.prompts_file));
    for (std::string line; std::getline(text, line);)
      if (!line.empty()) lines_.push_back(line);
    if (lines_.empty()) throw UsageError(plan_.prompts_file + " holds no prompts (one a line)");
  }

  const Plan& plan_;
  std::mt19937 random_;
  std::vector<wire::Token> ids_;
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

class Bench {
 public:
  Bench(Client& client, const Plan& plan, const Interrupt& interrupt)
      : client_(client), plan_(plan), interrupt_(interrupt), prompts_(client, plan) {}

  wire::Json run() {
    start_ = Clock::now();
    ProgressBar bar("bench");
    while (int(samples_.size()) < plan_.requests && !interrupt_.happened()) {
      send_due();
      const auto event = client_.receive(wait());
      if (event) handle(*event);
      bar.update(double(samples_.size()), plan_.requests,
                 std::to_string(live_.size()) + " running, " + std::to_string(failed_) + " failed");
    }
    for (const auto& [id, sample] : live_) client_.cancel(id);
    if (!first_error_.empty()) std::cerr << "first error: " << first_error_ << '\n';
    return summarise(samples_, now_s());
  }
  bool failed() const { return failed_ > 0; }

 private:
  double now_s() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  bool all_sent() const { return sent_ == plan_.requests; }

  void send_due() {
    while (!all_sent()) {
      if (plan_.rate > 0 ? now_s() < next_s_ : int(live_.size()) >= plan_.concurrency) return;
      wire::Generate request = prompts_.next();
      Sample sample;
      // Lateness of the bench itself must not hide in the figures: the clock starts when it was
      // due.
      sample.sent_s = plan_.rate > 0 ? next_s_ : now_s();
      live_.emplace(client_.send(request), sample);
      ++sent_;
      if (plan_.rate > 0) next_s_ += prompts_.gap_s();
    }
  }
  std::optional<std::chrono::milliseconds> wait() const {
    if (plan_.rate <= 0 || all_sent()) return std::nullopt;
    return std::chrono::milliseconds(long(std::max(0.0, next_s_ - now_s()) * 1000));
  }
  void handle(const wire::Event& event) {
    const auto found = event.id ? live_.find(*event.id) : live_.end();
    if (found == live_.end()) return;
    Sample& sample = found->second;
    if (const auto* tokens = std::get_if<wire::Tokens>(&event.body);
        tokens && !tokens->tokens.empty()) {
      sample.last_s = now_s();
      if (sample.first_s == 0) sample.first_s = sample.last_s;
      return;
    }
    const auto* error = std::get_if<wire::Error>(&event.body);
    const auto* done = std::get_if<wire::Done>(&event.body);
    if (!error && !done) return;
    if (done) {
      sample.prompt_tokens = done->usage.prompt_tokens;
      sample.cached_tokens = done->usage.cached_tokens;
      sample.completion_tokens = done->usage.completion_tokens;
    }
    sample.failed = error || sample.first_s == 0;
    failed_ += sample.failed;
    if (error && first_error_.empty()) first_error_ = error->message;
    samples_.push_back(sample);
    live_.erase(found);
  }

  Client& client_;
  const Plan& plan_;
  const Interrupt& interrupt_;
  Prompts prompts_;
  Clock::time_point start_;
  double next_s_ = 0;
  int sent_ = 0, failed_ = 0;
  std::map<wire::RequestId, Sample> live_;
  std::vector<Sample> samples_;
  std::string first_error_;
};

void print_summary(const wire::Json& summary) {
  const auto number = [&](const char* name) { return summary.at(name).get<double>(); };
  std::printf("%d requests in %.1f s (%d failed)\n", summary.at("requests").get<int>(),
              number("wall_seconds"), summary.at("failed").get<int>());
  std::printf("tokens     %.0f in (%.0f from the prefix cache), %.0f out\n", number("input_tokens"),
              number("cached_tokens"), number("output_tokens"));
  std::printf("throughput %.1f output tokens/s, %.1f tokens/s in all, %.2f requests/s\n",
              number("output_tokens_per_s"), number("total_tokens_per_s"),
              number("requests_per_s"));
  std::printf("\n%-10s %10s %10s %10s\n", "ms", "p50", "p90", "p99");
  for (const auto& [label, key] : {std::pair{"TTFT", "ttft_ms"}, {"TPOT", "tpot_ms"}}) {
    const wire::Json& row = summary.at(key);
    std::printf("%-10s %10.2f %10.2f %10.2f\n", label, row.at("p50").get<double>(),
                row.at("p90").get<double>(), row.at("p99").get<double>());
  }
  std::fflush(stdout);
}

}  // namespace

int bench_command(Invocation& invocation) {
  Plan plan;
  wire::Sampling& sampling = plan.request.sampling;
  OptionSet options;
  const wire::Range positive = {1, 1e6};
  options.value("--requests", "N", "how many in all (64)", plan.requests, positive);
  options.value("--concurrency", "N", "how many at once (8)", plan.concurrency, positive);
  options.value("--rate", "X", "requests/s instead, arriving at random", plan.rate, {0, 1e6, true});
  options.value("--prompts", "FILE", "prompts, one a line, used in turn", plan.prompts_file);
  options.flag("--chat", "each prompt is a chat message", plan.chat);
  options.value("--input-len", "N", "tokens of each made-up prompt (128)", plan.input_len,
                positive);
  options.value("--output-len", "N", "tokens of each answer, whatever the model says (64)",
                plan.output_len, positive);
  options.value("--seed", "N", "of prompts and arrivals (1)", plan.seed, {0, wire::max_int});
  options.value("--model", "NAME", "the model, where several are loaded", plan.request.model);
  invocation.parse(options);
  sampling.max_tokens = plan.output_len;
  sampling.ignore_eos = true;
  sampling.temperature = 0;
  Client client = invocation.connect();
  Interrupt interrupt;
  client.set_interrupt_fd(interrupt.fd());
  Bench bench(client, plan, interrupt);
  const wire::Json summary = bench.run();
  if (invocation.json)
    print_json(summary);
  else
    print_summary(summary);
  return bench.failed() || interrupt.happened() ? exit_failed : exit_done;
}

}  // namespace nanoflow::cli
