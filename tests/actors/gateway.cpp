// The gateway between a client that a test plays and a tokenizer that does what a test says.
#include "actors/gateway.hpp"

#include <boost/test/unit_test.hpp>
#include <deque>

#include "letter_model.hpp"
#include "world.hpp"

namespace nanoflow {
namespace {

/// What the gateway told a tokenizer, and who wants to hear of it.
struct Told {
  std::vector<GenerateJobPtr> jobs;
  std::vector<RequestId> cancels;
  EventSinkActor sink;
};

TokenizerActor spawn_scripted(caf::actor_system& system, const std::shared_ptr<Told>& told) {
  return system.spawn([=](TokenizerActor::pointer) -> TokenizerActor::behavior_type {
    return {[=](const GenerateJobPtr& job, const EventSinkActor& sink) {
              told->jobs.push_back(job);
              told->sink = sink;
            },
            [=](cancel_atom, RequestId request, FinishReason) { told->cancels.push_back(request); },
            [](const SchedulerEventsPtr&) {},
            [](const TokenizeJobPtr&) {
              TextAnswer answer;
              answer.fields = {{"text", "said"}};
              return std::make_shared<const TextAnswer>(answer);
            }};
  });
}

SchedulerActor spawn_idle_scheduler(caf::actor_system& system) {
  return system.spawn([](SchedulerActor::pointer) -> SchedulerActor::behavior_type {
    return {[](const BatchRequestPtr&, const SchedulerListenerActor&) {
              return std::make_shared<const Admission>();
            },
            [](cancel_atom, RequestId, FinishReason) {}, [](stop_atom, RequestId, int, int) {},
            [](snapshot_atom) { return std::make_shared<const BatchSnapshot>(); },
            [](ping_atom) { return pong_atom::value; }};
  });
}

CatalogActor spawn_catalog_with(caf::actor_system& system, const ModelTablePtr& models) {
  return system.spawn([=](CatalogActor::pointer self) -> CatalogActor::behavior_type {
    return {[](const LoadJobPtr&, const LoadProgressActor&) {
              LoadOutcome outcome;
              outcome.error = {wire::ErrorCode::load_failed, "no", {}, {}};
              return std::make_shared<const LoadOutcome>(outcome);
            },
            [](unload_atom, const std::string&) { return std::string("no"); },
            [](list_atom) { return std::make_shared<const std::vector<AvailableModel>>(); },
            [self, models](subscribe_atom, const ModelListenerActor& listener) {
              self->send(listener, models);
            }};
  });
}

MonitorActor spawn_recording_monitor(caf::actor_system& system,
                                     const std::shared_ptr<std::vector<RequestRecord>>& records) {
  return system.spawn([=](MonitorActor::pointer) -> MonitorActor::behavior_type {
    return {[=](const RequestRecordPtr& record) { records->push_back(*record); },
            [](const StreamTimelinesPtr&) {},
            [](const ModelTablePtr&) {},
            [](status_atom) {
              StatusReport report;
              report.fields = {{"waiting", 0}, {"requests", wire::Json::array()}};
              return std::make_shared<const StatusReport>(report);
            },
            [](metrics_atom) { return std::string(); },
            [](trace_atom, double) { return std::make_shared<const wire::Json>(); }};
  });
}

wire::Generate generate_of(const std::string& model) {
  wire::Generate request;
  request.input = std::string("a");
  request.model = model;
  return request;
}

wire::Load load_of(const std::string& path) {
  wire::Load load;
  load.path = path;
  return load;
}

struct Desk {
  explicit Desk(AdmissionLimits limits = {.max_sequences = 1, .max_waiting = 2}) : world(1) {
    auto model = std::make_shared<LoadedModel>(test::letter_model());
    tokenizer = spawn_scripted(world.system, told);
    scheduler = spawn_idle_scheduler(world.system);
    model->tokenizers = {tokenizer};
    model->scheduler = scheduler;
    catalog =
        spawn_catalog_with(world.system, std::make_shared<const ModelTable>(ModelTable{model}));
    monitor = spawn_recording_monitor(world.system, records);
    gateway = spawn_gateway(world.system,
                            {"test", "admins", limits,
                             [this](ClientId client, wire::Bytes bytes) {
                               events[client].push_back(wire::decode_event(bytes));
                             }},
                            catalog, monitor);
    world.run();
  }
  ~Desk() {
    told->sink = EventSinkActor();
    world.end(gateway);
    world.end(catalog);
    world.end(monitor);
    world.end(tokenizer);
    world.end(scheduler);
  }

