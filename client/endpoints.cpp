#include <unistd.h>

#include <cstdlib>

#include "client/protocol.hpp"

namespace nanoflow::wire {

std::string user_endpoint() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime && *runtime) return "ipc://" + std::string(runtime) + "/nanoflowd.sock";
  return "ipc:///tmp/nanoflowd-" + std::to_string(getuid()) + "/nanoflowd.sock";
}

std::string system_endpoint() {
  return "ipc:///run/nanoflowd/nanoflowd.sock";
}

std::vector<std::string> default_endpoints() {
  const char* chosen = std::getenv("NANOFLOW_ENDPOINT");
  if (chosen && *chosen) return {chosen};
  return {user_endpoint(), system_endpoint()};
}

}  // namespace nanoflow::wire
