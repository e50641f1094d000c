#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/text/marked_text.hpp"

namespace nanoflow {

/// A template that cannot be parsed or ran into its bounds, or that refused the messages
/// (raise_exception).
struct TemplateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A model's chat template: the Jinja subset that published templates use, interpreted within
/// bounds, since it comes with the model and is hostile input (no attribute of the host, bounded
/// steps, depth and output).
class ChatTemplate {
 public:
  explicit ChatTemplate(std::string_view source);  // throws TemplateError with line and column
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  struct Inputs {
    std::string bos_token, eos_token;
    bool add_generation_prompt = true;
  };
  /// messages: an array of {role, content, ...}; tools: an array, or null. extra: an object whose
  /// keys become variables (enable_thinking, ...), or null. Text that came from messages and tools
  /// is marked literal.
  MarkedText render(const nlohmann::ordered_json& messages, const nlohmann::ordered_json& tools,
                    const Inputs& inputs, const nlohmann::ordered_json& extra) const;
  MarkedText render(const nlohmann::ordered_json& messages, const Inputs& inputs) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

/// The template's source: from a GGUF's metadata, a folder's chat_template.jinja or
/// tokenizer_config.json, or the .jinja file itself. Empty when the model has none. Throws
/// ModelError.
std::optional<std::string> find_chat_template(const std::filesystem::path& path);

}  // namespace nanoflow
