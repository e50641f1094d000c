#include "client/cli/explain.hpp"

#include <grp.h>
#include <sys/stat.h>

#include <cerrno>

namespace nanoflow::cli {
namespace {

/// Whose members may open the socket that was refused.
std::string group_of(const NoDaemon& error) {
  constexpr std::string_view ipc = "ipc://";
  for (const auto& [endpoint, reason] : error.attempts) {
    struct stat socket {};
    if (reason != EACCES || !endpoint.starts_with(ipc) ||
        stat(endpoint.c_str() + ipc.size(), &socket) != 0)
      continue;
    if (const group* found = getgrgid(socket.st_gid)) return found->gr_name;
  }
  return "nanoflow";  // the folder may be closed too: the packaged group is the best guess
}

/// Of the first choice, whose finish reason Done has.
int n_answered(const wire::Done& done) {
  return done.choices.size() > 1 ? done.choices[0].completion_tokens : done.usage.completion_tokens;
}

}  // namespace

std::string explain(const NoDaemon& error) {
  std::string text = std::string(error.what()) + "\n\n";
  if (error.forbidden()) {
    const std::string group = group_of(error);
    return text + "The daemon's socket is open to its owner and the group " + group +
           " only. To join the group:\n  sudo usermod -aG " + group +
           " $USER\nand then log in again (or: newgrp " + group + ").\n";
  }
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

bool context_is_full(const wire::Done& done, const wire::Sampling& asked) {
  return done.finish_reason == "length" && n_answered(done) < wire::token_limit(asked);
}

std::string explain_finish(const wire::Done& done, const wire::Sampling& asked) {
  const std::string& finish_reason = done.finish_reason;
  if (context_is_full(done, asked))
    return "cut: the context of " + std::to_string(done.usage.prompt_tokens + n_answered(done)) +
           " tokens is full";
  if (finish_reason == "length")
    return asked.max_tokens
               ? "cut after " + std::to_string(*asked.max_tokens) + " tokens (--max-tokens)"
               : "cut at the limit of tokens (--max-tokens gives more)";
  if (finish_reason == "cancelled") return "cut: cancelled";
  if (finish_reason == "timeout") return "cut: out of time";
  return "";
}

}  // namespace nanoflow::cli
