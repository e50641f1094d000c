#include <clocale>
#include <iostream>

#include "client/cli/command.hpp"

int main(int argc, char** argv) {
  std::setlocale(LC_ALL, "");
  std::setlocale(LC_NUMERIC, "C");  // numbers on the command line have a point everywhere
  std::ios::sync_with_stdio(false);
  return nanoflow::cli::run_cli({argv + 1, argv + argc});
}
