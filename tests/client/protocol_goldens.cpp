// Bytes made by Python's msgpack (tests/data/protocol/make_goldens.py) against ours, both ways.
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "client/protocol.hpp"

namespace {

using namespace nanoflow::wire;

Json goldens() {
  std::ifstream file(NANOFLOW_TEST_DATA "/protocol/goldens.json");
  BOOST_REQUIRE(file.good());
  return Json::parse(file);
}

Bytes from_hex(const std::string& hex) {
  Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(std::byte(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string to_hex(const Bytes& bytes) {
  std::string hex;
  for (const std::byte byte : bytes) {
    hex += "0123456789abcdef"[int(byte) >> 4];
    hex += "0123456789abcdef"[int(byte) & 15];
  }
  return hex;
}

Request decode(const std::string& name) {
  auto decoded = decode_request(from_hex(goldens()["requests"][name]["hex"]));
  if (const auto* event = std::get_if<Event>(&decoded)) BOOST_FAIL(name << ": " << to_json(*event));
  return std::get<Request>(std::move(decoded));
}

BOOST_AUTO_TEST_SUITE(protocol_goldens)

BOOST_AUTO_TEST_CASE(every_request_that_python_packs_is_read_and_packed_to_the_same_bytes) {
  const Json requests = goldens()["requests"];
  BOOST_TEST(requests.size() == 16u);
  for (const auto& [name, golden] : requests.items())
    BOOST_TEST(to_hex(encode(decode(name))) == golden["hex"].get<std::string>(), name);
}

BOOST_AUTO_TEST_CASE(every_event_that_python_packs_is_read_and_packed_to_the_same_bytes) {
  const Json events = goldens()["events"];
  BOOST_TEST(events.size() == 12u);
  for (const auto& [name, golden] : events.items()) {
    const Event event = decode_event(from_hex(golden["hex"]));
    BOOST_TEST(to_hex(encode(event)) == golden["hex"].get<std::string>(), name);
    BOOST_TEST(to_json(event).dump() == golden["message"].dump(), name);
  }
}

BOOST_AUTO_TEST_CASE(a_generate_request_arrives_with_every_field) {
  const Request request = decode("generate");
  BOOST_TEST(std::get<std::string>(request.id) == "a");
  const auto& generate = std::get<Generate>(request.operation);
  BOOST_TEST(std::get<std::string>(generate.input) == "Once upon a time");
  BOOST_TEST(generate.model == "m");
  BOOST_TEST(!generate.stream);
  BOOST_TEST(generate.priority == -7);
  BOOST_TEST(*generate.timeout_ms == 30000);
  BOOST_TEST(*generate.max_tpot_ms == 50);
  BOOST_TEST(generate.cache_salt == "salz");
  const Sampling& sampling = generate.sampling;
  BOOST_TEST(*sampling.max_tokens == 64);
  BOOST_TEST(*sampling.min_tokens == 2);
  BOOST_TEST(*sampling.temperature == 0.5);
  BOOST_TEST(*sampling.top_k == 40);
  BOOST_TEST(*sampling.top_p == 0.9);
  BOOST_TEST(*sampling.min_p == 0.05);
  BOOST_TEST(*sampling.presence_penalty == 1.5);
  BOOST_TEST(*sampling.frequency_penalty == -1.5);
  BOOST_TEST(*sampling.repetition_penalty == 1.1);
  BOOST_TEST(*sampling.seed == 18446744073709551615ull);
  BOOST_TEST(sampling.stop == (std::vector<std::string>{"\n\n", "Ende"}),
             boost::test_tools::per_element());
  BOOST_TEST(sampling.stop_token_ids == (std::vector<Token>{2, 70000}),
             boost::test_tools::per_element());
  BOOST_TEST(*sampling.include_stop_str_in_output);
  BOOST_TEST(*sampling.ignore_eos);
  BOOST_TEST(!*sampling.skip_special_tokens);
  BOOST_TEST(
      (sampling.logit_bias == std::vector<std::pair<Token, double>>{{5, -100.0}, {49151, 2.5}}));
  BOOST_TEST(*sampling.logprobs == 3);
  BOOST_TEST(*sampling.n == 2);
}

BOOST_AUTO_TEST_CASE(what_a_generate_request_leaves_out_stays_empty) {
  const auto generate = std::get<Generate>(decode("generate_messages").operation);
  const auto& messages = std::get<std::vector<Message>>(generate.input);
  BOOST_REQUIRE(messages.size() == 2u);
  BOOST_TEST(messages[1].role == "user");
  BOOST_TEST(messages[1].content == "Grüße 👋");
  BOOST_TEST(generate.stream);
  BOOST_TEST(!generate.sampling.max_tokens.has_value());
  BOOST_TEST(!generate.sampling.temperature.has_value());
  BOOST_TEST(!generate.sampling.skip_special_tokens.has_value());
  BOOST_TEST(!generate.timeout_ms.has_value());
}

BOOST_AUTO_TEST_CASE(logprobs_travel_as_floats_and_print_as_the_shortest_decimal) {
  const Json golden = goldens()["logprobs"];
  const Event event = decode_event(from_hex(golden["hex"]));
  const auto& logprobs = std::get<Tokens>(event.body).logprobs;
  BOOST_REQUIRE(logprobs.size() == 1u);
  BOOST_TEST(double(logprobs[0].logprob) == golden["values"][0].get<double>());
  BOOST_TEST(double(logprobs[0].top[1].second) == golden["values"][2].get<double>());
  BOOST_TEST(to_hex(encode(event)) == golden["hex"].get<std::string>());
  BOOST_TEST(to_json(event)["logprobs"].dump() ==
             R"([{"token":5,"logprob":-0.1,"top":[[6,-3.3],[7,-12.5]]}])");
}

BOOST_AUTO_TEST_CASE(an_event_may_say_more_than_this_version_knows) {
  // {"event": "accepted", "id": 1, "prompt_tokens": 5, "new": [1]}
  const Event event = decode_event(from_hex(
      "84a56576656e74a86163636570746564a2696401ad70726f6d70745f746f6b656e7305a36e65779101"));
  BOOST_TEST(std::get<Accepted>(event.body).prompt_tokens == 5);
}

BOOST_AUTO_TEST_CASE(what_is_no_event_throws) {
  for (const char* hex :
       {"", "80", "c0", "81a56576656e74a26f6b", "82a56576656e74a27878a2696401", "dd"})
    BOOST_CHECK_THROW(decode_event(from_hex(hex)), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