  void send(ClientId client, std::uint64_t id, wire::Operation operation, bool admin = false) {
    auto message = std::make_shared<ClientMessage>();
    message->from.client = client;
    message->from.uid = 1000;
    message->from.user = "ada";
    message->from.admin = admin;
    message->bytes =
        std::make_shared<const wire::Bytes>(wire::encode(wire::Request{id, std::move(operation)}));
    caf::anon_send(gateway, ClientMessagePtr(std::move(message)));
    world.run();
  }
  RequestId generate(ClientId client, std::uint64_t id) {
    send(client, id, generate_of("letters"));
    return told->jobs.empty() ? 0 : told->jobs.back()->request;
  }
  /// An event from the tokenizer.
  void say(RequestId request, wire::EventBody body) {
    caf::anon_send(gateway, std::make_shared<const RequestEvents>(
                                RequestEvents{RequestEvent{request, std::move(body)}}));
    world.run();
  }
  void finish(RequestId request, const char* reason = "stop") {
    wire::Done done;
    done.finish_reason = reason;
    done.choices.resize(1);
    done.choices[0].finish_reason = reason;
    say(request, done);
  }
  /// The last event that the client got, which must be of this type.
  template <class Body>
  Body last(ClientId client) {
    BOOST_REQUIRE(!events[client].empty());
    BOOST_REQUIRE(std::holds_alternative<Body>(events[client].back().body));
    return std::get<Body>(events[client].back().body);
  }
  wire::ErrorCode last_error(ClientId client) { return last<wire::Error>(client).code; }

