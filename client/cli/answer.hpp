// Streams one answer to standard output: shared by run and generate.
#pragma once
#include "client/cli/command.hpp"
#include "client/cli/interrupt.hpp"

namespace nanoflow::cli {

struct Answer {
  std::string text;  // of choice 0
  wire::Done done;
};

/// Ctrl-C ends it as cancelled. With json each event is a line instead; an error is thrown, and
/// run_cli prints it. Several choices come one after the other, each under its number, when all are
/// done.
Answer stream_answer(Client& client, Interrupt& interrupt, const wire::Generate& request,
                     bool json);

/// "37 tokens, 41.2 tokens/s, first after 85 ms" from what the daemon measured.
std::string describe_speed(const wire::Done& done);
void print_cut(const wire::Done& done, const wire::Sampling& asked);

}  // namespace nanoflow::cli
