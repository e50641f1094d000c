#include "actors/activity.hpp"

#include <algorithm>

namespace nanoflow {

void StreamActivity::add(const StreamTimeline& timeline) {
  const ProgramTimeline& program = timeline.timeline;
  Totals& totals = totals_[timeline.stream];
  totals.busy_s += program.busy_ms() * 1e-3;
  totals.flops += program.flops;
  totals.bytes += program.bytes;
  ++totals.programs;
  auto& recent = recent_[timeline.stream];
  recent.push_back(program);
  while (recent.front().end_ns < program.end_ns - window_ns) recent.pop_front();
}

std::vector<StreamActivity::Rates> StreamActivity::rates(std::int64_t now_ns) const {
  std::vector<Rates> all;
  for (const auto& [stream, recent] : recent_) {
    Rates rates;
    rates.stream = stream;
    for (const ProgramTimeline& program : recent) {
      if (program.end_ns <= now_ns - window_ns) continue;
      // Of a program that began before the window, the part inside counts.
      const double length = double(std::max<std::int64_t>(program.end_ns - program.start_ns, 1));
      const double inside =
          double(program.end_ns - std::max(program.start_ns, now_ns - window_ns)) / length;
      // Where in the program it waited for other streams is not known: everywhere alike.
      rates.busy_share += inside * (length - double(program.wait_ns)) / double(window_ns);
      rates.flops_per_s += program.flops * inside;
      rates.bytes_per_s += program.bytes * inside;
      rates.steps_per_s += inside;
    }
    rates.busy_share = std::min(rates.busy_share, 1.0);
    all.push_back(std::move(rates));
  }
  return all;
}

void TokenRate::sample(Clock::time_point now, std::uint64_t prompt_rows,
                       std::uint64_t decode_rows) {
  samples_.push_back({now, prompt_rows, decode_rows});
  // One sample older than the window stays, so that the newest always has one to be held against.
  while (samples_.size() > 2 && samples_[1].at < now - window) samples_.pop_front();
}

bool TokenRate::is_due(Clock::time_point now) const {
  return samples_.empty() || now - samples_.back().at > window / 8;
}

TokenRate::Rate TokenRate::rate(Clock::time_point now) const {
  if (samples_.size() < 2 || samples_.back().at < now - window) return {};
  auto first = samples_.begin();
  while (std::next(first) != std::prev(samples_.end()) && first->at < now - window) ++first;
  const Sample &begin = *first, &end = samples_.back();
  const double seconds = std::chrono::duration<double>(end.at - begin.at).count();
  // Counters fall when a model is unloaded.
  if (seconds <= 0 || end.prompt_rows < begin.prompt_rows || end.decode_rows < begin.decode_rows)
    return {};
  return {double(end.prompt_rows - begin.prompt_rows) / seconds,
          double(end.decode_rows - begin.decode_rows) / seconds};
}

}  // namespace nanoflow
