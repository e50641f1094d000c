#include "engine/text/chat_template.hpp"

#include <nlohmann/json.hpp>

#include "engine/text/jinja_interpreter.hpp"
#include "engine/text/jinja_parser.hpp"

namespace nanoflow {

struct ChatTemplate::Impl {
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::string_view source)
    : impl_(std::make_unique<const Impl>(Impl{jinja::Parser(source).parse()})) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

/// How much a run may do for this input: a long conversation takes more steps than a short one.
static std::size_t input_steps(const nlohmann::ordered_json& json, int depth = 0) {
  using jinja::limits::steps_per_input_value;
  if (json.is_string()) return steps_per_input_value + json.get_ref<const std::string&>().size();
  std::size_t steps = steps_per_input_value;
  if (depth > jinja::limits::data_depth) return steps;
  if (json.is_structured()) {
    for (const auto& item : json) steps += input_steps(item, depth + 1);
  }
  return steps;
}

MarkedText ChatTemplate::render(const nlohmann::ordered_json& messages,
                                const nlohmann::ordered_json& tools, const Inputs& inputs,
                                const nlohmann::ordered_json& extra) const {
  using namespace jinja;
  Heap heap(limits::base_steps + input_steps(messages) + input_steps(tools) + input_steps(extra));
  Interpreter run(heap);
  try {
    define_functions(run);
    run.define("bos_token", heap.text(inputs.bos_token));
    run.define("eos_token", heap.text(inputs.eos_token));
    run.define("add_generation_prompt", inputs.add_generation_prompt);
    run.define("documents", None{});
    if (extra.is_object()) {
      for (const auto& [name, value] : extra.items()) run.define(name, heap.from_json(value, 1));
    }
    run.define("messages", heap.from_json(messages));
    run.define("tools", heap.from_json(tools));
    return run.run(impl_->body);
  } catch (const Failure& failure) {
    throw_at(run.place(), failure.what());
  }
}

MarkedText ChatTemplate::render(const nlohmann::ordered_json& messages,
                                const Inputs& inputs) const {
  return render(messages, nullptr, inputs, nullptr);
}

}  // namespace nanoflow
