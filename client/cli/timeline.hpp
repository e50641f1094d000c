// Draws what ran on which stream: as text, and as SVG.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

namespace nanoflow::cli {

struct TimelineBar {
  double begin = 0, end = 0;  // seconds
  std::string operation;
  int nano = 0;      // which nano-batch: 0, 1, ...
  double share = 1;  // of the device
  int resource = 0;  // that bounds it: 0 compute, 1 memory, 2 network
};

struct TimelineLane {
  std::string name;
  std::vector<TimelineBar> bars;  // by begin, one after the other
};

struct Timeline {
  std::string title;
  double seconds = 0;
  std::vector<std::string> nano_batches;  // what each is, "1024 rows"
  std::vector<TimelineLane> lanes;
};

/// A letter for each operation (small for the first nano-batch, capital for the second), its share
/// in tenths below, and what the letters mean.
void print_timeline(std::ostream& out, const Timeline& timeline, int columns);

/// Charts below each other on one scale. A bar is as high as its share.
std::string timeline_svg(const std::vector<Timeline>& timelines);
/// Into a file; says so on stderr. Throws where it cannot be written.
void write_svg(const std::string& path, const std::vector<Timeline>& timelines);

}  // namespace nanoflow::cli
