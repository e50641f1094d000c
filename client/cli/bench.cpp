#include "client/cli/bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>

#include "client/cli/bench_ceilings.hpp"
#include "client/cli/bench_requests.hpp"
#include "client/cli/command.hpp"
#include "client/cli/interrupt.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {
namespace {

using Clock = std::chrono::steady_clock;

class Bench {
 public:
  Bench(Client& client, const BenchPlan& plan, const Interrupt& interrupt)
      : client_(client), plan_(plan), interrupt_(interrupt), requests_(client, plan) {}

  wire::Json run() {
    const auto before = ask_what_was_counted();
    start_ = Clock::now();
    ProgressBar bar("bench");
    while (int(samples_.size()) < requests_.count() && !interrupt_.happened()) {
      send_due();
      const auto event = client_.receive(wait());
      if (event) handle(*event);
      bar.update(double(samples_.size()), requests_.count(),
                 std::to_string(live_.size()) + " running, " + std::to_string(failed_) + " failed");
    }
    const double seconds = now_s();
    for (const auto& [id, sample] : live_) client_.cancel(id);
    if (!first_error_.empty()) std::cerr << "first error: " << first_error_ << '\n';
    wire::Json summary = summarise(samples_, seconds);
    if (!interrupt_.happened())
      summary["ceilings"] = ceilings(samples_, seconds, before, ask_what_was_counted());
    return summary;
  }
  bool failed() const { return failed_ > 0; }

 private:
  std::optional<Counted> ask_what_was_counted() {
    try {
      return counted(client_.request(wire::Plan{}), plan_.model);
    } catch (const RequestFailed&) {
      return {};
    }
  }
  double now_s() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  void send_due() {
    while (true) {
      if (!next_ && sent_ < requests_.count()) {
        next_ = requests_.next();
        ++sent_;
      }
      if (!next_) return;
      if (next_->due_s ? now_s() < *next_->due_s : int(live_.size()) >= plan_.concurrency) return;
      Sample sample;
      // Lateness of the bench itself must not hide in the figures: the clock starts when it was
      // due.
      sample.sent_s = next_->due_s.value_or(now_s());
      sample.choices = next_->generate.sampling.n.value_or(1);
      live_.emplace(client_.send(next_->generate), sample);
      next_.reset();
    }
  }
  std::optional<std::chrono::milliseconds> wait() const {
    if (!next_ || !next_->due_s) return std::nullopt;
    return std::chrono::milliseconds(long(std::max(0.0, *next_->due_s - now_s()) * 1000));
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
  const BenchPlan& plan_;
  const Interrupt& interrupt_;
  BenchRequests requests_;
  std::optional<BenchRequest> next_;  // drawn, but neither due nor sent yet
  Clock::time_point start_;
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
  if (summary.contains("ceilings"))
    std::printf("%s", describe_ceilings(summary.at("ceilings")).c_str());
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
  BenchPlan plan;
  OptionSet options;
  const wire::Range positive = {1, 1e6};
  options.value("--requests", "N", "how many in all (64, or a workload's)", plan.requests,
                positive);
  options.value("--concurrency", "N", "how many at once (8)", plan.concurrency, positive);
  options.value("--rate", "X", "requests/s instead, arriving at random", plan.rate, {0, 1e6, true});
  options.value("--prompts", "FILE", "prompts, one a line, used in turn", plan.prompts_file);
  options.value("--workload", "FILE",
                "requests as JSON, one a line: the fields of generate, and at: when, in seconds",
                plan.workload_file);
  options.flag("--chat", "each prompt is a chat message", plan.chat);
  options.value("--input-len", "N", "tokens of each made-up prompt (128)", plan.input_len,
                positive);
  options.value("--output-len", "N", "tokens of each answer, whatever the model says (64)",
                plan.output_len, positive);
  options.value("--seed", "N", "of prompts and arrivals (1)", plan.seed, {0, wire::max_int});
  options.value("--model", "NAME", "the model, where several are loaded", plan.model);
  invocation.parse(options);
  if (!plan.workload_file.empty() && !plan.prompts_file.empty())
    throw UsageError("--workload and --prompts exclude each other");
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
