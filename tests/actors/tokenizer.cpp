// The tokenizer actor between a gateway and a scheduler that a test plays.
#include "actors/tokenizer.hpp"

#include <boost/test/unit_test.hpp>

#include "letter_model.hpp"
#include "world.hpp"

namespace nanoflow {
namespace {

struct Asked {
  std::vector<BatchRequestPtr> admitted;
  std::vector<std::pair<int, int>> stops;  // choice, tokens to keep
  SchedulerListenerActor listener;
  Refusal refusal = Refusal::none;
};

SchedulerActor spawn_scripted(caf::actor_system& system, const std::shared_ptr<Asked>& asked) {
  return system.spawn([=](SchedulerActor::pointer) -> SchedulerActor::behavior_type {
    return {[=](const BatchRequestPtr& request, const SchedulerListenerActor& listener) {
              asked->listener = listener;
              asked->admitted.push_back(request);
              Admission admission;
              admission.refusal = asked->refusal;
              return std::make_shared<const Admission>(admission);
            },
            [](cancel_atom, RequestId, FinishReason) {},
            [=](stop_atom, RequestId, int choice, int n_keep) {
              asked->stops.emplace_back(choice, n_keep);
            },
            [](snapshot_atom) { return std::make_shared<const BatchSnapshot>(); },
            [](ping_atom) { return pong_atom::value; }};
  });
}

struct Bench {
  Bench() : world(1) {
    auto model = std::make_shared<LoadedModel>(test::letter_model());
    scheduler = spawn_scripted(world.system, asked);
    model->scheduler = scheduler;
    tokenizer = spawn_tokenizer(world.system, model);
    sink = world.system.spawn([this](EventSinkActor::pointer) -> EventSinkActor::behavior_type {
      return {[this](const RequestEventsPtr& news) {
        messages.push_back(news->size());
        events.insert(events.end(), news->begin(), news->end());
      }};
    });
  }
  ~Bench() {
    asked->listener = SchedulerListenerActor();
    world.end(tokenizer);
    world.end(scheduler);
    world.end(sink);
  }
  void generate(RequestId number, const std::string& prompt, std::vector<std::string> stop = {}) {
    auto job = std::make_shared<GenerateJob>();
    job->request = job->batch.id = number;
    job->batch.sampling = std::make_shared<const SamplingParams>();
    job->input = prompt;
    job->stop = std::move(stop);
    caf::anon_send(tokenizer, GenerateJobPtr(std::move(job)), sink);
    world.run();
  }
  void step(std::vector<TokenEvent> tokens, std::vector<Finished> finished = {}) {
    SchedulerEvents news;
    news.step = {std::move(tokens), std::move(finished)};
    caf::anon_send(tokenizer, std::make_shared<const SchedulerEvents>(std::move(news)));
    world.run();
  }
  wire::ErrorCode last_error() { return std::get<wire::Error>(events.back().body).code; }

  test::World world;
  std::shared_ptr<Asked> asked = std::make_shared<Asked>();
  SchedulerActor scheduler;
  TokenizerActor tokenizer;
  EventSinkActor sink;
  RequestEvents events;
  std::vector<std::size_t> messages;  // events in each
};

TokenEvent token(RequestId request, int index, char letter) {
  return {request, 0, index, TokenId((unsigned char)letter), {}, {}};
}

Finished finished(RequestId request, int tokens) {
  Finished end;
  end.request = request;
  end.choices = {{FinishReason::stop, tokens}};
  return end;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(the_tokenizer)

BOOST_AUTO_TEST_CASE(encodes_a_prompt_and_passes_it_on) {
  Bench bench;
  bench.generate(1, "ab");
  BOOST_REQUIRE_EQUAL(bench.asked->admitted.size(), 1u);
  BOOST_TEST(*bench.asked->admitted[0]->prompt == (std::vector<TokenId>{'a', 'b'}),
             boost::test_tools::per_element());
  BOOST_TEST(std::get<wire::Accepted>(bench.events.at(0).body).prompt_tokens == 2);
}

BOOST_AUTO_TEST_CASE(says_a_step_in_one_message) {
  Bench bench;
  bench.generate(1, "a");
  bench.generate(2, "b");
  bench.messages.clear();
  bench.step({token(1, 0, 'x'), token(2, 0, 'y')}, {finished(1, 1)});
  BOOST_TEST(bench.messages == std::vector<std::size_t>{3}, boost::test_tools::per_element());
  BOOST_TEST(std::get<wire::Done>(bench.events.back().body).usage.completion_tokens == 1);
}

BOOST_AUTO_TEST_CASE(puts_tokens_of_one_message_into_one_event) {
  Bench bench;
  bench.generate(1, "a");
  bench.events.clear();
  bench.step({token(1, 0, 'x'), token(1, 1, 'y'), token(1, 2, 'z')}, {finished(1, 3)});
  BOOST_REQUIRE_EQUAL(bench.events.size(), 2u);
  const auto& tokens = std::get<wire::Tokens>(bench.events[0].body);
  BOOST_TEST(tokens.text == "xyz");
  BOOST_TEST(tokens.index == 0);
  BOOST_TEST(std::get<wire::Done>(bench.events[1].body).usage.completion_tokens == 3);
}

BOOST_AUTO_TEST_CASE(tells_the_scheduler_of_a_stop_string_once) {
  Bench bench;
  bench.generate(1, "a", {"xy"});
  bench.step({token(1, 0, 'x')});
  bench.step({token(1, 1, 'y')});
  bench.step({token(1, 2, 'z')});
  BOOST_REQUIRE_EQUAL(bench.asked->stops.size(), 1u);
  BOOST_TEST(bench.asked->stops[0].second == 2);
}

BOOST_AUTO_TEST_CASE(refuses_a_prompt_that_fills_the_context_with_both_numbers) {
  Bench bench;
  bench.generate(1, std::string(64, 'a'));
  BOOST_TEST(bool(bench.last_error() == wire::ErrorCode::prompt_too_long));
  const std::string& message = std::get<wire::Error>(bench.events.back().body).message;
  BOOST_TEST(message.find("64 tokens; model 'letters' has a context of 64") != std::string::npos);
  BOOST_TEST(bench.asked->admitted.empty());
  bench.generate(2, std::string(63, 'a'));
  BOOST_TEST(bench.asked->admitted.size() == 1u);
}

BOOST_AUTO_TEST_CASE(refuses_an_empty_prompt) {
  Bench bench;
  bench.generate(1, "");
  BOOST_TEST(bool(bench.last_error() == wire::ErrorCode::bad_field));
}

BOOST_AUTO_TEST_CASE(passes_the_schedulers_refusal_on) {
  Bench bench;
  bench.asked->refusal = Refusal::overloaded;
  bench.generate(1, "a");
  BOOST_TEST(bool(bench.last_error() == wire::ErrorCode::overloaded));
}

BOOST_AUTO_TEST_CASE(ends_its_requests_when_the_scheduler_dies) {
  Bench bench;
  bench.generate(1, "a");
  bench.world.end(bench.scheduler, caf::exit_reason::kill);
  BOOST_TEST(bool(bench.last_error() == wire::ErrorCode::internal));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
