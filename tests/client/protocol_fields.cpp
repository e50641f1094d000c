// A wrong request is answered with the field's name, its value and what it must be.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "tests/client/packed_request.hpp"

namespace {

using namespace nanoflow::wire;

using namespace nanoflow::test;

Event event_of(const Fields& fields) {
  auto decoded = decode(fields);
  BOOST_REQUIRE_MESSAGE(decoded.index() == 1, "the request was taken");
  return std::get<Event>(decoded);
}

/// The error's message; checks that it answers this id with bad_field.
std::string message_of(Fields fields) {
  fields.insert(fields.begin(), {"id", is("q")});
  const Event event = event_of(fields);
  BOOST_TEST((event.id == RequestId{"q"}));
  const auto& error = std::get<Error>(event.body);
  BOOST_TEST(to_string(error.code) == "bad_field");
  return error.message;
}

std::string generate_with(const std::string& field, const Put& value) {
  return message_of({{"op", is("generate")}, {"prompt", is("x")}, {field, value}});
}

BOOST_AUTO_TEST_SUITE(protocol_fields)

BOOST_AUTO_TEST_CASE(every_number_out_of_range_is_named_with_value_and_limit) {
  const double huge = 1e300;
  const struct {
    const char* field;
    Put value;
    const char* message;
  } cases[] = {
      {"max_tokens", is(0), "max_tokens must be at least 1, got 0"},
      {"max_tokens", is(2147483648ll), "max_tokens must be at least 1, got 2147483648"},
      {"min_tokens", is(-1), "min_tokens must be at least 0, got -1"},
      {"temperature", is(-0.5), "temperature must be from 0 to 100, got -0.5"},
      {"temperature", is(100.5), "temperature must be from 0 to 100, got 100.5"},
      {"temperature", is(huge), "temperature must be from 0 to 100, got 1e+300"},
      {"top_k", is(-1), "top_k must be at least 0, got -1"},
      {"top_p", is(0), "top_p must be above 0 and at most 1, got 0"},
      {"top_p", is(1.5), "top_p must be above 0 and at most 1, got 1.5"},
      {"min_p", is(1.25), "min_p must be from 0 to 1, got 1.25"},
      {"presence_penalty", is(2.5), "presence_penalty must be from -2 to 2, got 2.5"},
      {"frequency_penalty", is(-2.5), "frequency_penalty must be from -2 to 2, got -2.5"},
      {"repetition_penalty", is(0), "repetition_penalty must be above 0 and at most 10, got 0"},
      {"repetition_penalty", is(11), "repetition_penalty must be above 0 and at most 10, got 11"},
      {"seed", is(-1), "seed must be an integer from 0 to 2^64-1, got -1"},
      {"logprobs", is(21), "logprobs must be from 0 to 20, got 21"},
      {"n", is(17), "n must be from 1 to 16, got 17"},
      {"n", is(0), "n must be from 1 to 16, got 0"},
      {"timeout_ms", is(0), "timeout_ms must be at least 1, got 0"},
      {"max_tpot_ms", is(0), "max_tpot_ms must be at least 1, got 0"},
  };
  for (const auto& c : cases) {
    std::string message = generate_with(c.field, c.value);
    BOOST_TEST(message == c.message);
  }
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_are_refused) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const char* field : {"temperature", "top_p", "min_p", "presence_penalty",
                            "frequency_penalty", "repetition_penalty"}) {
    BOOST_TEST(generate_with(field, is(std::nan(""))) ==
               std::string(field) + " must be a finite number, got nan");
    BOOST_TEST(generate_with(field, is(inf)) ==
               std::string(field) + " must be a finite number, got inf");
    BOOST_TEST(generate_with(field, is(-float(inf))) ==
               std::string(field) + " must be a finite number, got -inf");
  }
}

BOOST_AUTO_TEST_CASE(every_field_of_generate_refuses_every_wrong_type) {
  const std::vector<std::pair<std::string, std::string>> fields = {
      {"model", "text"},
      {"stream", "flag"},
      {"max_tokens", "integer"},
      {"min_tokens", "integer"},
      {"temperature", "number"},
      {"top_k", "integer"},
      {"top_p", "number"},
      {"min_p", "number"},
      {"presence_penalty", "number"},
      {"frequency_penalty", "number"},
      {"repetition_penalty", "number"},
      {"seed", "integer"},
      {"stop", "array"},
      {"stop_token_ids", "array"},
      {"include_stop_str_in_output", "flag"},
      {"ignore_eos", "flag"},
      {"skip_special_tokens", "flag"},
      {"logit_bias", "map"},
      {"logprobs", "integer"},
      {"n", "integer"},
      {"priority", "integer"},
      {"timeout_ms", "integer"},
      {"max_tpot_ms", "integer"},
      {"cache_salt", "text"},
  };
  const std::vector<std::pair<std::string, Put>> values = {
      {"nil", nil},
      {"text", is("5")},
      {"flag", is(true)},
      {"real", is(1.5)},
      {"array", is(std::vector<int>())},
      {"map", empty_map},
      {"bytes", [](Pack& pack) { pack.pack_bin(1), pack.pack_bin_body("x", 1); }},
  };
  for (const auto& [field, type] : fields)
    for (const auto& [value_type, value] : values) {
      if (value_type == type || (type == "number" && value_type == "real")) continue;
      const std::string message = generate_with(field, value);
      BOOST_TEST(message.starts_with(field + " must be "),
                 field << " took a " << value_type << ": " << message);
      BOOST_TEST(message.find(", got ") != std::string::npos, message);
    }
}

