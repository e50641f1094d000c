// nanoflow plan --simulate: a device in virtual time, without a daemon.
#pragma once
#include <optional>
#include <string>

#include "client/cli/options.hpp"

namespace nanoflow::cli {

struct SimulateOptions {
  std::string profile, model, workload, svg;
  std::optional<int> devices, batch;
};
void add_simulate_options(OptionSet& options, SimulateOptions& target);
bool is_given(const SimulateOptions& options);

/// Prints the answer; returns the exit code. Throws UsageError for what is missing or unknown.
int simulate_plan(const SimulateOptions& options, bool json);

}  // namespace nanoflow::cli
