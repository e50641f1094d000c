#include "client/cli/answer.hpp"

#include <unistd.h>

#include <iostream>

#include "client/cli/explain.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {
namespace {

/// What the daemon says while one waits, on one line of a terminal.
class Waiting {
 public:
  void show(const wire::Progress& progress) {
    if (!terminal_) return;
    std::string line = progress.state;
    if (progress.position)
      line += ", number " + std::to_string(*progress.position) + " in the queue";
    if (progress.done_tokens && progress.prompt_tokens)
      line += ": read " + std::to_string(*progress.done_tokens) + " of " +
              std::to_string(*progress.prompt_tokens) + " tokens";
    std::cerr << "\r\033[K" << line << std::flush;
    shown_ = true;
  }
  void clear() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
    shown_ = false;
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO), shown_ = false;
};

/// One choice is printed while it comes; several would be mixed up, so they are kept.
class Printer {
 public:
  Printer(int choices, bool json) : texts_(std::size_t(choices)), json_(json) {}

  void on_event(const wire::EventBody& event) {
    if (json_) print_json(wire::to_json({wire::RequestId{std::uint64_t(1)}, event}));
    if (const auto* progress = std::get_if<wire::Progress>(&event); progress && !json_)
      waiting_.show(*progress);
    const auto* tokens = std::get_if<wire::Tokens>(&event);
    if (!tokens) return;
    waiting_.clear();
    if (tokens->choice < 0 || std::size_t(tokens->choice) >= texts_.size()) return;
    texts_[std::size_t(tokens->choice)] += tokens->text;
    if (!json_ && texts_.size() == 1) print_text(tokens->text);
  }
  void finish() {
    waiting_.clear();
    if (json_ || texts_.size() == 1) return;
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      std::cout << (i ? "\n\n" : "") << "--- " << i + 1 << " ---\n";
      print_text(texts_[i]);
    }
  }
  const std::string& text() const { return texts_[0]; }
  void clear() { waiting_.clear(); }

 private:
  std::vector<std::string> texts_;
  bool json_;
  Waiting waiting_;
};

}  // namespace

Answer stream_answer(Client& client, Interrupt& interrupt, const wire::Generate& request,
                     bool json) {
  interrupt.clear();
  client.set_interrupt_fd(interrupt.fd());
  Printer printer(request.sampling.n.value_or(1), json);
  try {
    wire::Done done =
        client.generate(request, [&](const wire::EventBody& event) { printer.on_event(event); });
    if (json) print_json(wire::to_json({wire::RequestId{std::uint64_t(1)}, done}));
    printer.finish();
    return {printer.text(), std::move(done)};
  } catch (const RequestFailed&) {
    printer.clear();
    throw;
  }
}

std::string describe_speed(const wire::Done& done) {
  const double first_s = (done.timing.queue_ms + done.timing.prefill_ms) / 1000;
  return format("%d tokens, %.1f tokens/s, first after %s", done.usage.completion_tokens,
                wire::decode_rate(done), human_seconds(first_s).c_str());
}

void print_cut(const wire::Done& done, const wire::Sampling& asked) {
  const std::string note = explain_finish(done, asked);
  if (!note.empty()) std::cerr << "[" << note << "]\n";
}

}  // namespace nanoflow::cli
