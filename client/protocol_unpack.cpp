#include "client/protocol_unpack.hpp"

#include <string>

#include "client/protocol.hpp"

namespace nanoflow::wire {
namespace {

/// Walks the bytes before anything is allocated for them: a length that the message cannot hold, a
/// deep nest or an extension type ends the walk.
class Limits : public msgpack::null_visitor {
 public:
  Limits(std::size_t message_bytes, std::size_t max_depth)
      : message_bytes_(message_bytes), max_depth_(max_depth) {}
  std::string problem;

  bool visit_nil() { return count(1); }
  bool visit_boolean(bool) { return count(1); }
  bool visit_positive_integer(std::uint64_t) { return count(1); }
  bool visit_negative_integer(std::int64_t) { return count(1); }
  bool visit_float32(float) { return count(1); }
  bool visit_float64(double) { return count(1); }
  bool visit_str(const char*, std::uint32_t) { return count(1); }
  bool visit_bin(const char*, std::uint32_t) { return count(1); }
  bool visit_ext(const char*, std::uint32_t) { return fail("an extension type is not used here"); }
  bool start_array(std::uint32_t n) { return count(1) && enter(n, 1); }
  bool start_map(std::uint32_t n) { return count(1) && enter(n, 2); }
  bool end_array() { return leave(); }
  bool end_map() { return leave(); }

 private:
  bool fail(std::string why) {
    problem = std::move(why);
    return false;
  }
  bool count(std::size_t n) {
    values_ += n;
    return values_ <= max_values ||
           fail("more than " + std::to_string(max_values) + " values in one message");
  }
  bool enter(std::uint64_t n, std::uint64_t values_each) {
    if (n * values_each > message_bytes_)
      return fail("a length of " + std::to_string(n) + " in a message of " +
                  std::to_string(message_bytes_) + " bytes");
    return ++depth_ <= max_depth_ || fail("nested deeper than " + std::to_string(max_depth_));
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::size_t message_bytes_, max_depth_;
  std::size_t values_ = 0, depth_ = 0;
};

}  // namespace

msgpack::object_handle unpack_strictly(std::span<const std::byte> bytes, std::size_t max_depth) {
  if (bytes.empty()) throw UnpackError("the message is empty");
  if (bytes.size() > max_message_bytes)
    throw UnpackError("the message has " + std::to_string(bytes.size()) + " bytes, the limit is " +
                      std::to_string(max_message_bytes));
  const char* data = reinterpret_cast<const char*>(bytes.data());
  Limits limits(bytes.size(), max_depth);
  std::size_t offset = 0;
  const bool complete = msgpack::parse(data, bytes.size(), offset, limits);
  if (!limits.problem.empty()) throw UnpackError(limits.problem);
  if (!complete) throw UnpackError("the message is not whole msgpack");
  if (offset != bytes.size())
    throw UnpackError(std::to_string(bytes.size() - offset) + " bytes follow the message's end");
  const auto reference = [](msgpack::type::object_type, std::size_t, void*) { return true; };
  msgpack::object_handle handle = msgpack::unpack(data, bytes.size(), reference);
  if (handle.get().type != msgpack::type::MAP) throw UnpackError("the message is not a map");
  return handle;
}

}  // namespace nanoflow::wire
