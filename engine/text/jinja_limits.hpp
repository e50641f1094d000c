#pragma once
#include <cstddef>

/// What one chat template may cost. A template comes with the model, so it is hostile input:
/// whatever it does must end soon, in bounded memory and on a bounded stack.
namespace nanoflow::jinja::limits {

inline constexpr std::size_t source_bytes = std::size_t{1} << 20;
inline constexpr int tree_depth = 160;  // nesting of the parsed template
inline constexpr int run_depth = 500;   // nesting while it runs: macros calling macros
inline constexpr int data_depth = 100;  // nesting of lists and maps: messages, printing, comparing
inline constexpr std::size_t range_items = 100'000;  // as Jinja's sandbox
inline constexpr std::size_t list_items = 400'000;
inline constexpr std::size_t text_bytes = std::size_t{8}
                                          << 20;  // of any one string, the output included
inline constexpr std::size_t live_bytes = std::size_t{64} << 20;  // of all values of one run

// A step is a node evaluated, an item visited or bytes_per_step bytes handled. A run may take
// base_steps, and more for a long conversation: real templates are linear in it.
inline constexpr std::size_t base_steps = 1'000'000;
inline constexpr std::size_t steps_per_input_value = 200;
inline constexpr std::size_t bytes_per_step = 256;

}  // namespace nanoflow::jinja::limits
