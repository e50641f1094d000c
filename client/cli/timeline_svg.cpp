#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "client/cli/timeline.hpp"

namespace nanoflow::cli {
namespace {

constexpr double left = 90, right = 20, chart_width = 1090, lane_height = 54, lane_gap = 10;
constexpr double title_height = 34, axis_height = 30;
// By what bounds an operation, then by nano-batch.
constexpr std::array<std::array<const char*, 2>, 3> colours = {
    {{"#6699cc", "#aaccee"}, {"#55aa66", "#aaddaa"}, {"#dd8844", "#f2c080"}}};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '&')
      out += "&amp;";
    else if (letter == '<')
      out += "&lt;";
    else if (letter == '>')
      out += "&gt;";
    else if ((unsigned char)letter >= 0x20)
      out += letter;
  }
  return out;
}

std::string fixed(double value, int digits = 1) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

void draw_text(std::ostream& out, double x, double y, const std::string& text,
               const char* extra = "") {
  out << "<text x=\"" << fixed(x) << "\" y=\"" << fixed(y) << "\" " << extra << '>' << escaped(text)
      << "</text>\n";
}

class Chart {
 public:
  Chart(std::ostream& out, const Timeline& timeline, double top, double scale)
      : out_(out), timeline_(timeline), top_(top), scale_(scale) {}

  /// Returns where the next chart begins.
  double draw() {
    draw_text(out_, 10, top_ + 20, timeline_.title, "font-weight=\"bold\"");
    double y = top_ + title_height;
    for (const auto& lane : timeline_.lanes) {
      if (lane.bars.empty()) continue;
      draw_lane(lane, y);
      y += lane_height + lane_gap;
    }
    draw_axis(y);
    return y + axis_height;
  }

 private:
  void draw_lane(const TimelineLane& lane, double y) {
    draw_text(out_, 10, y + lane_height / 2 + 4, lane.name);
    out_ << "<rect x=\"" << left << "\" y=\"" << fixed(y) << "\" width=\""
         << fixed(timeline_.seconds * scale_) << "\" height=\"" << lane_height
         << "\" fill=\"#f2f2f2\"/>\n";
    for (const auto& bar : lane.bars) draw_bar(bar, y);
    draw_labels(lane, y);
  }

  void draw_bar(const TimelineBar& bar, double y) {
    const char* colour = colours.at(std::size_t(bar.resource))[bar.nano > 0];
    const double height = bar.share * lane_height, width = (bar.end - bar.begin) * scale_;
    out_ << "<rect x=\"" << fixed(left + bar.begin * scale_, 2) << "\" y=\""
         << fixed(y + lane_height - height) << "\" width=\"" << fixed(width, 2) << "\" height=\""
         << fixed(height) << "\" fill=\"" << colour << "\"><title>" << escaped(bar.operation);
    if (timeline_.nano_batches.size() > 1)
      out_ << ", " << escaped(timeline_.nano_batches[std::size_t(bar.nano)]);
    out_ << ", " << fixed((bar.end - bar.begin) * 1e6, 0) << " µs at " << fixed(bar.share * 100, 0)
         << "% of the device</title></rect>\n";
  }

  /// One label for all pieces of a launch, where it fits; a line where each begins.
  void draw_labels(const TimelineLane& lane, double y) {
    for (std::size_t i = 0; i < lane.bars.size();) {
      std::size_t next = i + 1;
      while (next < lane.bars.size() && lane.bars[next].operation == lane.bars[i].operation &&
             lane.bars[next].nano == lane.bars[i].nano)
        ++next;
      const double begin = left + lane.bars[i].begin * scale_;
      const double width = left + lane.bars[next - 1].end * scale_ - begin;
      out_ << "<path d=\"M" << fixed(begin, 2) << ' ' << fixed(y) << 'v' << lane_height
           << "\" stroke=\"#fff\"/>\n";
      if (width > 6.6 * double(lane.bars[i].operation.size()))
        draw_text(out_, begin + width / 2, y + lane_height - 6, lane.bars[i].operation,
                  "text-anchor=\"middle\"");
      i = next;
    }
  }

  void draw_axis(double y) {
    const double total_ms = timeline_.seconds * 1000;
    double step = std::pow(10, std::floor(std::log10(total_ms)));
    if (total_ms / step < 4) step /= 5;
    for (int tick = 0; tick * step <= total_ms; ++tick)
      draw_text(out_, left + tick * step / 1000 * scale_, y + 8,
                fixed(tick * step, 2) + (tick == 0 ? " ms" : ""), "font-size=\"10\"");
  }

  std::ostream& out_;
  const Timeline& timeline_;
  double top_, scale_;
};

}  // namespace

std::string timeline_svg(const std::vector<Timeline>& timelines) {
  double longest = 0;
  for (const auto& timeline : timelines) longest = std::max(longest, timeline.seconds);
  std::ostringstream charts;
  double top = 0;
  for (const auto& timeline : timelines)
    top = Chart(charts, timeline, top, chart_width / longest).draw();
  std::ostringstream out;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << left + chart_width + right
      << "\" height=\"" << fixed(top, 0)
      << "\" font-family=\"sans-serif\" font-size=\"12\">\n"
         "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
      << charts.str() << "</svg>\n";
  return out.str();
}

void write_svg(const std::string& path, const std::vector<Timeline>& timelines) {
  std::ofstream file(path);
  file << timeline_svg(timelines);
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
  std::cerr << "wrote " << path << '\n';
}

}  // namespace nanoflow::cli
