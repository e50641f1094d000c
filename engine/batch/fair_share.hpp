#pragma once
#include <cstdint>
#include <unordered_map>

namespace nanoflow {

/// Whose request goes first, so that a client with many does not keep another waiting: start-time
/// fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Every request has a turn in virtual time,
/// the smaller goes first: where its client's last one would end if each client had the device for
/// itself, but not before what is starting now.
class FairShare {
 public:
  /// The turn of a request that comes now and asks for so many tokens.
  double turn_of(std::uint64_t client, int n_tokens);
  /// A request with this turn starts.
  void started(double turn);

 private:
  double now_ = 0;
  std::unordered_map<std::uint64_t, double> end_of_;  // of each client's last request
  std::size_t n_clear_ = 64;  // clients from which on those that have nothing left are forgotten
};

}  // namespace nanoflow
