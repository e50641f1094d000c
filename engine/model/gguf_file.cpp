// A GGUF file's metadata, converted when asked for.
#include "engine/model/gguf_file.hpp"

#include <cmath>
#include <utility>
#include <variant>

#include "engine/model/gguf_reader.hpp"
#include "engine/model/mapped_file.hpp"

namespace nanoflow {

using gguf::Type;
using gguf::Value;

struct GgufFile::Impl {
  explicit Impl(const std::filesystem::path& path)
      : file(path), name(path.string()), contents(gguf::read(file.bytes(), name)) {
    for (const TensorView& tensor : contents.tensors) tensors_by_name.emplace(tensor.name, &tensor);
  }

  MappedFile file;
  std::string name;  // for messages
  gguf::Contents contents;
  std::unordered_map<std::string_view, const TensorView*> tensors_by_name;

  /// The value, if it is there; what the caller cannot use is an error.
  const Value* find(std::string_view key, bool array) const {
    const auto found = contents.metadata.find(key);
    if (found == contents.metadata.end()) return nullptr;
    if (found->second.array != array)
      fail(key, array ? "an array" : "a single value", found->second);
    return &found->second;
  }
  ByteCursor cursor(const Value& value) const { return {file.bytes(), value.offset, name}; }

  [[noreturn]] void fail(std::string_view key, const std::string& expected,
                         const Value& value) const;
};

namespace {

using Number = std::variant<std::int64_t, std::uint64_t, double>;

constexpr std::string_view type_names[] = {"u8",   "i8",   "u16",   "i16", "u32", "i32", "f32",
                                           "bool", "text", "array", "u64", "i64", "f64"};

bool is_number(Type type) {
  return type != Type::text && type != Type::array;
}

Number take_number(ByteCursor& in, Type type) {
  static constexpr std::string_view what = "number";
  switch (type) {
    case Type::u8:
    case Type::boolean:
      return std::int64_t{in.take<std::uint8_t>(what)};
    case Type::i8:
      return std::int64_t{in.take<std::int8_t>(what)};
    case Type::u16:
      return std::int64_t{in.take<std::uint16_t>(what)};
    case Type::i16:
      return std::int64_t{in.take<std::int16_t>(what)};
    case Type::u32:
      return std::int64_t{in.take<std::uint32_t>(what)};
    case Type::i32:
      return std::int64_t{in.take<std::int32_t>(what)};
    case Type::u64:
      return in.take<std::uint64_t>(what);
    case Type::i64:
      return in.take<std::int64_t>(what);
    case Type::f32:
      return double{in.take<float>(what)};
    default:
      return in.take<double>(what);
  }
}

double to_double(const Number& number) {
  return std::visit([](auto x) { return static_cast<double>(x); }, number);
}

/// Empty where a value would be lost: a fraction, or a number beyond 64 bits with sign.
std::optional<std::int64_t> to_integer(const Number& number) {
  if (const auto* i = std::get_if<std::int64_t>(&number)) return *i;
  if (const auto* u = std::get_if<std::uint64_t>(&number)) {
    if (std::in_range<std::int64_t>(*u)) return static_cast<std::int64_t>(*u);
    return std::nullopt;
  }
  const double x = std::get<double>(number);
  if (!(std::abs(x) <= 0x1p53) || x != std::floor(x)) return std::nullopt;
  return static_cast<std::int64_t>(x);
}

}  // namespace

void GgufFile::Impl::fail(std::string_view key, const std::string& expected,
                          const Value& value) const {
  throw ModelError(name + ": " + printable(key) + ": expected " + expected + ", found " +
                   (value.array ? "an array of " : "") +
                   std::string(type_names[static_cast<std::size_t>(value.type)]));
}

GgufFile::GgufFile(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
GgufFile::~GgufFile() = default;

std::shared_ptr<const GgufFile> GgufFile::open(const std::filesystem::path& path) {
  return std::shared_ptr<const GgufFile>(new GgufFile(std::make_unique<const Impl>(path)));
}

const std::filesystem::path& GgufFile::path() const {
  return impl_->file.path();
}

void GgufFile::check_intact() const {
  impl_->file.check_intact();
}

void GgufFile::forget() const {
  impl_->file.forget();
}

std::uint64_t GgufFile::file_bytes() const {
  return impl_->file.bytes().size();
}

std::optional<std::uint64_t> GgufFile::array_size(std::string_view key) const {
  const auto found = impl_->contents.metadata.find(key);
  if (found == impl_->contents.metadata.end() || !found->second.array) return std::nullopt;
  return found->second.count;
}

bool GgufFile::has(std::string_view key) const {
  return impl_->contents.metadata.contains(key);
}

std::optional<std::string_view> GgufFile::text(std::string_view key) const {
  const Value* const value = impl_->find(key, false);
  if (value == nullptr) return std::nullopt;
  if (value->type != Type::text) impl_->fail(key, "a text", *value);
  return impl_->cursor(*value).text(key);
}

std::optional<std::int64_t> GgufFile::integer(std::string_view key) const {
  const Value* const value = impl_->find(key, false);
  if (value == nullptr) return std::nullopt;
  if (!is_number(value->type) || value->type == Type::boolean)
    impl_->fail(key, "an integer", *value);
  ByteCursor in = impl_->cursor(*value);
  const std::optional<std::int64_t> out = to_integer(take_number(in, value->type));
  if (!out) impl_->fail(key, "an integer of 64 bits", *value);
  return out;
}

std::optional<double> GgufFile::number(std::string_view key) const {
  const Value* const value = impl_->find(key, false);
  if (value == nullptr) return std::nullopt;
  if (!is_number(value->type) || value->type == Type::boolean) impl_->fail(key, "a number", *value);
  ByteCursor in = impl_->cursor(*value);
  return to_double(take_number(in, value->type));
}

std::optional<bool> GgufFile::flag(std::string_view key) const {
  const Value* const value = impl_->find(key, false);
  if (value == nullptr) return std::nullopt;
  if (value->type != Type::boolean) impl_->fail(key, "true or false", *value);
  return impl_->cursor(*value).take<std::uint8_t>(key) != 0;
}

std::optional<std::vector<std::string_view>> GgufFile::texts(std::string_view key) const {
  const Value* const value = impl_->find(key, true);
  if (value == nullptr) return std::nullopt;
  if (value->type != Type::text) impl_->fail(key, "an array of texts", *value);
  ByteCursor in = impl_->cursor(*value);
  std::vector<std::string_view> out(value->count);  // each took 8 bytes of the file on opening
  for (std::string_view& text : out) text = in.text(key);
  return out;
}

std::optional<std::vector<std::int64_t>> GgufFile::integers(std::string_view key) const {
  const Value* const value = impl_->find(key, true);
  if (value == nullptr) return std::nullopt;
  if (!is_number(value->type)) impl_->fail(key, "an array of integers", *value);
  ByteCursor in = impl_->cursor(*value);
  std::vector<std::int64_t> out(value->count);
  for (std::int64_t& number : out) {
    const std::optional<std::int64_t> integer = to_integer(take_number(in, value->type));
    if (!integer) impl_->fail(key, "an array of integers of 64 bits", *value);
    number = *integer;
  }
  return out;
}

std::optional<std::vector<float>> GgufFile::numbers(std::string_view key) const {
  const Value* const value = impl_->find(key, true);
  if (value == nullptr) return std::nullopt;
  if (!is_number(value->type) || value->type == Type::boolean) {
    impl_->fail(key, "an array of numbers", *value);
  }
  ByteCursor in = impl_->cursor(*value);
  std::vector<float> out(value->count);
  for (float& number : out) number = static_cast<float>(to_double(take_number(in, value->type)));
  return out;
}

std::span<const TensorView> GgufFile::tensors() const {
  return impl_->contents.tensors;
}

const TensorView* GgufFile::find_tensor(std::string_view name) const {
  const auto found = impl_->tensors_by_name.find(name);
  return found == impl_->tensors_by_name.end() ? nullptr : found->second;
}

}  // namespace nanoflow
