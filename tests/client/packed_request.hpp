// Requests packed field by field, so that any of them can be wrong.
#pragma once
#include <functional>
#include <msgpack.hpp>
#include <string>
#include <utility>
#include <vector>

#include "client/protocol.hpp"

namespace nanoflow::test {

using Pack = msgpack::packer<msgpack::sbuffer>;
using Put = std::function<void(Pack&)>;
using Fields = std::vector<std::pair<std::string, Put>>;

template <class T>
Put is(const T& value) {
  return [value](Pack& pack) { pack.pack(value); };
}
inline const Put nil = [](Pack& pack) { pack.pack_nil(); };
inline const Put empty_map = [](Pack& pack) { pack.pack_map(0); };
inline Put messages_with(const Fields& fields) {
  return [fields](Pack& pack) {
    pack.pack_array(1);
    pack.pack_map(std::uint32_t(fields.size()));
    for (const auto& [key, put] : fields) {
      pack.pack(key);
      put(pack);
    }
  };
}

inline std::variant<wire::Request, wire::Event> decode(const Fields& fields) {
  msgpack::sbuffer buffer;
  Pack pack(buffer);
  pack.pack_map(std::uint32_t(fields.size()));
  for (const auto& [key, put] : fields) {
    pack.pack(key);
    put(pack);
  }
  return wire::decode_request(std::as_bytes(std::span(buffer.data(), buffer.size())));
}

}  // namespace nanoflow::test
