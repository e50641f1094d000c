#include "engine/model/gguf_reader.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <optional>
#include <unordered_set>

namespace nanoflow::gguf {

namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are little-endian");

constexpr std::uint64_t default_alignment = 32;
constexpr std::uint64_t max_alignment = 1U << 20;
constexpr std::uint32_t max_dimensions = 4;

/// ggml's numbers for tensor types.
std::optional<DType> dtype_of(std::uint32_t number) {
  switch (number) {
    case 0:
      return DType::f32;
    case 1:
      return DType::f16;
    case 2:
      return DType::q4_0;
    case 3:
      return DType::q4_1;
    case 6:
      return DType::q5_0;
    case 7:
      return DType::q5_1;
    case 8:
      return DType::q8_0;
    case 12:
      return DType::q4_k;
    case 13:
      return DType::q5_k;
    case 14:
      return DType::q6_k;
    case 30:
      return DType::bf16;
    default:
      return std::nullopt;
  }
}

Type read_type(ByteCursor& in, std::string_view key) {
  const auto number = in.take<std::uint32_t>(key);
  if (number > static_cast<std::uint32_t>(Type::f64)) {
    in.fail(printable(key) + ": expected a value type of 0 to 12, found " + std::to_string(number));
  }
  return static_cast<Type>(number);
}

Value read_value(ByteCursor& in, std::string_view key) {
  Value value{.type = read_type(in, key)};
  if (value.type == Type::array) {
    value.array = true;
    value.type = read_type(in, key);
    if (value.type == Type::array) in.fail(printable(key) + ": an array of arrays");
    value.count = in.take<std::uint64_t>(key);
  }
  value.offset = in.at();
  if (value.type != Type::text) {
    in.skip(value.count, size_of(value.type), key);
  } else {
    for (std::uint64_t i = 0; i < value.count; ++i) in.text(key);
  }
  return value;
}

/// A tensor as the header describes it; its data follow the header.
struct Description {
  TensorView view;
  std::uint64_t offset = 0, size = 0;  // bytes, from the start of the data
};

/// The bytes of the tensor's data, from its shape and type; no product may wrap.
std::uint64_t data_size(const TensorView& tensor, const ByteCursor& in) {
  const auto refuse = [&](const std::string& what) {
    in.fail(printable(tensor.name) + ": " + what);
  };
  std::uint64_t elements = 1;
  for (const std::int64_t n : tensor.shape) {
    if (n <= 0) refuse("expected dimensions of at least 1, found " + std::to_string(n));
    if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(n), &elements) ||
        elements > (std::uint64_t{1} << 48)) {
      refuse("a shape of more than 2^48 numbers");
    }
  }
  const std::uint64_t block = block_elements(tensor.dtype);
  if (static_cast<std::uint64_t>(tensor.shape.back()) % block != 0) {
    refuse("rows of " + std::to_string(tensor.shape.back()) + " numbers, expected a multiple of " +
           std::to_string(block) + " for " + std::string(to_string(tensor.dtype)));
  }
  return elements / block * block_bytes(tensor.dtype);
}

Description read_description(ByteCursor& in) {
  Description out;
  out.view.name = in.text("tensor name");
  const std::string name = printable(out.view.name);
  const auto n_dimensions = in.take<std::uint32_t>(name);
  if (n_dimensions == 0 || n_dimensions > max_dimensions) {
    in.fail(name + ": expected 1 to 4 dimensions, found " + std::to_string(n_dimensions));
  }
  for (std::uint32_t i = 0; i < n_dimensions; ++i) {
    out.view.shape.push_back(in.take<std::int64_t>(name));
  }
  std::reverse(out.view.shape.begin(), out.view.shape.end());  // GGUF writes the innermost first
  const auto number = in.take<std::uint32_t>(name);
  const std::optional<DType> dtype = dtype_of(number);
  if (!dtype) {
    in.fail(
        name + ": tensor type " + std::to_string(number) +
        " (ggml's number) is not supported; expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, "
        "Q4_K, Q5_K or Q6_K");
  }
  out.view.dtype = *dtype;
  out.offset = in.take<std::uint64_t>(name);
  out.size = data_size(out.view, in);
  return out;
}

