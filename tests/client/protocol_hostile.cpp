// Bytes that nobody should send: refused at once, without memory for what they claim.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <random>

#include <sys/resource.h>

#include "client/protocol.hpp"

namespace {

using namespace nanoflow::wire;

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(std::byte(value));
  return bytes;
}

std::string refusal(const Bytes& bytes) {
  const auto decoded = decode_request(bytes);
  BOOST_REQUIRE(decoded.index() == 1);
  const Event& event = std::get<Event>(decoded);
  BOOST_TEST(!event.id.has_value());
  BOOST_TEST(to_string(std::get<Error>(event.body).code) == "bad_message");
  return std::get<Error>(event.body).message;
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

BOOST_AUTO_TEST_SUITE(protocol_hostile)

BOOST_AUTO_TEST_CASE(lengths_that_the_message_cannot_hold_cost_nothing) {
  const long before = peak_kib();
  const auto start = std::chrono::steady_clock::now();
  BOOST_TEST(refusal(bytes_of({0xdd, 255, 255, 255, 255})) ==
             "a length of 4294967295 in a message of 5 bytes");
  BOOST_TEST(refusal(bytes_of({0xdf, 255, 255, 255, 255})) ==
             "a length of 4294967295 in a message of 5 bytes");
  BOOST_TEST(refusal(bytes_of({0xdb, 255, 255, 255, 255})) == "the message is not whole msgpack");
  BOOST_TEST(refusal(bytes_of({0xc6, 255, 255, 255, 255})) == "the message is not whole msgpack");
  // Inside a map that is otherwise well: {"id": [4 G entries]}
  BOOST_TEST(refusal(bytes_of({0x81, 0xa2, 'i', 'd', 0xdd, 255, 255, 255, 255})) ==
             "a length of 4294967295 in a message of 9 bytes");
  BOOST_TEST((std::chrono::steady_clock::now() - start < std::chrono::milliseconds(100)));
  BOOST_TEST(peak_kib() - before < 4096);
}

BOOST_AUTO_TEST_CASE(a_million_nested_arrays_are_refused_without_recursion) {
  BOOST_TEST(refusal(Bytes(1000000, std::byte(0x91))) == "nested deeper than 8");
  BOOST_TEST(refusal(Bytes(1000000, std::byte(0x81))) == "nested deeper than 8");
}

BOOST_AUTO_TEST_CASE(what_is_no_map_or_not_whole_or_too_much_is_refused) {
  BOOST_TEST(refusal({}) == "the message is empty");
  BOOST_TEST(refusal(bytes_of({0xc0})) == "the message is not a map");
  BOOST_TEST(refusal(bytes_of({0xc1})) == "the message is not whole msgpack");
  BOOST_TEST(refusal(bytes_of({0x90})) == "the message is not a map");
  BOOST_TEST(refusal(bytes_of({0x81})) == "a length of 1 in a message of 1 bytes");
  BOOST_TEST(refusal(bytes_of({0x80, 0x80})) == "1 bytes follow the message's end");
  BOOST_TEST(refusal(bytes_of({0x80})) == "id is missing");
  BOOST_TEST(refusal(bytes_of({0x81, 0xa1, 'x', 0xd4, 1, 2})) ==
             "an extension type is not used here");
  BOOST_TEST(refusal(Bytes(max_message_bytes + 1, std::byte(0))) ==
             "the message has 4194305 bytes, the limit is 4194304");
}

BOOST_AUTO_TEST_CASE(four_million_values_in_a_message_are_too_many) {
  // {"id": [nil, nil, ...]} in just under 4 MiB
  Bytes bytes = bytes_of({0x81, 0xa2, 'i', 'd', 0xdd, 0, 0x3f, 0xff, 0});
  bytes.resize(bytes.size() + 0x3fff00, std::byte(0xc0));
  BOOST_TEST(refusal(bytes) == "more than 1048576 values in one message");
}

BOOST_AUTO_TEST_CASE(keys_that_are_no_text_are_named) {
  // {1: 2, "id": 7, "op": "ping"}
  const auto decoded = decode_request(
      bytes_of({0x83, 1, 2, 0xa2, 'i', 'd', 7, 0xa2, 'o', 'p', 0xa4, 'p', 'i', 'n', 'g'}));
  const Event& event = std::get<Event>(decoded);
  BOOST_TEST((event.id == RequestId{std::uint64_t(7)}));
  BOOST_TEST(std::get<Error>(event.body).message == "the key 1 is not a text");
}

/// Changes, cuts, repeats and joins good messages. Whatever comes of it is taken or refused, and
/// what is taken can be packed again.
BOOST_AUTO_TEST_CASE(mutated_messages_are_taken_or_refused_but_never_more) {
  std::ifstream file(NANOFLOW_TEST_DATA "/protocol/goldens.json");
  const Json goldens = Json::parse(file);
  std::vector<Bytes> seeds;
  for (const char* kind : {"requests", "events"})
    for (const auto& golden : goldens[kind]) {
      const std::string hex = golden["hex"];
      Bytes bytes;
      for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes.push_back(std::byte(std::stoi(hex.substr(i, 2), nullptr, 16)));
      seeds.push_back(bytes);
    }
  std::mt19937 random(20240607);
  const auto below = [&](std::size_t n) { return std::size_t(random()) % n; };
  int taken = 0, refused = 0;
  for (int round = 0; round < 200000; ++round) {
    Bytes bytes = seeds[below(seeds.size())];
    for (std::size_t edits = 1 + below(4); edits-- && !bytes.empty();) switch (below(5)) {
        case 0:
          bytes[below(bytes.size())] = std::byte(random());
          break;
        case 1:
          bytes[below(bytes.size())] ^= std::byte(1 << below(8));
          break;
        case 2:
          bytes.resize(below(bytes.size() + 1));
          break;
        case 3:
          bytes.insert(bytes.begin() + long(below(bytes.size() + 1)), std::byte(random()));
          break;
        default: {
          const Bytes& other = seeds[below(seeds.size())];
          const std::size_t from = below(other.size());
          bytes.insert(bytes.begin() + long(below(bytes.size() + 1)), other.begin() + long(from),
                       other.end());
        }
      }
    const auto decoded = decode_request(bytes);
    if (const auto* request = std::get_if<Request>(&decoded)) {
      ++taken;
      const auto again = decode_request(encode(*request));
      BOOST_REQUIRE(again.index() == 0);
      BOOST_REQUIRE(encode(std::get<Request>(again)) == encode(*request));
    } else {
      ++refused;
      BOOST_REQUIRE_NO_THROW(to_json(std::get<Event>(decoded)).dump());  // valid UTF-8 at that
      BOOST_REQUIRE(!std::get<Error>(std::get<Event>(decoded).body).message.empty());
    }
    try {
      decode_event(bytes);
    } catch (const std::runtime_error&) {
    }
  }
  BOOST_TEST_MESSAGE(taken << " taken, " << refused << " refused");
  BOOST_TEST(taken > 1000);
  BOOST_TEST(refused > 100000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
