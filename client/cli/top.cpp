#include "client/cli/top.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "client/cli/command.hpp"
#include "client/cli/interrupt.hpp"
#include "client/cli/plan_answer.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {
namespace {

constexpr int bar_width = 20;

double number(const wire::Json& object, const char* name) {
  return object.value(name, 0.0);
}

std::string per_cent(double share) {
  return std::to_string(std::lround(share * 100)) + " %";
}

std::string bar(double share) {
  const auto filled = std::size_t(std::clamp(share, 0.0, 1.0) * bar_width + 0.5);
  return std::string(filled, '#') + std::string(bar_width - filled, '.');
}

/// "210 GFLOP/s", and what part of the peak that is.
std::string rate(double value, const char* unit) {
  const std::string count = human_count(value);
  return count + (count.find(' ') == count.npos ? " " : "") + unit + "/s";
}
std::string of_peak(double value, double peak) {
  return peak > 0 ? per_cent(value / peak) : "-";
}

void print_head(std::ostream& out, const wire::Json& status) {
  out << status.value("server", "nanoflowd") << ", " << status.value("device", "unknown device")
      << ", up " << human_seconds(number(status, "uptime")) << "\n\n";
  out << "requests  " << status.value("running", 0L) << " running, " << status.value("waiting", 0L)
      << " waiting\n";
  out << "tokens    " << human_value("tokens_per_s", number(status, "prompt_tokens_per_s"))
      << " read, " << human_value("tokens_per_s", number(status, "tokens_per_s")) << " generated\n";
  const wire::Json pages = status.value("pages", wire::Json::object());
  const long total = pages.value("total", 0L), used = total - pages.value("free", 0L);
  out << "pages     " << bar(total > 0 ? double(used) / double(total) : 0) << ' ' << used << " of "
      << total << " in use, " << pages.value("cached", 0L) << " free ones hold the prefix cache";
  if (const long spilled = pages.value("spilled", 0L); spilled > 0)
    out << ", " << spilled << " spilled";
  out << "\n";
  const wire::Json memory = status.value("memory", wire::Json::object());
  out << "memory    " << human_bytes(number(memory, "resident_bytes")) << " resident\n";
}

/// [streams]; a stream's busy share without what it waited for others.
wire::Json stream_rows(const wire::Json& streams, const TopPeaks& peaks) {
  auto rows = wire::Json::array();
  for (const auto& stream : streams) {
    const double busy = number(stream, "busy_share"), flops = number(stream, "flops_per_s"),
                 bytes = number(stream, "bytes_per_s");
    rows.push_back({{"stream", stream.value("name", "?")},
                    {"busy", bar(busy) + ' ' + per_cent(busy)},
                    {"compute", rate(flops, "FLOP")},
                    {"of peak", of_peak(flops, peaks.flops_per_s)},
                    {"memory", rate(bytes, "B")},
                    {"of its peak", of_peak(bytes, peaks.bytes_per_s)},
                    {"steps", human_value("steps_per_s", number(stream, "steps_per_s"))}});
  }
  return rows;
}

/// A table below an empty line; nothing where there are no rows.
void print_rows(std::ostream& out, const wire::Json& rows) {
  if (rows.empty()) return;
  out << '\n';
  print_table(out, rows);
}

/// The first so many characters.
std::string cut(const std::string& line, int columns) {
  std::size_t end = 0;
  for (int n = 0; end < line.size(); ++end)
    if (((unsigned char)line[end] & 0xC0) != 0x80 && ++n > columns) break;
  return line.substr(0, end);
}

/// Over the view before, without a flicker: what is left of old lines is cleared as they are
/// written.
void show_in_place(const std::string& view) {
  std::string text = "\033[H";
  for (const char letter : view)
    text += letter == '\n' ? std::string("\033[K\n") : std::string(1, letter);
  std::cout << text << "\033[J" << std::flush;
}

}  // namespace

TopPeaks peaks_of(const wire::Json& answer) {
  TopPeaks peaks;
  for (const auto& [model, plan] : plans_by_model(answer)) {
    const auto found = plan.find("peaks");
    if (found == plan.end()) continue;
    peaks.flops_per_s = std::max(peaks.flops_per_s, number(*found, "flops_per_s"));
    peaks.bytes_per_s = std::max(peaks.bytes_per_s, number(*found, "read_bytes_per_s"));
  }
  return peaks;
}

std::string top_view(const wire::Json& status, const TopPeaks& peaks, int columns, int rows) {
  std::ostringstream all;
  print_head(all, status);
  print_rows(all, stream_rows(status.value("streams", wire::Json::array()), peaks));
  const wire::Json models = status.value("models", wire::Json::array());
  if (models.size() > 1) print_rows(all, models);
  print_rows(all, status.value("requests", wire::Json::array()));

  std::istringstream lines(all.str());
  std::vector<std::string> kept;
  for (std::string line; std::getline(lines, line);) kept.push_back(cut(line, columns));
  if (rows > 0 && int(kept.size()) > rows) {
    const auto left_out = kept.size() - std::size_t(rows) + 1;
    kept.resize(std::size_t(rows) - 1);
    kept.push_back("... and " + std::to_string(left_out) + " more lines");
  }
  std::string view;
  for (const std::string& line : kept) view += line + '\n';
  return view;
}

int top_command(Invocation& invocation) {
  double interval_s = 1;
  int count = 0;
  OptionSet options;
  options.value("--interval", "SECONDS", "time between views (1)", interval_s, {0.1, 3600});
  options.value("--count", "N", "end after this many views (0: never)", count, {0, wire::max_int});
  invocation.parse(options);
  Client client = invocation.connect();
  Interrupt interrupt;
  client.set_interrupt_fd(interrupt.fd());
  const bool terminal = isatty(STDOUT_FILENO) && !invocation.json;
  if (terminal) std::cout << "\033[2J";
  TopPeaks peaks;
  for (int view = 0; (count == 0 || view < count) && !interrupt.happened(); ++view) {
    const wire::Json status = client.request(wire::Status{});
    // They are measured while a model idles for the first time.
    if (!invocation.json && peaks.flops_per_s == 0) peaks = peaks_of(client.request(wire::Plan{}));
    if (invocation.json)
      print_json(status);
    else if (terminal)
      // The last line is for the hint.
      show_in_place(top_view(status, peaks, terminal_columns(), terminal_rows() - 2) +
                    "\nCtrl-C leaves");
    else
      std::cout << top_view(status, peaks, 1000, 0) << std::endl;
    if (count && view + 1 == count) break;
    // Nothing is due: this waits, and notices the daemon's end and Ctrl-C at once.
    client.receive(std::chrono::milliseconds(long(interval_s * 1000)));
  }
  if (terminal) std::cout << '\n';
  return exit_done;
}

}  // namespace nanoflow::cli