std::uint64_t alignment_of(const Contents& contents, std::span<const std::byte> bytes,
                           std::string_view file) {
  const auto found = contents.metadata.find("general.alignment");
  if (found == contents.metadata.end()) return default_alignment;
  ByteCursor in(bytes, found->second.offset, file);
  if (found->second.type != Type::u32 || found->second.array) {
    in.fail("general.alignment: expected an unsigned 32-bit number");
  }
  const auto alignment = in.take<std::uint32_t>("general.alignment");
  if (alignment < 8 || alignment > max_alignment || !std::has_single_bit(alignment)) {
    in.fail("general.alignment: expected a power of two from 8 to 2^20, found " +
            std::to_string(alignment));
  }
  return alignment;
}

/// Points the views at their data: inside the file, aligned, and no two of them on the same bytes.
void place(std::vector<Description>& tensors, std::span<const std::byte> data,
           std::uint64_t alignment, std::string_view file) {
  const auto refuse = [&](const Description& tensor, const std::string& what) {
    throw ModelError(std::string(file) + ": " + printable(tensor.view.name) + ": data at " +
                     std::to_string(tensor.offset) + ", " + std::to_string(tensor.size) +
                     " bytes: " + what);
  };
  std::vector<const Description*> by_offset;
  for (Description& tensor : tensors) {
    if (tensor.offset % alignment != 0) {
      refuse(tensor, "expected an offset that is a multiple of " + std::to_string(alignment));
    }
    if (tensor.offset > data.size() || tensor.size > data.size() - tensor.offset) {
      refuse(tensor, "past the end of the file, which has " + std::to_string(data.size()) +
                         " bytes of data");
    }
    tensor.view.data = data.subspan(tensor.offset, tensor.size);
    by_offset.push_back(&tensor);
  }
  std::ranges::sort(by_offset, {}, &Description::offset);
  for (std::size_t i = 1; i < by_offset.size(); ++i) {
    const Description& before = *by_offset[i - 1];
    if (before.offset + before.size > by_offset[i]->offset) {
      refuse(*by_offset[i], "overlaps " + printable(before.view.name));
    }
  }
}

std::vector<Description> read_descriptions(ByteCursor& in, std::uint64_t count) {
  std::vector<Description> out;
  std::unordered_set<std::string_view> names;
  for (std::uint64_t i = 0; i < count; ++i) {  // a hostile count ends where the file does
    out.push_back(read_description(in));
    if (!names.insert(out.back().view.name).second) {
      in.fail("tensor " + printable(out.back().view.name) + " is there twice");
    }
  }
  return out;
}

}  // namespace

std::uint64_t size_of(Type type) {
  static constexpr std::uint64_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<std::size_t>(type)];
}

Contents read(std::span<const std::byte> bytes, std::string_view file) {
  Contents out;
  ByteCursor in(bytes, 0, file);
  if (in.take<std::uint32_t>("magic") != 0x46554747)
    in.fail("expected a GGUF file, found another magic");
  const auto version = in.take<std::uint32_t>("version");
  if (version != 2 && version != 3) {
    in.fail("expected GGUF version 2 or 3, found " + std::to_string(version));
  }
  const auto n_tensors = in.take<std::uint64_t>("tensor count");
  const auto n_values = in.take<std::uint64_t>("metadata count");
  for (std::uint64_t i = 0; i < n_values; ++i) {
    const std::string_view key = in.text("metadata key");
    if (!out.metadata.emplace(key, read_value(in, key)).second) {
      in.fail("metadata key " + printable(key) + " is there twice");
    }
  }
  std::vector<Description> tensors = read_descriptions(in, n_tensors);
  if (tensors.empty()) return out;
  const std::uint64_t alignment = alignment_of(out, bytes, file);
  const std::uint64_t start = (in.at() + alignment - 1) / alignment * alignment;
  if (start > bytes.size()) in.fail("expected tensor data, found the end of the file");
  place(tensors, bytes.subspan(start), alignment, file);
  for (Description& tensor : tensors) out.tensors.push_back(std::move(tensor.view));
  return out;
}

}  // namespace nanoflow::gguf
