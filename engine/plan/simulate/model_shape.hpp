// Models that the simulation knows by name: shapes only, no weights.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/config.hpp"

namespace nanoflow::simulate {

/// A shape that is neither known nor a model's path.
struct ShapeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::vector<std::string_view> shape_names();
/// A known name in any case, or the path of a GGUF file, of a config.json or of the folder that
/// holds one. Throws ShapeError, and ModelError for a file that is wrong.
ModelConfig find_shape(const std::string& name_or_path);

/// Parameters, both embeddings included; active: of the experts only those that a token uses.
double parameters(const ModelConfig& config);
double active_parameters(const ModelConfig& config);

}  // namespace nanoflow::simulate
