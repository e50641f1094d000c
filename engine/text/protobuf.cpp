#include "engine/text/protobuf.hpp"

#include <bit>

#include "engine/model/error.hpp"

namespace nanoflow::text {
namespace {

enum WireType { varint_type = 0, fixed64_type = 1, bytes_type = 2, fixed32_type = 5 };

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

}  // namespace

float ProtobufReader::Field::as_float() const {
  return std::bit_cast<float>(static_cast<std::uint32_t>(integer));
}

std::string_view ProtobufReader::take(std::uint64_t n) {
  if (n > bytes_.size()) {
    throw ModelError("a protobuf field of " + std::to_string(n) + " bytes, where " +
                     std::to_string(bytes_.size()) + " are left");
  }
  const std::string_view taken = bytes_.substr(0, n);
  bytes_.remove_prefix(n);
  return taken;
}

std::uint64_t ProtobufReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(take(1)[0]);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  throw ModelError("a protobuf varint of more than 10 bytes");
}

std::optional<ProtobufReader::Field> ProtobufReader::next() {
  if (bytes_.empty()) return std::nullopt;
  const std::uint64_t key = varint();
  Field field;
  field.number = static_cast<std::uint32_t>(key >> 3);
  switch (key & 7) {
    case varint_type:
      field.integer = varint();
      break;
    case fixed64_type:
      field.integer = little_endian(take(8));
      break;
    case fixed32_type:
      field.integer = little_endian(take(4));
      break;
    case bytes_type:
      field.bytes = take(varint());
      field.is_bytes = true;
      break;
    default:
      throw ModelError("protobuf field " + std::to_string(field.number) +
                       ": expected wire type 0, 1, 2 or 5, found " + std::to_string(key & 7));
  }
  return field;
}

void ProtobufWriter::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(0x80 | (value & 0x7F));
  out_ += static_cast<char>(value);
}

void ProtobufWriter::put(std::uint32_t number, std::uint64_t integer) {
  varint(static_cast<std::uint64_t>(number) << 3 | varint_type);
  varint(integer);
}

void ProtobufWriter::put(std::uint32_t number, float value) {
  varint(static_cast<std::uint64_t>(number) << 3 | fixed32_type);
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) out_ += static_cast<char>(bits >> shift & 0xFF);
}

void ProtobufWriter::put(std::uint32_t number, std::string_view bytes) {
  varint(static_cast<std::uint64_t>(number) << 3 | bytes_type);
  varint(bytes.size());
  out_ += bytes;
}

}  // namespace nanoflow::text
