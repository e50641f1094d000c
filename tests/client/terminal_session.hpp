// The nanoflow binary on a pseudo-terminal, as a person has it.
#pragma once
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace nanoflow::test {

class TerminalSession {
 public:
  explicit TerminalSession(std::vector<std::string> arguments, const std::string& endpoint,
                           const std::string& home) {
    // All before the fork: in the child of a process with threads, an allocation may wait for ever.
    std::vector<std::string> variables = {"NANOFLOW_ENDPOINT=" + endpoint, "XDG_STATE_HOME=" + home,
                                          "HOME=" + home, "TERM=vt100",
                                          "LC_ALL=C"};  // the poorest there is
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view name =
          std::string_view(*variable).substr(0, std::string_view(*variable).find('=') + 1);
      if (std::none_of(variables.begin(), variables.begin() + 5,
                       [&](const std::string& set) { return set.starts_with(name); })) {
        variables.emplace_back(*variable);
      }
    }
    arguments.insert(arguments.begin(), NANOFLOW_BINARY);
    const auto argv = pointers(arguments), environment = pointers(variables);
    child_ = forkpty(&fd_, nullptr, nullptr, nullptr);
    if (child_ != 0) return;
    execve(NANOFLOW_BINARY, argv.data(), environment.data());
    _exit(127);
  }
  ~TerminalSession() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(fd_);
  }
  void type(const std::string& keys) { (void)!write(fd_, keys.data(), keys.size()); }
  /// Reads until the text comes; false after five seconds. What was read before it is dropped.
  bool wait_for(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (true) {
      if (const std::size_t at = screen_.find(text); at != std::string::npos) {
        screen_.erase(0, at + text.size());
        return true;
      }
      pollfd item = {fd_, POLLIN, 0};
      if (std::chrono::steady_clock::now() > deadline) return false;
      if (poll(&item, 1, 100) <= 0) continue;
      char block[4096];
      const ssize_t count = read(fd_, block, sizeof block);
      if (count <= 0) return screen_.find(text) != std::string::npos;
      screen_.append(block, std::size_t(count));
    }
  }
  /// The exit code, or 128 and the signal.
  int wait_for_end() {
    wait_for("\xff never");  // drains the terminal until its other end is closed
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& screen() const { return screen_; }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  }

  int fd_ = -1;
  pid_t child_ = -1;
  std::string screen_;
};

}  // namespace nanoflow::test
