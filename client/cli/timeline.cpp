#include "client/cli/timeline.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ostream>
#include <set>

namespace nanoflow::cli {
namespace {

constexpr int name_width = 9;

/// Operations in the order they are drawn, each with its letter.
using Letters = std::vector<std::pair<std::string, char>>;

char letter_of(const Letters& letters, const std::string& operation) {
  for (const auto& [name, letter] : letters)
    if (name == operation) return letter;
  return 0;
}

/// The first letter of an operation's name that no other has.
Letters letters_of(const Timeline& timeline) {
  Letters letters;
  std::set<char> taken;
  const auto take = [&](const std::string& operation, const std::string& from) {
    for (const char letter : from) {
      const char small = char(std::tolower((unsigned char)letter));
      if (!std::isalpha((unsigned char)small) || !taken.insert(small).second) continue;
      letters.emplace_back(operation, small);
      return true;
    }
    return false;
  };
  for (const auto& lane : timeline.lanes)
    for (const auto& bar : lane.bars) {
      if (letter_of(letters, bar.operation)) continue;
      if (!take(bar.operation, bar.operation) && !take(bar.operation, "abcdefghijklmnopqrstuvwxyz"))
        letters.emplace_back(bar.operation, '+');
    }
  return letters;
}

/// The bar that has most of a column's time; none where the stream is mostly idle.
const TimelineBar* bar_at(const TimelineLane& lane, double begin, double end) {
  const TimelineBar* most = nullptr;
  double most_time = 0, busy = 0;
  for (const auto& bar : lane.bars) {
    const double time = std::min(bar.end, end) - std::max(bar.begin, begin);
    if (time <= 0) continue;
    busy += time;
    if (time > most_time) most = &bar, most_time = time;
  }
  return busy * 2 >= end - begin ? most : nullptr;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

/// A round number of milliseconds between ticks, so that some six fit.
double tick_ms(double total_ms) {
  const double raw = total_ms / 6, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (raw <= factor * power) return factor * power;
  return 10 * power;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string axis(double seconds, int columns) {
  std::string line(std::size_t(columns) + 10, ' ');
  const double total_ms = seconds * 1000, step = tick_ms(total_ms);
  std::size_t free = 0;
  for (int tick = 0; tick * step <= total_ms; ++tick) {
    const std::string text = number(tick * step) + (tick == 0 ? " ms" : "");
    const auto at = std::size_t(tick * step / total_ms * columns);
    if (at < free || at + text.size() > line.size()) continue;
    line.replace(at, text.size(), text);
    free = at + text.size() + 1;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void print_lane(std::ostream& out, const TimelineLane& lane, double seconds, int columns,
                const Letters& letters) {
  std::string operations, shares;
  for (int column = 0; column < columns; ++column) {
    const auto* bar = bar_at(lane, seconds * column / columns, seconds * (column + 1) / columns);
    const char letter = bar ? letter_of(letters, bar->operation) : '.';
    operations += bar && bar->nano > 0 ? char(std::toupper((unsigned char)letter)) : letter;
    const long tenths = bar ? std::lround(bar->share * 10) : 0;
    shares += !bar ? ' ' : tenths >= 10 ? '#' : char('0' + tenths);
  }
  out << padded(lane.name, name_width) << '|' << operations << "|\n";
  out << padded("", name_width) << '|' << shares << "|\n";
}

void print_legend(std::ostream& out, const Timeline& timeline, const Letters& letters) {
  std::size_t width = 0, at = 0, used = 0;
  for (const auto& [operation, letter] : letters) width = std::max(width, operation.size() + 4);
  for (const auto& [operation, letter] : letters) {
    if (at > 0 && at + width > 80) out << '\n', at = 0;
    if (at == 0)
      out << padded("", name_width + 1);
    else
      out << std::string(at - used, ' ');
    const std::string entry = std::string(1, letter) + ' ' + operation;
    out << entry;
    used = at + entry.size();
    at += width;
  }
  out << '\n' << padded("", name_width + 1);
  if (timeline.nano_batches.size() > 1)
    out << "small letters: " << timeline.nano_batches[0] << "; capitals: "
        << (timeline.nano_batches.size() > 2 ? "the others" : timeline.nano_batches[1]) << '\n'
        << padded("", name_width + 1);
  out << "below: share of the device in tenths, # is all of it\n";
}

}  // namespace

void print_timeline(std::ostream& out, const Timeline& timeline, int columns) {
  const int inside = std::max(20, columns - name_width - 2);
  const auto letters = letters_of(timeline);
  out << timeline.title << "\n\n" << padded("", name_width + 1);
  out << axis(timeline.seconds, inside) << '\n';
  for (const auto& lane : timeline.lanes)
    if (!lane.bars.empty()) print_lane(out, lane, timeline.seconds, inside, letters);
  print_legend(out, timeline, letters);
}

}  // namespace nanoflow::cli
