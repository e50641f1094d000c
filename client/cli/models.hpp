#pragma once
#include "client/cli/command.hpp"

namespace nanoflow::cli {

/// Loads, with a progress bar on a terminal.
wire::Json load_with_bar(Client& client, wire::Load load);

}  // namespace nanoflow::cli
