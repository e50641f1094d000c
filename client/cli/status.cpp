#include <unistd.h>

#include <iostream>
#include <sstream>

#include "client/cli/command.hpp"
#include "client/cli/interrupt.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {

int status_command(Invocation& invocation) {
  OptionSet options;
  invocation.parse(options);
  const wire::Json answer = invocation.connect().request(wire::Status{});
  if (invocation.json)
    print_json(answer);
  else
    print_report(std::cout, answer);
  return exit_done;
}

int ps_command(Invocation& invocation) {
  OptionSet options;
  invocation.parse(options);
  const wire::Json answer = invocation.connect().request(wire::Status{});
  const wire::Json requests = answer.value("requests", wire::Json::array());
  if (invocation.json)
    print_json(requests);
  else if (requests.empty())
    std::cout << "no requests\n";
  else
    print_table(std::cout, requests);
  return exit_done;
}

int top_command(Invocation& invocation) {
  double interval_s = 1;
  int count = 0;
  OptionSet options;
  options.value("--interval", "SECONDS", "time between views (1)", interval_s, {0.1, 3600});
  options.value("--count", "N", "end after this many views (0: never)", count, {0, wire::max_int});
  invocation.parse(options);
  Client client = invocation.connect();
  Interrupt interrupt;
  client.set_interrupt_fd(interrupt.fd());
  const bool terminal = isatty(STDOUT_FILENO) && !invocation.json;
  for (int view = 0; (count == 0 || view < count) && !interrupt.happened(); ++view) {
    const wire::Json answer = client.request(wire::Status{});
    if (invocation.json) {
      print_json(answer);
    } else {
      std::ostringstream report;
      print_report(report, answer);
      if (terminal) std::cout << "\033[H\033[2J";  // home, and clear
      std::cout << report.str() << (terminal ? "\nCtrl-C leaves\n" : "\n") << std::flush;
    }
    if (count && view + 1 == count) break;
    // Nothing is due: this waits, and notices the daemon's end and Ctrl-C at once.
    client.receive(std::chrono::milliseconds(long(interval_s * 1000)));
  }
  return exit_done;
}

}  // namespace nanoflow::cli
