#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nanoflow::text {

/// Reads the fields of one message in protobuf's wire format. Throws ModelError beyond its end.
class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view bytes) : bytes_(bytes) {}

  struct Field {
    std::uint32_t number = 0;
    std::uint64_t integer = 0;  // a varint's value, or the bits of a fixed one
    std::string_view bytes;     // of a text, bytes or message
    bool is_bytes = false;

    float as_float() const;
  };
  std::optional<Field> next();

 private:
  std::uint64_t varint();
  std::string_view take(std::uint64_t n);

  std::string_view bytes_;
};

class ProtobufWriter {
 public:
  void put(std::uint32_t number, std::uint64_t integer);
  void put(std::uint32_t number, float value);
  void put(std::uint32_t number, std::string_view bytes);
  const std::string& bytes() const { return out_; }

 private:
  void varint(std::uint64_t value);

  std::string out_;
};

}  // namespace nanoflow::text
