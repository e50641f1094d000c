// nanoflow plan: the daemon's own schedules, or what other hardware would do.
#include <iostream>

#include "client/cli/command.hpp"
#include "client/cli/plan_simulate.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {

int plan_command(Invocation& invocation) {
  bool explain = false;
  SimulateOptions simulate;
  OptionSet options;
  options.flag("--explain", "say why, with predicted and observed times", explain);
  add_simulate_options(options, simulate);
  const auto words = invocation.parse(options, 0, 1);
  if (!words.empty() && words[0] != "explain") throw UsageError("plan takes only the word explain");
  if (is_given(simulate)) {
    if (explain || !words.empty())
      throw UsageError("plan explain asks a daemon, --simulate does not: take one of them");
    return simulate_plan(simulate, invocation.json);
  }
  const wire::Json answer = invocation.connect().request(wire::Plan{explain || !words.empty()});
  if (invocation.json)
    print_json(answer);
  else
    print_report(std::cout, answer);
  return exit_done;
}

}  // namespace nanoflow::cli
