#include "client/protocol_pack.hpp"

#include <bit>

namespace nanoflow::wire {
namespace {

template <class Bits>
void put_big_endian(ByteSink& sink, char type, Bits bits) {
  char bytes[1 + sizeof bits] = {type};
  for (std::size_t i = 0; i < sizeof bits; ++i)
    bytes[1 + i] = char(bits >> (8 * (sizeof bits - 1 - i)));
  sink.write(bytes, sizeof bytes);
}

}  // namespace

Bytes MapPacker::finish() const {
  ByteSink whole;
  whole.bytes.reserve(fields_.bytes.size() + 5);
  msgpack::packer<ByteSink>(whole).pack_map(count_);
  whole.bytes.insert(whole.bytes.end(), fields_.bytes.begin(), fields_.bytes.end());
  return std::move(whole.bytes);
}

void MapPacker::write(std::string_view text) {
  pack().pack_str(std::uint32_t(text.size()));
  pack().pack_str_body(text.data(), std::uint32_t(text.size()));
}

// msgpack-c's own packer turns a whole number such as 100.0 into an integer, and readers in typed
// languages would see a field change its type with its value.
void MapPacker::write(double value) {
  put_big_endian(fields_, '\xcb', std::bit_cast<std::uint64_t>(value));
}
void MapPacker::write(float value) {
  put_big_endian(fields_, '\xca', std::bit_cast<std::uint32_t>(value));
}

void MapPacker::write(const RequestId& id) {
  std::visit([this](const auto& value) { write(value); }, id);
}

void MapPacker::write(const Message& message) {
  pack().pack_map(2);
  write("role");
  write(message.role);
  write("content");
  write(message.content);
}

void MapPacker::write(const Logprob& logprob) {
  pack().pack_map(3);
  write("token");
  write(logprob.token);
  write("logprob");
  write(logprob.logprob);
  write("top");
  pack().pack_array(std::uint32_t(logprob.top.size()));
  for (const auto& [token, value] : logprob.top) {
    pack().pack_array(2);
    write(token);
    write(value);
  }
}

void MapPacker::write(const MapPacker& map) {
  pack().pack_map(map.count_);
  fields_.bytes.insert(fields_.bytes.end(), map.fields_.bytes.begin(), map.fields_.bytes.end());
}

void MapPacker::write(const std::vector<std::pair<Token, double>>& biases) {
  pack().pack_map(std::uint32_t(biases.size()));
  for (const auto& [token, bias] : biases) {
    write(token);
    write(bias);
  }
}

void MapPacker::write(const Json& value) {
  switch (value.type()) {
    case Json::value_t::boolean:
      return write(value.get<bool>());
    case Json::value_t::number_integer:
      pack().pack(value.get<std::int64_t>());
      return;
    case Json::value_t::number_unsigned:
      return write(value.get<std::uint64_t>());
    case Json::value_t::number_float:
      return write(value.get<double>());
    case Json::value_t::string:
      return write(value.get_ref<const std::string&>());
    case Json::value_t::array:
      pack().pack_array(std::uint32_t(value.size()));
      for (const Json& entry : value) write(entry);
      return;
    case Json::value_t::object:
      pack().pack_map(std::uint32_t(value.size()));
      for (const auto& [key, entry] : value.items()) {
        write(key);
        write(entry);
      }
      return;
    default:
      pack().pack_nil();
  }
}

}  // namespace nanoflow::wire