BOOST_AUTO_TEST_CASE(lists_are_bounded_in_count_and_in_each_entry) {
  BOOST_TEST(generate_with("stop", is(std::vector<std::string>(17, "x"))) ==
             "stop must have at most 16 entries, got 17");
  BOOST_TEST(generate_with("stop", is(std::vector<std::string>{"a", ""})) ==
             "stop[1] must not be empty, got the text ''");
  BOOST_TEST(generate_with("stop", is(std::vector<std::string>{std::string(1025, 'x')}))
                 .starts_with("stop[0] must have at most 1024 bytes, got the text 'xxx"));
  BOOST_TEST(generate_with("stop_token_ids", is(std::vector<int>(65, 1))) ==
             "stop_token_ids must have at most 64 entries, got an array of 65");
  BOOST_TEST(generate_with("stop_token_ids", is(std::vector<int>{1, -2})) ==
             "stop_token_ids[1] must be from 0 to 2147483646, got -2");
  BOOST_TEST(generate_with("logit_bias", is(std::map<int, double>{{5, 101.0}})) ==
             "logit_bias[5] must be from -100 to 100, got 101");
  BOOST_TEST(generate_with("logit_bias", is(std::map<std::string, double>{{"5", 1.0}})) ==
             "a token id in logit_bias must be an integer, got the text '5'");
  std::map<int, int> many;
  for (int i = 0; i < 1025; ++i) many[i] = 1;
  BOOST_TEST(generate_with("logit_bias", is(many)) ==
             "logit_bias must have at most 1024 entries, got 1025");
  BOOST_TEST(generate_with("cache_salt", is(std::string(257, 's')))
                 .starts_with("cache_salt must have at most 256 bytes"));
}

BOOST_AUTO_TEST_CASE(the_prompt_comes_in_exactly_one_form) {
  BOOST_TEST(message_of({{"op", is("generate")}}) ==
             "generate needs exactly one of prompt, messages and tokens, got 0");
  BOOST_TEST(
      message_of(
          {{"op", is("generate")}, {"prompt", is("x")}, {"tokens", is(std::vector<int>{1})}}) ==
      "generate needs exactly one of prompt, messages and tokens, got 2");
  BOOST_TEST(message_of({{"op", is("generate")}, {"tokens", is(std::vector<int>())}}) ==
             "tokens must not be empty, got an array of 0");
  BOOST_TEST(message_of({{"op", is("generate")}, {"tokens", is(std::vector<std::string>{"a"})}}) ==
             "tokens[0] must be an integer, got the text 'a'");
  BOOST_TEST(message_of({{"op", is("generate")}, {"tokens", is(std::vector<long>{2147483647})}}) ==
             "tokens[0] must be from 0 to 2147483646, got 2147483647");
  BOOST_TEST(message_of({{"op", is("generate")}, {"prompt", is(std::string("a\xff"))}}) ==
             "prompt must be UTF-8 (it is not at byte 1), got the text 'a\\xff'");
}

BOOST_AUTO_TEST_CASE(messages_are_checked_one_by_one) {
  const auto with = [](const Fields& fields) {
    return message_of({{"op", is("generate")}, {"messages", messages_with(fields)}});
  };
  BOOST_TEST(with({{"role", is("user")}}) == "messages[0].content is missing");
  BOOST_TEST(with({{"content", is("user")}}) == "messages[0].role is missing");
  BOOST_TEST(with({{"role", is("")}, {"content", is("x")}}) ==
             "messages[0].role must not be empty, got the text ''");
  BOOST_TEST(with({{"role", is("user")}, {"content", is(5)}}) ==
             "messages[0].content must be a text, got 5");
  BOOST_TEST(with({{"role", is("user")}, {"content", is("x")}, {"nam", is("y")}}) ==
             "unknown field 'messages[0].nam'");
  BOOST_TEST(with({{"role", is("user")}, {"content", is("x")}, {"role", is("y")}}) ==
             "the key 'messages[0].role' comes twice");
  BOOST_TEST(message_of({{"op", is("generate")}, {"messages", is(std::vector<int>())}}) ==
             "messages must not be empty");
  BOOST_TEST(message_of({{"op", is("generate")}, {"messages", is(std::vector<int>{1})}}) ==
             "messages[0] must be a map of role and content, got 1");
}

