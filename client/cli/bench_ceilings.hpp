// How much of what this machine could have reached at most a run of nanoflow bench did reach.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "client/cli/bench.hpp"

namespace nanoflow::cli {

/// What the daemon's `plan` says of the machine, of a model, and of the steps that it has run so
/// far.
struct Counted {
  bool known = false;        // the peaks are; roofline_s counts steps only since then
  std::string weights;       // as they are multiplied: "int4 and int8"
  double flops_per_s = 0;    // the machine's peak in such products
  double bytes_per_s = 0;    // reading memory
  double row_flops = 0;      // a row's, in all layers
  double sampled_flops = 0;  // a sampled row's, in the LM head
  double steps = 0, rows = 0;
  double roofline_s = 0;  // the time that the steps would take at least, one operation at a time
};
/// model: its name where several are loaded, else empty. Nothing where the daemon does not say.
std::optional<Counted> counted(const wire::Json& plan, const std::string& model);

/// `optimum`, NanoFlow's: the FLOPs of what was asked at peak, the LM head counted for sampled rows
/// only. `roofline`: of the steps that ran in between. Each has the tokens/s in all that it would
/// have allowed, and the share of it that was reached. Or `unknown`: why there are none.
wire::Json ceilings(const std::vector<Sample>& samples, double seconds,
                    const std::optional<Counted>& before, const std::optional<Counted>& after);

/// As lines for a person.
std::string describe_ceilings(const wire::Json& found);

}  // namespace nanoflow::cli
