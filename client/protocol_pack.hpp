// Writes one map field by field. Used by protocol_*.cpp only.
#pragma once
#include <msgpack.hpp>

#include "client/protocol.hpp"

namespace nanoflow::wire {

/// What msgpack's packer writes into.
class ByteSink {
 public:
  void write(const char* data, std::size_t size) {
    const auto* first = reinterpret_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), first, first + size);
  }
  Bytes bytes;
};

class MapPacker {
 public:
  template <class T>
  void put(std::string_view name, const T& value) {
    key(name);
    write(value);
  }
  /// Nothing where the value was left out.
  template <class T>
  void put(std::string_view name, const std::optional<T>& value) {
    if (value) put(name, *value);
  }
  template <class T>
  void put_unless(std::string_view name, const T& value, const T& standard) {
    if (!(value == standard)) put(name, value);
  }
  void put_nil(std::string_view name) {
    key(name);
    pack().pack_nil();
  }
  void put_map(std::string_view name, const MapPacker& map) {
    key(name);
    write(map);
  }
  Bytes finish() const;

 private:
  msgpack::packer<ByteSink> pack() { return msgpack::packer<ByteSink>(fields_); }
  void key(std::string_view name) {
    ++count_;
    write(name);
  }
  void write(std::string_view text);
  void write(const std::string& text) { write(std::string_view(text)); }
  void write(const char* text) { write(std::string_view(text)); }
  void write(bool value) { pack().pack(value); }
  void write(int value) { pack().pack(value); }
  void write(std::uint64_t value) { pack().pack(value); }
  void write(double value);
  void write(float value);
  void write(const RequestId& id);
  void write(const Message& message);
  void write(const Logprob& logprob);
  void write(const Json& value);
  void write(const MapPacker& map);
  /// A map of token ids to numbers.
  void write(const std::vector<std::pair<Token, double>>& biases);
  template <class T>
  void write(const std::vector<T>& values) {
    pack().pack_array(std::uint32_t(values.size()));
    for (const auto& value : values) write(value);
  }

  ByteSink fields_;
  std::uint32_t count_ = 0;
};

}  // namespace nanoflow::wire
