#include "client/cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>

#include "client/cli/command.hpp"

namespace nanoflow::cli {
namespace {

std::string scaled(double value, double step, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  while (std::abs(value) >= step && unit + 1 != units.end()) {
    value /= step;
    ++unit;
  }
  const bool whole = unit == units.begin() || std::abs(value) >= 100;
  return format(whole ? "%.0f" : "%.1f", value) + (**unit ? " " : "") + *unit;
}

std::string human_flops(double flops) {
  return scaled(flops, 1000, {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"});
}

/// Columns a text takes: characters, not bytes.
std::size_t width_of(const std::string& text) {
  return std::size_t(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// A field's name as a person reads it; its unit is left to the value, which says it ("2.0 s").
std::string heading(std::string name) {
  for (const std::string_view unit : {"_per_s", "_ms", "_seconds", "_bytes"})
    if (name.ends_with(unit) && name != "page_seconds") {
      name.resize(name.size() - unit.size());
      break;
    }
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

bool is_table(const wire::Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const auto& row) { return row.is_object(); });
}

void print_lines(std::ostream& out, const wire::Json& object, const std::string& prefix) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object())
      print_lines(out, value, prefix + heading(key) + " ");
    else if (!is_table(value))
      out << std::left << std::setw(24) << prefix + heading(key) << human_value(key, value) << '\n';
  }
}

}  // namespace

void print_text(std::string_view text) {
  static const bool terminal = isatty(STDOUT_FILENO);
  if (!terminal) {
    std::cout << text << std::flush;
    return;
  }
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = (unsigned char)text[i];
    // C1 controls, U+0080 to U+009F, are C2 80 to C2 9F in UTF-8.
    if (byte == 0xC2 && i + 1 < text.size() && (unsigned char)text[i + 1] < 0xA0) {
      ++i;
      continue;
    }
    if (byte == '\n' || byte == '\t' || (byte >= 0x20 && byte != 0x7F)) shown += char(byte);
  }
  std::cout << shown << std::flush;
}

int terminal_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return std::clamp(int(size.ws_col), 60, 160);
}

int terminal_rows() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
  return std::max(int(size.ws_row), 10);
}

std::string human_bytes(double bytes) {
  return scaled(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB"});
}
std::string human_count(double count) {
  return scaled(count, 1000, {"", "k", "M", "G", "T", "P"});
}

std::string human_seconds(double seconds) {
  if (seconds < 0.1) return format("%.3g ms", seconds * 1000);
  if (seconds < 1) return format("%.0f ms", seconds * 1000);
  if (seconds < 60) return format("%.1f s", seconds);
  const double minutes = std::floor(seconds / 60);
  if (minutes < 60) return format("%.0f min ", minutes) + format("%.0f s", seconds - minutes * 60);
  const double hours = std::floor(minutes / 60);
  return format("%.0f h ", hours) + format("%.0f min", minutes - hours * 60);
}

std::string human_value(std::string_view name, const wire::Json& value) {
  const auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array() && value.empty()) return "none";
  if (!value.is_number()) return to_text(value);
  const double number = value.get<double>();
  if (ends("bytes_per_s")) return human_bytes(number) + "/s";
  if (ends("flops_per_s")) return human_flops(number) + "/s";
  if (ends("flops")) return human_flops(number);
  if (ends("_per_s")) return (number < 1000 ? format("%.1f", number) : human_count(number)) + "/s";
  if (ends("bytes")) return human_bytes(number);
  if (ends("_ms")) return human_seconds(number / 1000);
  if (ends("seconds") || ends("uptime") || ends("_s")) return human_seconds(number);
  if (ends("share") || ends("busy")) return format("%.0f %%", number * 100);
  if (ends("parameters")) return human_count(number);
  if (value.is_number_float()) return format("%.4g", number);
  return value.dump();
}

void print_table(std::ostream& out, const wire::Json& rows) {
  std::vector<std::string> columns;
  for (const auto& row : rows)
    for (const auto& [key, value] : row.items())
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
  std::vector<std::vector<std::string>> cells = {{}};
  for (const std::string& column : columns) {
    std::string name = heading(column);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return char(std::toupper(c)); });
    cells[0].push_back(name);
  }
  for (const auto& row : rows) {
    cells.emplace_back();
    for (const auto& column : columns)
      cells.back().push_back(row.contains(column) ? human_value(column, row[column]) : "");
  }
  for (const auto& row : cells) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      std::size_t width = 0;
      for (const auto& other : cells) width = std::max(width, width_of(other[c]));
      out << row[c];
      if (c + 1 < columns.size()) out << std::string(width - width_of(row[c]) + 2, ' ');
    }
    out << '\n';
  }
}

void print_report(std::ostream& out, const wire::Json& object) {
  print_lines(out, object, "");
  for (const auto& [key, value] : object.items()) {
    if (!is_table(value)) continue;
    out << '\n' << key << '\n';
    print_table(out, value);
  }
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), terminal_(isatty(STDERR_FILENO)) {}

ProgressBar::~ProgressBar() {
  if (shown_) std::cerr << "\r\033[K" << std::flush;
}

void ProgressBar::update(double done, double total, const std::string& note) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (done < total && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  shown_ = true;
  constexpr int width = 30;
  const double share = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0;
  const int filled = int(share * width);
  std::cerr << "\r\033[K" << label_ << " [" << std::string(std::size_t(filled), '#')
            << std::string(std::size_t(width - filled), ' ') << "] " << int(share * 100) << "% "
            << note << std::flush;
}

}  // namespace nanoflow::cli
