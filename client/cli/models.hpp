#pragma once
#include "client/cli/command.hpp"

namespace nanoflow::cli {

inline constexpr const char* how_to_find_models =
    "nanoflow models --available lists those in the model folder, nanoflow pull fetches one";

/// The rows as a table shows them: a model's bytes are what it reserves, and where it is not loaded
/// what its file has.
wire::Json model_table(const wire::Json& rows);
/// Loads, with a progress bar on a terminal.
wire::Json load_with_bar(Client& client, wire::Load load);

}  // namespace nanoflow::cli
