#include "engine/model/safetensors_file.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/model/byte_cursor.hpp"
#include "engine/model/error.hpp"
#include "engine/model/json_file.hpp"
#include "engine/model/json_number.hpp"

namespace nanoflow {

using nlohmann::json;

namespace {

constexpr std::uint64_t max_header_bytes = 32U << 20;  // the largest published ones have a few MB

std::optional<DType> dtype_of(const json& name) {
  if (name == "F32") return DType::f32;
  if (name == "F16") return DType::f16;
  if (name == "BF16") return DType::bf16;
  return std::nullopt;
}

struct Header {
  json entries;  // name: {dtype, shape, data_offsets}
  std::uint64_t bytes;
};

Header read_header(const MappedFile& file) {
  const std::string name = file.path().string();
  ByteCursor in(file.bytes(), 0, name);
  const auto size = in.take<std::uint64_t>("header length");
  if (size > max_header_bytes) {
    in.fail("expected a header of at most " + std::to_string(max_header_bytes) + " bytes, found " +
            std::to_string(size));
  }
  const std::string text(in.bytes(size, "header"));  // a copy, which cannot change under the parser
  Header header{parse_json(text, name), in.at()};
  if (!header.entries.is_object()) {
    in.fail(std::string("expected an object, found ") + header.entries.type_name());
  }
  return header;
}

std::optional<std::vector<std::int64_t>> to_integers(const json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array()) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const json& item : *found) {
    const std::optional<std::int64_t> number = to_integer(item);
    if (!number || *number < 0) return std::nullopt;
    out.push_back(*number);
  }
  return out;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  const Header header = read_header(file_);
  data_ = file_.bytes().subspan(header.bytes);
  names_.reserve(header.entries.size());  // the views point into it
  for (const auto& [name, entry] : header.entries.items()) {
    if (name == "__metadata__") continue;
    names_.push_back(name);
    tensors_.push_back(read_tensor(names_.back(), entry));
  }
  check_overlaps();
}

TensorView SafetensorsFile::read_tensor(const std::string& name, const json& entry) const {
  if (!entry.is_object()) fail(name, std::string("expected an object, found ") + entry.type_name());
  const json type = entry.value("dtype", json());
  const std::optional<DType> dtype = dtype_of(type);
  if (!dtype) fail(name, "expected type F32, F16 or BF16, found " + printable(type.dump()));
  const auto shape = to_integers(entry, "shape"), offsets = to_integers(entry, "data_offsets");
  if (!shape) fail(name, "shape: expected a list of counts");
  if (!offsets || offsets->size() != 2) fail(name, "data_offsets: expected two offsets");
  std::uint64_t bytes = block_bytes(*dtype);
  for (const std::int64_t n : *shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(n), &bytes)) {
      fail(name, "shape: more bytes than can be counted");
    }
  }
  const auto begin = static_cast<std::uint64_t>(offsets->front());
  const auto end = static_cast<std::uint64_t>(offsets->back());
  const std::string range = std::to_string(begin) + " to " + std::to_string(end);
  if (begin > end || end > data_.size()) {
    fail(name,
         "data_offsets: expected at most " + std::to_string(data_.size()) + ", found " + range);
  }
  if (end - begin != bytes) {
    fail(name, "data_offsets: expected " + std::to_string(bytes) + " bytes, found " + range);
  }
  const auto data = data_.subspan(begin, bytes);
  if (reinterpret_cast<std::uintptr_t>(data.data()) % block_bytes(*dtype) != 0) {
    fail(name, "data_offsets: expected a multiple of the type's size in the file, found " + range);
  }
  return {name, *dtype, *shape, data};
}

void SafetensorsFile::check_overlaps() const {
  std::vector<const TensorView*> by_place;
  for (const TensorView& tensor : tensors_) {
    if (tensor) by_place.push_back(&tensor);
  }
  std::ranges::sort(by_place, {}, [](const TensorView* tensor) { return tensor->data.data(); });
  for (std::size_t i = 1; i < by_place.size(); ++i) {
    const TensorView& before = *by_place[i - 1];
    if (before.data.data() + before.data.size() > by_place[i]->data.data()) {
      fail(by_place[i]->name, "data_offsets: overlaps " + printable(before.name));
    }
  }
}

void SafetensorsFile::fail(std::string_view tensor, const std::string& what) const {
  throw ModelError(file_.path().string() + ": tensor " + printable(tensor) + ": " + what);
}

}  // namespace nanoflow
