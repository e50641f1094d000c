// What systemd is told (sd_notify(3)); nothing happens where it did not start the daemon.
#pragma once
#include <chrono>
#include <optional>
#include <string>

namespace nanoflow::systemd {

void ready(const std::string& status);
void reloading();
void stopping();
void alive();  // the watchdog's beat
/// How often the watchdog wants a beat at least.
std::optional<std::chrono::microseconds> watchdog_period();

}  // namespace nanoflow::systemd
