// What nanoflow top shows.
#pragma once
#include <string>

#include "client/protocol.hpp"

namespace nanoflow::cli {

/// The machine's peaks, to hold the streams against; 0: not known.
struct TopPeaks {
  double flops_per_s = 0, bytes_per_s = 0;
};
/// From the daemon's answer to `plan`: the highest of its models'.
TopPeaks peaks_of(const wire::Json& answer);

/// One view of the daemon's `status`. Lines are cut to so many columns, and there are at most so
/// many (0: as many as it takes).
std::string top_view(const wire::Json& status, const TopPeaks& peaks, int columns, int rows);

}  // namespace nanoflow::cli
