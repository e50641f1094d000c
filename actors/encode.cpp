#include "actors/encode.hpp"

namespace nanoflow {
namespace {

wire::Error bad_field(const std::string& message) {
  return {wire::ErrorCode::bad_field, message, {}, {}};
}

std::string special_text(const Tokenizer& tokenizer, std::optional<TokenId> id) {
  return id ? std::string(tokenizer.token_bytes(*id)) : std::string();
}

std::variant<std::vector<TokenId>, wire::Error> encode_text(const Tokenizer& tokenizer,
                                                            const char* field,
                                                            const MarkedText& text,
                                                            EncodeOptions options) {
  try {
    return tokenizer.encode(text, options);
  } catch (const EncodeError& error) {
    return bad_field(std::string(field) + ": " + error.what());
  }
}

/// The whole text as its user's: no special token's text in it becomes that token.
MarkedText literal(const std::string& text) {
  return {text, {{0, text.size()}}};
}

}  // namespace

std::variant<MarkedText, wire::Error> render_chat(const LoadedModel& model,
                                                  const std::vector<wire::Message>& messages) {
  if (!model.chat_template)
    return bad_field("messages: model '" + model.name + "' has no chat template; send a prompt");
  auto list = wire::Json::array();
  for (const wire::Message& message : messages)
    list.push_back({{"role", message.role}, {"content", message.content}});
  const Tokenizer& tokenizer = *model.tokenizer;
  try {
    return model.chat_template->render(list, {special_text(tokenizer, tokenizer.bos()),
                                              special_text(tokenizer, tokenizer.eos()), true});
  } catch (const TemplateError& error) {
    return bad_field("messages: the chat template of model '" + model.name +
                     "' refuses them: " + error.what());
  }
}

std::variant<std::vector<TokenId>, wire::Error> encode_prompt(const LoadedModel& model,
                                                              const GenerateJob& job) {
  std::variant<std::vector<TokenId>, wire::Error> encoded = std::vector<TokenId>();
  if (const auto* tokens = std::get_if<std::vector<TokenId>>(&job.input)) {
    encoded = *tokens;
  } else if (const auto* prompt = std::get_if<std::string>(&job.input)) {
    encoded = encode_text(*model.tokenizer, "prompt", literal(*prompt), {});
  } else {
    auto text = render_chat(model, std::get<std::vector<wire::Message>>(job.input));
    if (auto* error = std::get_if<wire::Error>(&text)) return *error;
    // The template wrote the special tokens that the model wants around a text.
    encoded = encode_text(*model.tokenizer, "messages", std::get<MarkedText>(text),
                          {.add_special = false, .parse_special = true});
  }
  const auto* ids = std::get_if<std::vector<TokenId>>(&encoded);
  if (!ids) return encoded;
  if (ids->empty()) return bad_field("prompt: it has no tokens; at least 1 is needed");
  if (ids->size() >= std::size_t(model.context))
    return wire::Error{wire::ErrorCode::prompt_too_long,
                       "the prompt has " + std::to_string(ids->size()) + " tokens; model '" +
                           model.name + "' has a context of " + std::to_string(model.context) +
                           " tokens for prompt and answer together",
                       {},
                       {}};
  return encoded;
}

TextAnswer answer_text(const LoadedModel& model, const TokenizeJob& job) {
  TextAnswer answer;
  answer.fields = wire::Json::object();
  if (const auto* tokenize = std::get_if<wire::Tokenize>(&job.request)) {
    auto ids = encode_text(*model.tokenizer, "text", literal(tokenize->text),
                           {.add_special = tokenize->add_special});
    if (auto* error = std::get_if<wire::Error>(&ids))
      answer.error = *error;
    else
      answer.fields["tokens"] = std::get<std::vector<TokenId>>(ids);
  } else if (const auto* detokenize = std::get_if<wire::Detokenize>(&job.request)) {
    answer.fields["text"] = model.tokenizer->decode(detokenize->tokens);
  } else {
    auto text = render_chat(model, std::get<wire::ApplyTemplate>(job.request).messages);
    if (auto* error = std::get_if<wire::Error>(&text))
      answer.error = *error;
    else
      answer.fields["prompt"] = std::get<MarkedText>(text).text;
  }
  return answer;
}

}  // namespace nanoflow