  test::World world;
  std::shared_ptr<Told> told = std::make_shared<Told>();
  std::shared_ptr<std::vector<RequestRecord>> records =
      std::make_shared<std::vector<RequestRecord>>();
  std::map<ClientId, std::deque<wire::Event>> events;
  TokenizerActor tokenizer;
  SchedulerActor scheduler;
  CatalogActor catalog;
  MonitorActor monitor;
  GatewayActor gateway;
};

using Code = wire::ErrorCode;

}  // namespace

BOOST_AUTO_TEST_SUITE(the_gateway)

BOOST_AUTO_TEST_CASE(passes_a_requests_events_on_and_records_its_end) {
  Desk desk;
  const RequestId request = desk.generate(1, 7);
  desk.say(request, wire::Accepted{1});
  desk.say(request, wire::Tokens{0, {98}, "b", 0, {}});
  BOOST_TEST(desk.last<wire::Tokens>(1).text == "b");
  desk.finish(request);
  BOOST_TEST(desk.last<wire::Done>(1).finish_reason == "stop");
  BOOST_REQUIRE_EQUAL(desk.records->size(), 1u);
  BOOST_TEST(desk.records->at(0).user == "ada");
  BOOST_TEST(desk.records->at(0).finish == "stop");
  desk.finish(request);  // nothing ends twice
  BOOST_TEST(desk.events[1].size() == 3u);
}

BOOST_AUTO_TEST_CASE(refuses_before_anything_is_tokenised_when_it_is_full) {
  Desk desk;
  for (std::uint64_t id = 0; id < 3; ++id) desk.generate(1, id);
  desk.generate(1, 3);
  BOOST_TEST(bool(desk.last_error(1) == Code::overloaded));
  BOOST_TEST(desk.told->jobs.size() == 3u);
  desk.finish(desk.told->jobs[0]->request);
  desk.generate(1, 4);
  BOOST_TEST(desk.told->jobs.size() == 4u);
}

BOOST_AUTO_TEST_CASE(names_a_clash_of_ids_and_lets_the_live_request_go_on) {
  Desk desk;
  const RequestId request = desk.generate(1, 7);
  desk.generate(1, 7);
  BOOST_TEST(bool(desk.last_error(1) == Code::duplicate_id));
  BOOST_TEST(!desk.events[1].back().id.has_value());
  BOOST_TEST((desk.last<wire::Error>(1).target == wire::RequestId(std::uint64_t(7))));
  desk.finish(request);
  BOOST_TEST(desk.last<wire::Done>(1).finish_reason == "stop");
  desk.generate(2, 7);  // another client's ids are its own
  BOOST_TEST(desk.told->jobs.size() == 2u);
}

BOOST_AUTO_TEST_CASE(ends_a_cancelled_request_as_cancelled_whatever_crosses_the_cancel) {
  Desk desk;
  const RequestId request = desk.generate(1, 7);
  desk.send(1, 8, wire::Cancel{std::uint64_t(7)});
  desk.last<wire::Ok>(1);
  BOOST_TEST(desk.told->cancels == std::vector<RequestId>{request},
             boost::test_tools::per_element());
  desk.finish(request, "length");
  BOOST_TEST(desk.last<wire::Done>(1).finish_reason == "cancelled");
  desk.send(1, 9, wire::Cancel{std::uint64_t(7)});
  BOOST_TEST(bool(desk.last_error(1) == Code::not_found));
}

BOOST_AUTO_TEST_CASE(cancels_what_a_gone_client_had_and_tells_nobody) {
  Desk desk;
  const RequestId request = desk.generate(1, 7);
  caf::anon_send(desk.gateway, ClientGone{1});
  desk.world.run();
  BOOST_TEST(desk.told->cancels.size() == 1u);
  desk.finish(request, "cancelled");
  BOOST_TEST(desk.events[1].empty());
  BOOST_TEST(desk.records->size() == 1u);
}

BOOST_AUTO_TEST_CASE(ends_what_a_client_had_that_does_not_read) {
  Desk desk;
  const RequestId request = desk.generate(1, 7);
  caf::anon_send(desk.gateway, ClientStalled{1});
  desk.world.run();
  BOOST_TEST(bool(desk.last_error(1) == Code::too_slow));
  BOOST_TEST(desk.told->cancels.size() == 1u);
  desk.finish(request, "cancelled");
  BOOST_TEST(desk.events[1].size() == 1u);
}

BOOST_AUTO_TEST_CASE(ends_requests_as_internal_when_their_tokenizer_dies) {
  Desk desk;
  desk.generate(1, 7);
  desk.world.end(desk.tokenizer, caf::exit_reason::kill);
  BOOST_TEST(bool(desk.last_error(1) == Code::internal));
}

BOOST_AUTO_TEST_CASE(answers_bad_bytes_and_unknown_models) {
  Desk desk;
  auto message = std::make_shared<ClientMessage>();
  message->from.client = 1;
  message->bytes = std::make_shared<const wire::Bytes>(3);
  caf::anon_send(desk.gateway, ClientMessagePtr(message));
  desk.world.run();
  BOOST_TEST(bool(desk.last_error(1) == Code::bad_message));
  desk.send(1, 1, generate_of("other"));
  BOOST_TEST(bool(desk.last_error(1) == Code::not_found));
  BOOST_TEST(desk.last<wire::Error>(1).message.find("letters") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(says_that_an_answer_is_too_large_for_a_message) {
  Desk desk;
  wire::Done done;
  done.choices.resize(1);
  done.whole = true;
  done.choices[0].text.assign(wire::max_message_bytes, 'a');
  desk.say(desk.generate(1, 1), done);
  BOOST_TEST(bool(desk.last_error(1) == Code::bad_field));
  BOOST_TEST(desk.last<wire::Error>(1).message.find("4194304") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(lets_only_administrators_load_and_names_their_group) {
  Desk desk;
  desk.send(1, 1, load_of("/x.gguf"));
  BOOST_TEST(bool(desk.last_error(1) == Code::bad_field));
  BOOST_TEST(desk.last<wire::Error>(1).message.find("admins") != std::string::npos);
  desk.send(1, 2, load_of("/x.gguf"), true);
  BOOST_TEST(bool(desk.last_error(1) == Code::load_failed));
}

BOOST_AUTO_TEST_CASE(tells_who_owns_what_runs) {
  Desk desk;
  const RequestId request = desk.generate(1, 7);
  desk.send(2, 1, wire::Status{});
  const wire::Json row = desk.last<wire::Ok>(2).fields.at("requests").at(0);
  BOOST_TEST(row.at("number") == request);
  BOOST_TEST(row.at("user") == "ada");
  desk.send(2, 2, wire::Cancel{request});  // the same user's other client
  desk.last<wire::Ok>(2);
}

BOOST_AUTO_TEST_CASE(drains_and_ends_what_is_late) {
  Desk desk;
  const RequestId first = desk.generate(1, 7);
  desk.generate(1, 8);
  auto drained = std::make_shared<bool>(false);
  const GatewayActor gateway = desk.gateway;
  desk.world.system.spawn([=](caf::event_based_actor* self) {
    self->request(gateway, caf::infinite, drain_atom::value, std::int64_t(1000))
        .then([=](pong_atom) { *drained = true; });
  });
  desk.world.run();
  desk.generate(1, 9);
  BOOST_TEST(bool(desk.last_error(1) == Code::shutdown));
  desk.finish(first);
  BOOST_TEST(desk.last<wire::Done>(1).finish_reason == "stop");
  BOOST_TEST(!*drained);
  desk.world.advance(std::chrono::milliseconds(1001));
  desk.world.run();
  BOOST_TEST(bool(desk.last_error(1) == Code::shutdown));
  BOOST_TEST(*drained);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
