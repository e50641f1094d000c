#include <langinfo.h>

#include <clocale>
#include <cstring>
#include <iostream>

#include "client/cli/command.hpp"

int main(int argc, char** argv) {
  std::setlocale(LC_ALL, "");
  // The wire is UTF-8 whatever the locale says; the line editor must not take its characters apart.
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
  std::setlocale(LC_NUMERIC, "C");  // numbers on the command line have a point everywhere
  std::ios::sync_with_stdio(false);
  return nanoflow::cli::run_cli({argv + 1, argv + argc});
}
