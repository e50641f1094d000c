// msgpack within bounds: used by protocol_*.cpp only.
#pragma once
#include <span>
#include <stdexcept>

#include <msgpack.hpp>

namespace nanoflow::wire {

/// Bytes that are not one msgpack map within the limits.
struct UnpackError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr std::size_t max_request_depth = 8;  // the deepest request has 3
inline constexpr std::size_t max_event_depth = 32;   // answers hold tables of tables
inline constexpr std::size_t max_values = 1 << 20;   // in one message: bounds the tree to 24 MiB

/// Texts in the tree point into the bytes, which must outlive it. Throws UnpackError.
msgpack::object_handle unpack_strictly(std::span<const std::byte> bytes, std::size_t max_depth);

}  // namespace nanoflow::wire
