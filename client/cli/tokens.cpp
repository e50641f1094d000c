// tokenize, detokenize and template: by the daemon, or offline from a model's files.
#include <unistd.h>

#include <iostream>

#include "client/cli/command.hpp"
#include "client/cli/terminal.hpp"
#include "client/suggest.hpp"
#include "engine/model/error.hpp"
#include "engine/text/chat_template.hpp"
#include "engine/text/tokenizer.hpp"

namespace nanoflow::cli {
namespace {

void print_tokens(const std::vector<wire::Token>& tokens, bool json) {
  if (json) return print_json({{"tokens", tokens}});
  for (std::size_t i = 0; i < tokens.size(); ++i) std::cout << (i ? " " : "") << tokens[i];
  std::cout << '\n';
}

std::string text_of(const std::vector<std::string>& words) {
  return words.empty() || words[0] == "-" ? read_stdin() : words[0];
}

std::vector<wire::Token> ids_of(const std::string& text) {
  std::vector<wire::Token> tokens;
  constexpr const char* between = " \t\r\n,[]";
  for (std::size_t begin = text.find_first_not_of(between); begin != std::string::npos;) {
    const std::size_t end = std::min(text.find_first_of(between, begin), text.size());
    tokens.push_back(wire::Token(
        parse_integer("a token id", text.substr(begin, end - begin), {0, wire::max_int - 1.0})));
    begin = text.find_first_not_of(between, end);
  }
  return tokens;
}

/// What --bos and --eos leave out, the model's own vocabulary says, where the path has one.
void fill_ends(const std::string& from, std::optional<std::string> bos,
               std::optional<std::string> eos, ChatTemplate::Inputs& inputs) {
  inputs.bos_token = bos.value_or("");
  inputs.eos_token = eos.value_or("");
  if ((bos && eos) || from.ends_with(".jinja")) return;
  try {
    const auto tokenizer = load_tokenizer(from);
    const auto text = [&](std::optional<TokenId> id) {
      return id ? std::string(tokenizer->token_bytes(*id)) : std::string();
    };
    if (!bos) inputs.bos_token = text(tokenizer->bos());
    if (!eos) inputs.eos_token = text(tokenizer->eos());
  } catch (const ModelError&) {
    // A template without a vocabulary is worth rendering too.
  }
}

/// As the wire wants them, and what templates take beyond it: further fields, a content of parts,
/// and none beside tool_calls.
void check_messages(const wire::Json& messages) {
  if (!messages.is_array()) throw UsageError("messages must be an array of {role, content}");
  if (messages.empty()) throw UsageError("messages must not be empty");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const wire::Json& message = messages[i];
    const std::string name = "messages[" + std::to_string(i) + "]";
    if (!message.is_object()) throw UsageError(name + " must be an object of role and content");
    if (!message.contains("role")) throw UsageError(name + ".role is missing");
    if (!message["role"].is_string() || message["role"].get_ref<const std::string&>().empty())
      throw UsageError(name + ".role must be a text that is not empty");
    const wire::Json content = message.value("content", wire::Json());
    if (content.is_null() && message.contains("tool_calls")) continue;
    if (!message.contains("content")) throw UsageError(name + ".content is missing");
    if (!content.is_string() && !content.is_array())
      throw UsageError(name + ".content must be a text or a list of parts");
  }
}

wire::Json parse_messages(const std::string& path) {
  // Depth is bounded before anything walks the tree: a deep nest would overflow the stack on the
  // way out.
  const auto shallow = [](int depth, wire::Json::parse_event_t, wire::Json&) {
    if (depth > 64) throw UsageError("the messages are nested deeper than 64");
    return true;
  };
  try {
    wire::Json messages = wire::Json::parse(path == "-" ? read_stdin() : read_file(path), shallow);
    if (messages.is_object() && !messages.contains("messages"))
      throw UsageError(
          "messages is missing: give an array of {role, content}, or an object with it");
    check_messages(messages.is_object() ? messages["messages"] : messages);
    return messages;
  } catch (const wire::Json::exception& error) {
    throw UsageError(in_quotes(path, 4096) + " is no JSON: " + error.what());
  }
}

}  // namespace

int tokenize_command(Invocation& invocation) {
  wire::Tokenize request;
  std::string from;
  bool bare = false;
  OptionSet options;
  options.value("--model", "NAME", "the model, where several are loaded", request.model);
  options.value("--from", "PATH", "read the vocabulary from a file or folder, without a daemon",
                from);
  options.flag("--no-special", "do not add the tokens that begin or end a text", bare);
  const auto words = invocation.parse(options, 0, 1);
  request.add_special = !bare;
  if (!from.empty()) {
    const auto tokenizer = load_tokenizer(from);
    print_tokens(tokenizer->encode(text_of(words), {.add_special = !bare}), invocation.json);
    return exit_done;
  }
  request.text = text_of(words);
  const wire::Json answer = invocation.connect().request(request);
  print_tokens(answer.at("tokens").get<std::vector<wire::Token>>(), invocation.json);
  return exit_done;
}

int detokenize_command(Invocation& invocation) {
  wire::Detokenize request;
  std::string from;
  OptionSet options;
  options.value("--model", "NAME", "the model, where several are loaded", request.model);
  options.value("--from", "PATH", "read the vocabulary from a file or folder, without a daemon",
                from);
  const auto words = invocation.parse(options, 0, 1 << 20);
  std::string ids;
  for (const std::string& word : words) ids += word + " ";
  request.tokens = ids_of(words.empty() ? read_stdin() : ids);
  const std::string text = from.empty()
                               ? invocation.connect().request(request).at("text").get<std::string>()
                               : load_tokenizer(from)->decode(request.tokens, false);
  if (invocation.json) {
    print_json({{"text", text}});
  } else {
    print_text(text);
    if (isatty(STDOUT_FILENO)) std::cout << std::endl;
  }
  return exit_done;
}

int template_command(Invocation& invocation) {
  std::string from, messages_path;
  ChatTemplate::Inputs inputs;
  bool open_end = false;
  OptionSet options;
  options.value("--from", "PATH", "a model file, a model folder or a .jinja file", from);
  options.value("--messages", "FILE", "the messages, as JSON (- is standard input)", messages_path);
  std::optional<std::string> bos, eos;
  options.value("--bos", "TEXT", "what bos_token is (the vocabulary's)",
                [&](const std::string& text) { bos = text; });
  options.value("--eos", "TEXT", "what eos_token is (the vocabulary's)",
                [&](const std::string& text) { eos = text; });
  options.flag("--no-generation-prompt", "end after the last message", open_end);
  invocation.parse(options);
  if (from.empty() || messages_path.empty())
    throw UsageError("template needs --from PATH and --messages FILE");
  inputs.add_generation_prompt = !open_end;
  wire::Json messages = parse_messages(messages_path), tools, extra;
  if (messages.is_object()) {  // {messages, tools, and the template's other variables}
    extra = messages;
    tools = extra.value("tools", wire::Json());
    messages = extra["messages"];
    extra.erase("tools");
    extra.erase("messages");
  }
  fill_ends(from, bos, eos, inputs);
  const auto source = find_chat_template(from);
  if (!source) throw std::runtime_error("there is no chat template in " + from);
  const std::string text = ChatTemplate(*source).render(messages, tools, inputs, extra).text;
  if (invocation.json)
    print_json({{"prompt", text}});
  else
    std::cout << text << std::flush;
  return exit_done;
}

}  // namespace nanoflow::cli
