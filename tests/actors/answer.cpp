#include "actors/answer.hpp"

#include <boost/test/unit_test.hpp>

#include "letter_model.hpp"

namespace nanoflow {
namespace {

using test::LetterTokenizer;

struct Case {
  std::vector<std::string> stop = {};
  int n = 1, min_tokens = 0;
  bool stream = true, include_stop = false;
};

/// An answer into which a test types.
class Typed {
 public:
  explicit Typed(const Case& wanted) : answer_(job_of(wanted), tokenizer_) {}

  /// True where a stop string was completed; types no further then.
  bool type(const std::string& text, int choice = 0) {
    for (const char letter : text)
      if (push((unsigned char)letter, choice)) return true;
    return false;
  }
  bool push(TokenId token, int choice = 0, std::optional<FinishReason> finish = {}) {
    return answer_.push({1, choice, index_[std::size_t(choice)]++, token, {}, finish});
  }
  /// What a client puts together from the events.
  void take() {
    for (const wire::Tokens& news : answer_.take()) {
      BOOST_TEST(news.index == int(tokens_[std::size_t(news.choice)].size()));
      text_[std::size_t(news.choice)] += news.text;
      auto& tokens = tokens_[std::size_t(news.choice)];
      tokens.insert(tokens.end(), news.tokens.begin(), news.tokens.end());
    }
  }
  wire::EventBody end(FinishReason reason, int n = 1) {
    answer_.flush();
    take();
    Finished finished;
    finished.reason = reason;
    finished.prompt_tokens = 7;
    for (int choice = 0; choice < n; ++choice)
      finished.choices.push_back({reason, index_[std::size_t(choice)]});
    return answer_.end(finished, {});
  }
  const std::string& text(int choice = 0) const { return text_[std::size_t(choice)]; }
  std::size_t n_tokens(int choice = 0) const { return tokens_[std::size_t(choice)].size(); }

 private:
  static std::shared_ptr<const GenerateJob> job_of(const Case& wanted) {
    auto sampling = std::make_shared<SamplingParams>();
    sampling->min_tokens = wanted.min_tokens;
    auto job = std::make_shared<GenerateJob>();
    job->batch.n = wanted.n;
    job->batch.sampling = sampling;
    job->stop = wanted.stop;
    job->include_stop = wanted.include_stop;
    job->stream = wanted.stream;
    return job;
  }
  LetterTokenizer tokenizer_;
  Answer answer_;
  int index_[4] = {};
  std::string text_[4];
  std::vector<wire::Token> tokens_[4];
};

wire::Done done_of(const wire::EventBody& body) {
  return std::get<wire::Done>(body);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(an_answer)

BOOST_AUTO_TEST_CASE(is_its_tokens_and_its_text) {
  Typed typed({});
  typed.type("ab");
  typed.take();
  typed.type("c");
  const wire::Done done = done_of(typed.end(FinishReason::length));
  BOOST_TEST(typed.text() == "abc");
  BOOST_TEST(done.usage.completion_tokens == 3);
  BOOST_TEST(done.usage.prompt_tokens == 7);
  BOOST_TEST(done.finish_reason == "length");
}

BOOST_AUTO_TEST_CASE(never_splits_a_character) {
  Typed typed({});
  typed.push(0xC3);
  typed.take();
  BOOST_TEST(typed.text() == "");
  BOOST_TEST(typed.n_tokens() == 1u);
  typed.push(0xBC);
  typed.take();
  BOOST_TEST(typed.text() == "ü");
}

BOOST_AUTO_TEST_CASE(gives_out_half_a_character_at_its_end) {
  Typed typed({});
  typed.push(0xC3, 0, FinishReason::length);
  typed.take();
  BOOST_TEST(typed.text() == "\xEF\xBF\xBD");
}

BOOST_AUTO_TEST_CASE(is_cut_before_a_stop_string_and_keeps_its_tokens) {
  Typed typed({.stop = {"END"}});
  BOOST_TEST(typed.type("say END"));
  BOOST_TEST(!typed.type("x"));  // what the scheduler did not know yet
  const wire::Done done = done_of(typed.end(FinishReason::length));
  BOOST_TEST(typed.text() == "say ");
  BOOST_TEST(typed.n_tokens() == 7u);
  BOOST_TEST(done.usage.completion_tokens == 7);
  BOOST_TEST(done.finish_reason == "stop");
}

BOOST_AUTO_TEST_CASE(may_include_the_stop_string) {
  Typed typed({.stop = {"END"}, .include_stop = true});
  typed.type("say END");
  typed.end(FinishReason::stop);
  BOOST_TEST(typed.text() == "say END");
}

BOOST_AUTO_TEST_CASE(gives_out_what_looked_like_a_stop_string) {
  Typed typed({.stop = {"END"}});
  typed.type("E");
  typed.take();
  BOOST_TEST(typed.text() == "");
  typed.type("N");
  typed.end(FinishReason::length);
  BOOST_TEST(typed.text() == "EN");
}

BOOST_AUTO_TEST_CASE(does_not_stop_before_min_tokens) {
  Typed typed({.stop = {"a"}, .min_tokens = 2});
  BOOST_TEST(!typed.type("aa"));
  BOOST_TEST(typed.type("ba"));
  typed.end(FinishReason::stop);
  BOOST_TEST(typed.text() == "aab");
}

BOOST_AUTO_TEST_CASE(has_a_text_for_each_choice) {
  Typed typed({.stop = {"!"}, .n = 2});
  typed.type("a!", 0);
  typed.type("bc", 1);
  const wire::Done done = done_of(typed.end(FinishReason::length, 2));
  BOOST_TEST(typed.text(0) == "a");
  BOOST_TEST(typed.text(1) == "bc");
  BOOST_TEST(done.choices.at(0).finish_reason == "stop");
  BOOST_TEST(done.choices.at(1).finish_reason == "length");
  BOOST_TEST(done.usage.completion_tokens == 4);
}

BOOST_AUTO_TEST_CASE(comes_whole_where_nothing_streams) {
  Typed typed({.stream = false});
  typed.type("ab");
  typed.take();
  BOOST_TEST(typed.n_tokens() == 0u);
  const wire::Done done = done_of(typed.end(FinishReason::length));
  BOOST_TEST(done.whole);
  BOOST_TEST(done.choices.at(0).text == "ab");
  BOOST_TEST(done.choices.at(0).tokens == (std::vector<wire::Token>{'a', 'b'}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_an_aborted_request_is_the_error_shutdown) {
  Typed typed({});
  BOOST_TEST(bool(std::get<wire::Error>(typed.end(FinishReason::aborted)).code ==
                  wire::ErrorCode::shutdown));
}

BOOST_AUTO_TEST_CASE(of_a_request_without_finite_logits_is_the_error_internal) {
  Typed typed({});
  BOOST_TEST(bool(std::get<wire::Error>(typed.end(FinishReason::failed)).code ==
                  wire::ErrorCode::internal));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
