// What a request brings becomes the ids of its prompt. A client's mistake is a value.
#pragma once
#include <variant>

#include "actors/loaded_model.hpp"
#include "actors/messages.hpp"

namespace nanoflow {

/// The messages as the model's chat template renders them.
std::variant<MarkedText, wire::Error> render_chat(const LoadedModel& model,
                                                  const std::vector<wire::Message>& messages);
/// At least one id, and few enough that the answer has room in the context.
std::variant<std::vector<TokenId>, wire::Error> encode_prompt(const LoadedModel& model,
                                                              const GenerateJob& job);
/// tokenize, detokenize, apply_template.
TextAnswer answer_text(const LoadedModel& model, const TokenizeJob& job);

}  // namespace nanoflow