BOOST_AUTO_TEST_CASE(an_unknown_field_is_named_with_what_was_probably_meant) {
  BOOST_TEST(generate_with("temprature", is(1.0)) ==
             "unknown field 'temprature' (did you mean 'temperature'?)");
  BOOST_TEST(message_of({{"op", is("generate")}, {"promt", is("x")}}) ==
             "unknown field 'promt' (did you mean 'prompt'?)");
  BOOST_TEST(message_of({{"op", is("ping")}, {"zzz", nil}}) == "unknown field 'zzz'");
  BOOST_TEST(message_of({{"op", is("pong")}}) == "op 'pong' is not known (did you mean 'ping'?)");
  BOOST_TEST(message_of({{"op", is(5)}}) == "op must be a text, got 5");
  BOOST_TEST(message_of({}) == "op is missing");
  BOOST_TEST(generate_with("prompt", is("y")) == "the key 'prompt' comes twice");
}

BOOST_AUTO_TEST_CASE(the_other_operations_check_their_fields) {
  const struct {
    Fields fields;
    const char* message;
  } cases[] = {
      {{{"op", is("hello")}}, "version is missing"},
      {{{"op", is("hello")}, {"version", is("1")}}, "version must be an integer, got the text '1'"},
      {{{"op", is("cancel")}}, "target is missing"},
      {{{"op", is("cancel")}, {"target", is(-1)}},
       "target must be a text of 1 to 64 bytes or an unsigned integer, got -1"},
      {{{"op", is("tokenize")}}, "text is missing"},
      {{{"op", is("tokenize")}, {"text", is("x")}, {"add_special", is(1)}},
       "add_special must be true or false, got 1"},
      {{{"op", is("detokenize")}, {"tokens", is("x")}},
       "tokens must be an array of token ids, got the text 'x'"},
      {{{"op", is("apply_template")}}, "messages is missing"},
      {{{"op", is("models")}, {"available", nil}}, "available must be true or false, got nil"},
      {{{"op", is("load")}}, "load needs exactly one of path and name, got neither"},
      {{{"op", is("load")}, {"path", is("a")}, {"name", is("b")}},
       "load needs exactly one of path and name, got both"},
      {{{"op", is("load")}, {"name", is("b")}, {"context", is(0)}},
       "context must be at least 1, got 0"},
      {{{"op", is("load")}, {"name", is("b")}, {"kv_memory", is(5)}},
       "kv_memory must be a text, got 5"},
      {{{"op", is("load")}, {"path", is(std::string("a\0b", 3))}},
       "path must not hold a zero byte"},
      {{{"op", is("unload")}}, "name is missing"},
      {{{"op", is("plan")}, {"explain", is(1)}}, "explain must be true or false, got 1"},
      {{{"op", is("trace")}, {"seconds", is(0)}}, "seconds must be above 0 and at most 60, got 0"},
      {{{"op", is("trace")}, {"seconds", is(61)}},
       "seconds must be above 0 and at most 60, got 61"},
  };
  for (const auto& c : cases) BOOST_TEST(message_of(c.fields) == c.message);
}

BOOST_AUTO_TEST_CASE(another_version_is_said_to_be_unsupported) {
  const Event event = event_of({{"id", is(3)}, {"op", is("hello")}, {"version", is(2)}});
  BOOST_TEST((event.id == RequestId{std::uint64_t(3)}));
  BOOST_TEST(to_string(std::get<Error>(event.body).code) == "unsupported_version");
  BOOST_TEST(std::get<Error>(event.body).message == "version 2 is not spoken here, only 1");
}

BOOST_AUTO_TEST_CASE(without_a_usable_id_the_answer_is_bad_message_with_nil) {
  const Fields cases[] = {
      {{"op", is("ping")}},
      {{"op", is("ping")}, {"id", is("")}},
      {{"op", is("ping")}, {"id", is(std::string(65, 'x'))}},
      {{"op", is("ping")}, {"id", is(-1)}},
      {{"op", is("ping")}, {"id", is(1.5)}},
      {{"op", is("ping")}, {"id", nil}},
      {{"op", is("ping")}, {"id", is(std::string("\xc3"))}},
      {{"op", is("ping")}, {"id", is(1)}, {"id", is(1)}},
  };
  for (const auto& fields : cases) {
    const Event event = event_of(fields);
    BOOST_TEST(!event.id.has_value());
    BOOST_TEST(to_string(std::get<Error>(event.body).code) == "bad_message");
    BOOST_TEST(std::get<Error>(event.body).message.starts_with("id "));
  }
}

BOOST_AUTO_TEST_CASE(min_tokens_may_not_exceed_max_tokens) {
  BOOST_TEST(message_of({{"op", is("generate")},
                         {"prompt", is("x")},
                         {"max_tokens", is(4)},
                         {"min_tokens", is(5)}}) ==
             "min_tokens must be at most max_tokens (4), got 5");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
