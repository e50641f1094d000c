#pragma once
#include <cstdint>
#include <unordered_map>

namespace nanoflow {

/// Whose request goes first, so that a client with many does not keep another waiting: start-time
/// fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Every request has a turn in virtual time,
/// the smaller goes first: where its client's last one would end if each client had the device for
/// itself, but not before what is starting now.
///
/// How many tokens a request takes is known at its end only. Until then it counts with all that it
/// asked for; at its end the client gets back what it did not use. Turns that were given stay.
class FairShare {
 public:
  /// The turn of a request that comes now and asks for so many tokens.
  double turn_of(std::uint64_t client, int n_tokens);
  /// A request with this turn starts.
  void started(double turn);
  /// A client's request with this turn ends, started or not, and so many of its tokens are left.
  void ended(std::uint64_t client, double turn, int n_unused);

 private:
  /// Virtual time. A client that had nothing left lost its claim on what was past: requests from
  /// before `began` count no more.
  struct Client {
    double began = 0;  // turn of the first of the requests that follow each other without a gap
    double end = 0;    // of the last one
  };
  double now_ = 0;
  std::unordered_map<std::uint64_t, Client> clients_;
  std::size_t n_clear_ = 64;  // clients from which on those that have nothing left are forgotten
};

}  // namespace nanoflow
