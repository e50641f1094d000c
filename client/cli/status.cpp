#include <iostream>

#include "client/cli/models.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {

int status_command(Invocation& invocation) {
  OptionSet options;
  invocation.parse(options);
  wire::Json answer = invocation.connect().request(wire::Status{});
  if (invocation.json) {
    print_json(answer);
    return exit_done;
  }
  if (answer.contains("models")) answer["models"] = model_table(answer["models"]);
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

}  // namespace nanoflow::cli
