#pragma once
#include "engine/model/checkpoint.hpp"
#include "engine/model/gguf_file.hpp"

namespace nanoflow {

/// The sampling defaults and end tokens of a GGUF file. Throws ModelError where they are no
/// sensible values.
GenerationDefaults read_generation(const GgufFile& file, int vocab_size);

/// Those of a Hugging Face folder: generation_config.json, or else config.json's end tokens.
GenerationDefaults read_generation(const std::filesystem::path& folder, int vocab_size);

}  // namespace nanoflow
