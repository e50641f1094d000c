// JSON that came with a model: bounds, and what the library would let pass.
#include "engine/model/json_file.hpp"

#include "model_files.hpp"

using namespace model_files;
using nanoflow::parse_json;
using nanoflow::read_json;

BOOST_FIXTURE_TEST_SUITE(json_file, Folder)

BOOST_AUTO_TEST_CASE(sound_json_is_read) {
  const nlohmann::json read =
      read_json(write("c.json", R"({"a": [1, {"b": null}], "c": "\u00e9\ud83d\ude00"})"));
  BOOST_TEST((read == nlohmann::json{{"a", {1, {{"b", nullptr}}}}, {"c", "é😀"}}));
  const std::string deep = std::string(60, '[') + std::string(60, ']');
  BOOST_CHECK_NO_THROW(parse_json(deep, "deep"));
}

BOOST_AUTO_TEST_CASE(hostile_json_is_refused) {
  const auto refused = [&](const std::string& json, const std::string& reason) {
    const std::string message = refusal([&] { read_json(write("c.json", json)); });
    BOOST_TEST(contains(message, reason), message);
    BOOST_TEST(contains(message, "c.json"), message);
  };
  refused("", "parse error");
  refused("{} {}", "parse error");
  refused("[1, 2", "parse error");
  refused(R"({"a": NaN})", "parse error");
  refused("\"\xff\"", "invalid");
  refused("\"\xed\xa0\x80\"", "invalid");  // half a surrogate pair
  refused(R"("\ud800")", "surrogate");
  refused(R"({"a": 1, "b": {"c": 1, "c": 1}})", "an object has a key twice");
  refused(std::string(3000000, '['), "expected at most 64 levels");
  std::string nested;
  for (int i = 0; i < 1000000; ++i) nested += "{\"a\":";
  refused(nested, "expected at most 64 levels");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_too_large_is_not_read) {
  BOOST_TEST(contains(refusal([&] { read_json(write("c.json", "[1, 2, 3]"), 8); }),
                      "9 bytes, at most 8 are read"));
  BOOST_CHECK_NO_THROW(read_json(write("c.json", "[1, 2, 3]"), 9));
}

BOOST_AUTO_TEST_SUITE_END()
