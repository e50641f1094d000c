#include "bench/engine/daemon.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace nanoflow::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

std::filesystem::path new_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "nanoflow-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  return name;
}

}  // namespace

Daemon::Daemon(const std::string& model, const DaemonLimits& limits)
    : folder_(new_folder()), endpoint_("ipc://" + (folder_ / "socket").string()) {
  start(model, limits);
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::rcvtimeo, 10000);
  socket_.connect(endpoint_);
  await_model();
}

Daemon::~Daemon() {
  kill(process_, SIGTERM);
  waitpid(process_, nullptr, 0);
  std::filesystem::remove_all(folder_);
}

void Daemon::start(const std::string& model, const DaemonLimits& limits) {
  const auto config = folder_ / "nanoflowd.toml";
  std::ofstream(config) << "device = 'null'\nspeculation = 'off'\nlog_level = 'warning'\n"
                        << "max_sequences = " << limits.max_sequences
                        << "\nmax_step_tokens = " << limits.max_step_tokens
                        << "\nmax_waiting = " << limits.max_waiting << "\n";
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "nanoflowd";
  process_ = fork();
  if (process_ < 0) throw std::runtime_error("fork failed");
  if (process_ > 0) return;
  execl(program.c_str(), program.c_str(), "--config", config.c_str(), "--model", model.c_str(),
        "--endpoint", endpoint_.c_str(), nullptr);
  std::_Exit(127);
}

void Daemon::await_model() {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (ask(wire::Models{}).at("models").empty()) {
    if (waitpid(process_, nullptr, WNOHANG) != 0) throw std::runtime_error("nanoflowd ended");
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("nanoflowd loads no model");
    std::this_thread::sleep_for(20ms);
  }
}

double Daemon::cpu_seconds() const {
  std::ifstream file("/proc/" + std::to_string(process_) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  // proc(5): after the name in brackets, which may hold anything, utime is the 12th field.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;  // ticks
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

wire::Json Daemon::ask(const wire::Operation& operation) {
  const auto bytes = wire::encode(wire::Request{std::uint64_t{1}, operation});
  socket_.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
  zmq::message_t answer;
  if (!socket_.recv(answer)) throw std::runtime_error("nanoflowd does not answer");
  const auto event =
      wire::decode_event({static_cast<const std::byte*>(answer.data()), answer.size()});
  if (const auto* error = std::get_if<wire::Error>(&event.body))
    throw std::runtime_error(error->message);
  return std::get<wire::Ok>(event.body).fields;
}

}  // namespace nanoflow::bench
