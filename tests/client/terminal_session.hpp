// The nanoflow binary on a pseudo-terminal, as a person has it.
#pragma once
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

namespace nanoflow::test {

class TerminalSession {
 public:
  explicit TerminalSession(const std::vector<std::string>& arguments, const std::string& endpoint,
                           const std::string& home) {
    // All before the fork: in the child of a process with threads, an allocation may wait for ever.
    std::vector<std::string> command = {"env", "NANOFLOW_ENDPOINT=" + endpoint,
                                        "XDG_STATE_HOME=" + home, "HOME=" + home};
    // The poorest terminal and locale there are.
    command.insert(command.end(), {"TERM=vt100", "LC_ALL=C", NANOFLOW_BINARY});
    command.insert(command.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    child_ = forkpty(&fd_, nullptr, nullptr, nullptr);
    if (child_ != 0) return;
    execv("/usr/bin/env", argv.data());
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
  int fd_ = -1;
  pid_t child_ = -1;
  std::string screen_;
};

}  // namespace nanoflow::test
