// The nanoflow command against a fake daemon.
#pragma once
#include <boost/test/unit_test.hpp>
#include <iostream>
#include <mutex>
#include <sstream>

#include "client/cli/command.hpp"
#include "tests/client/fake_daemon.hpp"

namespace nanoflow::test {

/// Answers like a small daemon, and remembers what was asked.
struct CliFixture {
  std::mutex mutex;
  std::vector<wire::Operation> asked;
  wire::Json loaded = wire::Json::parse(R"([{"name":"tiny","path":"/m/tiny.gguf","context":64}])");
  wire::Json available = wire::Json::parse(R"([{"name":"tiny"},{"name":"other"}])");
  wire::EventBody failure;  // sent instead of an answer to generate when it is an Error
  wire::EventBody refusal;  // and this one to everything but hello
  bool endless = false;
  std::optional<wire::Done> ending;  // instead of the end of generate's short answer
  /// Answers to plan, one after the other; the last one stays.
  std::vector<wire::Json> plans = {wire::Json::object()};
  FakeDaemon daemon{[this](const wire::Request& request) { return answer(request); }};

  std::vector<wire::EventBody> answer(const wire::Request& request) {
    const std::lock_guard lock(mutex);
    asked.push_back(request.operation);
    const bool refused = std::holds_alternative<wire::Error>(refusal);
    if (refused && !std::holds_alternative<wire::Hello>(request.operation)) return {refusal};
    if (std::holds_alternative<wire::Generate>(request.operation)) return generate();
    if (const auto* models = std::get_if<wire::Models>(&request.operation))
      return {wire::Ok{{{"models", models->available ? available : loaded}}}};
    if (const auto* load = std::get_if<wire::Load>(&request.operation)) {
      wire::Progress progress;
      progress.state = "loading";
      progress.done_bytes = 5;
      progress.total_bytes = 10;
      return {progress, wire::Ok{{{"models", {{{"name", load->name}}}}}}};
    }
    if (std::holds_alternative<wire::Status>(request.operation))
      return {wire::Ok{
          wire::Json::parse(R"({"running":1,"uptime_seconds":90,"pages":{"free":3,"total":8},
          "requests":[{"number":4,"user":"ann","state":"decode"}]})")}};
    if (std::holds_alternative<wire::Plan>(request.operation)) {
      const wire::Json plan = plans.front();
      if (plans.size() > 1) plans.erase(plans.begin());
      return {wire::Ok{plan}};
    }
    if (std::holds_alternative<wire::Tokenize>(request.operation))
      return {wire::Ok{{{"tokens", {5, 6}}}}};
    if (std::holds_alternative<wire::Detokenize>(request.operation))
      return {wire::Ok{{{"text", "hi"}}}};
    return {wire::Ok{}};
  }
  std::vector<wire::EventBody> generate() const {
    if (std::holds_alternative<wire::Error>(failure)) return {failure};
    std::vector<wire::EventBody> events = test::short_answer();
    if (ending) events.back() = *ending;
    if (endless) events.pop_back();
    return events;
  }

  std::string out;
  std::string err;
  /// Changes what is answered from now on: the daemon's thread reads it.
  template <class T>
  void set(T& what, T value) {
    const std::lock_guard lock(mutex);
    what = std::move(value);
  }
  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--endpoint", daemon.endpoint});
    std::ostringstream captured, errors;
    std::streambuf* before = std::cout.rdbuf(captured.rdbuf());
    std::streambuf* errors_before = std::cerr.rdbuf(errors.rdbuf());
    const int code = cli::run_cli(arguments);
    std::cout.rdbuf(before);
    std::cerr.rdbuf(errors_before);
    out = captured.str();
    err = errors.str();
    return code;
  }
  template <class T>
  T last() {
    const std::lock_guard lock(mutex);
    for (auto it = asked.rbegin(); it != asked.rend(); ++it)
      if (const auto* found = std::get_if<T>(&*it)) return *found;
    BOOST_FAIL("it was not asked");
    return {};
  }
  std::vector<wire::Message> last_messages() {
    return std::get<std::vector<wire::Message>>(last<wire::Generate>().input);
  }
  /// Of an answer cut after so many tokens.
  static std::optional<wire::Done> cut_after(int tokens) {
    wire::Done done;
    done.finish_reason = "length";
    done.usage = {4, 0, tokens};
    return done;
  }
  wire::Error error(wire::ErrorCode code, const std::string& message) {
    return {code, message, {}, {}};
  }
};

}  // namespace nanoflow::test
