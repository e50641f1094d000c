#include "client/cli/explain.hpp"

namespace nanoflow::cli {

std::string explain(const NoDaemon& error) {
  std::string text = std::string(error.what()) + "\n\n";
  if (error.forbidden())
    return text +
           "The daemon's socket is open to root and the group nanoflow only. To join the group:\n"
           "  sudo usermod -aG nanoflow $USER\n"
           "and then log in again (or: newgrp nanoflow).\n";
  return text +
         "To start one:\n"
         "  sudo systemctl start nanoflowd        the system's service\n"
         "  nanoflowd --model MODEL.gguf          your own, in another terminal\n"
         "To ask one elsewhere: --endpoint URI, or NANOFLOW_ENDPOINT.\n";
}

std::string explain(const RequestFailed& error) {
  std::string text =
      std::string(error.what()) + " (" + std::string(to_string(error.error.code)) + ")\n";
  if (error.error.retry_after_ms)
    text += "try again in " + std::to_string(*error.error.retry_after_ms) + " ms\n";
  return text;
}

std::string explain_no_model(const wire::Json& available) {
  std::string text = "no model is loaded\n\n";
  if (available.is_array() && !available.empty()) {
    text += "To load one that is there:\n";
    for (const auto& model : available)
      text += "  nanoflow run " + model.value("name", std::string("?")) + "\n";
    return text;
  }
  return text +
         "To get a small one (93 MB) and ask it:\n"
         "  nanoflow pull smollm2\n"
         "  nanoflow run smollm2\n"
         "Any model file will do:\n"
         "  nanoflow load /path/to/MODEL.gguf\n";
}

std::string explain_finish(const std::string& finish_reason, std::optional<int> max_tokens) {
  if (finish_reason == "length")
    return max_tokens ? "cut after " + std::to_string(*max_tokens) + " tokens (--max-tokens)"
                      : "cut at the limit of tokens (--max-tokens gives more)";
  if (finish_reason == "cancelled") return "cut: cancelled";
  if (finish_reason == "timeout") return "cut: out of time";
  return "";
}

}  // namespace nanoflow::cli
