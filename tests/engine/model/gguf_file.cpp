// GGUF files: metadata of every type, and files that lie.
#include "engine/model/gguf_file.hpp"

#include <cmath>
#include <limits>

#include "model_files.hpp"

using namespace model_files;
using nanoflow::GgufFile;

namespace {

struct Files : Folder {
  std::shared_ptr<const GgufFile> open(const std::string& file) const {
    return GgufFile::open(write("m.gguf", file));
  }
  void refused(const std::string& file, const std::string& reason) const {
    BOOST_TEST_CONTEXT(reason) {
      const std::string message = refusal([&] { open(file); });
      BOOST_TEST(contains(message, reason), message);
      BOOST_TEST(contains(message, "m.gguf"), message);
    }
  }
};

constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
const std::string row = std::string(128, 'x');  // data of 32 F32 numbers

std::string one_tensor(const std::string& description, const std::string& data = row) {
  return padded(header(1, 0) + description) + data;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(gguf_file, Files)

BOOST_AUTO_TEST_CASE(numbers_are_converted_where_no_value_is_lost) {
  const auto file =
      open(header(0, 13) + pair<std::uint8_t>("u8", u8, 200) + pair<std::int8_t>("i8", i8, -3) +
           pair<std::uint16_t>("u16", u16, 65535) + pair<std::int16_t>("i16", i16, -300) +
           pair<std::uint32_t>("u32", u32, 4000000000U) + pair<std::int32_t>("i32", i32, -7) +
           pair<float>("f32", f32, 2.5F) + pair<std::uint8_t>("yes", boolean, 1) +
           pair<std::uint64_t>("u64", u64, 1ULL << 40) +
           pair<std::int64_t>("i64", i64, -(1LL << 40)) + pair<double>("f64", f64, 1e5) +
           pair("word", "value") + pair<std::uint64_t>("beyond", u64, huge));
  BOOST_TEST(file->integer("u8").value() == 200);
  BOOST_TEST(file->integer("i8").value() == -3);
  BOOST_TEST(file->integer("u16").value() == 65535);
  BOOST_TEST(file->integer("i16").value() == -300);
  BOOST_TEST(file->integer("u32").value() == 4000000000);
  BOOST_TEST(file->number("i32").value() == -7.0);
  BOOST_TEST(file->number("f32").value() == 2.5);
  BOOST_TEST(file->flag("yes").value());
  BOOST_TEST(file->integer("u64").value() == 1LL << 40);
  BOOST_TEST(file->integer("i64").value() == -(1LL << 40));
  BOOST_TEST(file->integer("f64").value() == 100000);
  BOOST_TEST(file->text("word").value() == "value");
  BOOST_TEST(!file->text("absent").has_value());
  BOOST_TEST(!file->has("absent"));
  BOOST_TEST(file->has("word"));
  BOOST_TEST(contains(refusal([&] { file->integer("f32"); }), "f32: expected an integer"));
  BOOST_TEST(contains(refusal([&] { file->integer("beyond"); }), "beyond: expected an integer"));
  BOOST_TEST(
      contains(refusal([&] { file->integer("yes"); }), "yes: expected an integer, found bool"));
  BOOST_TEST(contains(refusal([&] { file->text("u8"); }), "u8: expected a text, found u8"));
  BOOST_TEST(contains(refusal([&] { file->flag("u8"); }), "u8: expected true or false, found u8"));
  BOOST_TEST(contains(refusal([&] { file->texts("word"); }), "word: expected an array"));
}

BOOST_AUTO_TEST_CASE(arrays_are_converted_whole) {
  const auto file =
      open(header(0, 4) + array_head("words", string, 2) + text("one") + text("") +
           array_head("ids", i32, 3) + bytes<std::int32_t>(1) + bytes<std::int32_t>(-2) +
           bytes<std::int32_t>(3) + array_head("scores", f32, 2) + bytes(0.5F) + bytes(-1.5F) +
           array_head("empty", string, 0));
  BOOST_TEST(file->texts("words").value() == (std::vector<std::string_view>{"one", ""}));
  BOOST_TEST(file->integers("ids").value() == (std::vector<std::int64_t>{1, -2, 3}));
  BOOST_TEST(file->numbers("scores").value() == (std::vector<float>{0.5F, -1.5F}));
  BOOST_TEST(file->numbers("ids").value() == (std::vector<float>{1, -2, 3}));
  BOOST_TEST(file->texts("empty").value().empty());
  BOOST_TEST(file->array_size("ids").value() == 3U);
  BOOST_TEST(!file->array_size("absent").has_value());
  BOOST_TEST(contains(refusal([&] { file->integers("scores"); }),
                      "scores: expected an array of integers"));
  BOOST_TEST(contains(refusal([&] { file->texts("ids"); }),
                      "ids: expected an array of texts, found an array of i32"));
  BOOST_TEST(contains(refusal([&] { file->integer("ids"); }), "ids: expected a single value"));
}

BOOST_AUTO_TEST_CASE(version_2_and_another_alignment_are_read) {
  const std::string head = header(2, 1, 2) + pair<std::uint32_t>("general.alignment", u32, 64) +
                           tensor("a", {32}, 0, 0) + tensor("b", {32, 2}, 8, 128);
  const auto file = open(padded(head, 64) + row + std::string(68, 'q'));
  BOOST_REQUIRE(file->tensors().size() == 2U);
  const nanoflow::TensorView& b = *file->find_tensor("b");
  BOOST_TEST(b.shape == (std::vector<std::int64_t>{2, 32}));
  BOOST_TEST((b.dtype == nanoflow::DType::q8_0));
  BOOST_TEST(b.data.size() == 68U);
  BOOST_TEST((b.data[0] == std::byte{'q'}));
  BOOST_TEST((file->find_tensor("a")->data[127] == std::byte{'x'}));
  BOOST_TEST((file->find_tensor("c") == nullptr));
}

BOOST_AUTO_TEST_CASE(other_magics_and_versions_are_refused) {
  refused("GGML" + header(0, 0).substr(4), "expected a GGUF file");
  refused(header(0, 0, 1), "expected GGUF version 2 or 3, found 1");
  refused(header(0, 0, 0x03000000), "expected GGUF version 2 or 3, found 50331648");  // big-endian
  refused("GG", "magic: expected 4 more");
  BOOST_TEST(contains(refusal([&] { open(""); }), "found an empty file"));
  BOOST_TEST(contains(refusal([&] { GgufFile::open(path); }), "expected a regular file"));
  BOOST_TEST(contains(refusal([&] { GgufFile::open(path / "none"); }), "cannot be opened"));
}

BOOST_AUTO_TEST_CASE(counts_and_lengths_beyond_the_file_are_refused) {
  refused(header(0, huge), "metadata key: expected 8 more, found the end of the file");
  refused(header(1ULL << 63, 0), "tensor name: expected 8 more, found the end of the file");
  refused(header(0, 1) + bytes(huge) + "key", "metadata key: expected 18446744073709551615 more");
  refused(header(0, 1) + text("k") + bytes<std::uint32_t>(string) + bytes(huge),
          "k: expected 18446744073709551615");
  for (const std::uint32_t type : {u8, u32, string, f64}) {
    for (const std::uint64_t count :
         {huge, huge / 8 + 1, std::uint64_t{1} << 63, std::uint64_t{1} << 61}) {
      refused(header(0, 1) + array_head("k", type, count) + "1234567", "k: expected");
    }
  }
  refused(header(0, 1) + text("k") + bytes<std::uint32_t>(13),
          "k: expected a value type of 0 to 12, found 13");
  refused(header(0, 1) + array_head("k", array, 1) + array_head("", u8, 0),
          "k: an array of arrays");
  refused(header(0, 2) + pair("k", "1") + pair("k", "2"), "metadata key k is there twice");
}

BOOST_AUTO_TEST_CASE(hostile_tensors_are_refused) {
  refused(one_tensor(tensor("t", {}, 0, 0)), "t: expected 1 to 4 dimensions, found 0");
  refused(one_tensor(tensor("t", {1, 1, 1, 1, 1}, 0, 0)), "t: expected 1 to 4 dimensions, found 5");
  refused(one_tensor(tensor("t", {32, 0}, 0, 0)), "t: expected dimensions of at least 1, found 0");
  refused(one_tensor(tensor("t", {huge}, 0, 0)), "t: expected dimensions of at least 1, found -1");
  // 2^32 x 2^32 x 2^32 numbers are 0 bytes to who multiplies in 64 bits.
  refused(one_tensor(tensor("t", {1ULL << 32, 1ULL << 32, 1ULL << 32}, 0, 0)),
          "a shape of more than 2^48 numbers");
  refused(one_tensor(tensor("t", {1ULL << 46}, 0, 0)), "past the end of the file");
  refused(one_tensor(tensor("t", {33}, 0, 0)),
          "past the end of the file, which has 128 bytes of data");
  refused(one_tensor(tensor("t", {32}, 0, 32)), "past the end of the file");
  refused(one_tensor(tensor("t", {32}, 0, huge - 31)), "past the end of the file");
  refused(one_tensor(tensor("t", {8}, 0, 4)), "expected an offset that is a multiple of 32");
  refused(one_tensor(tensor("t", {16, 2}, 8, 0)),
          "rows of 16 numbers, expected a multiple of 32 for q8_0");
  refused(one_tensor(tensor("t", {32}, 10, 0)),
          "t: tensor type 10 (ggml's number) is not supported");
  const std::string two = header(2, 0) + tensor("a", {32}, 0, 0);
  refused(padded(two + tensor("a", {32}, 0, 128)) + row + row, "tensor a is there twice");
  refused(padded(two + tensor("b", {24}, 0, 32)) + row, "b: data at 32, 96 bytes: overlaps a");
}

BOOST_AUTO_TEST_CASE(alignments_that_are_none_are_refused) {
  for (const std::uint32_t alignment : {0U, 1U, 4U, 48U, 1U << 21, 0x80000000U}) {
    refused(
        padded(header(1, 1) + pair("general.alignment", u32, alignment) + tensor("t", {32}, 0, 0),
               64) +
            row,
        "general.alignment: expected a power of two from 8 to 2^20, found " +
            std::to_string(alignment));
  }
  refused(padded(header(1, 1) + pair("general.alignment", "32") + tensor("t", {32}, 0, 0)) + row,
          "general.alignment: expected an unsigned 32-bit number");
}

BOOST_AUTO_TEST_CASE(a_hostile_name_is_harmless_in_a_message) {
  const std::string name = "\x1b[31m\xff" + std::string(100000, 'n');
  const std::string message = refusal([&] { open(one_tensor(tensor(name, {32}, 10, 0))); });
  BOOST_TEST(contains(message, "\\x1b[31m\\xffnnn"));
  BOOST_TEST(message.size() < 600U);
}

BOOST_AUTO_TEST_CASE(a_file_cut_anywhere_is_refused) {
  const std::string whole = padded(header(1, 2) + pair("a", "text") + array_head("b", string, 2) +
                                   text("x") + text("y") + tensor("t", {32}, 0, 0)) +
                            row;
  BOOST_TEST(open(whole)->tensors().size() == 1U);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    BOOST_CHECK_THROW(open(whole.substr(0, n)), nanoflow::ModelError);
  }
}

BOOST_AUTO_TEST_SUITE_END()
