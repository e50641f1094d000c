#pragma once

namespace nanoflow::cli {

/// While it lives, Ctrl-C makes fd() readable instead of ending the program; a second Ctrl-C before
/// clear() ends it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  int fd() const;
  bool happened() const;
  void clear();
};

}  // namespace nanoflow::cli
