// safetensors files, sound ones and those that lie.
#include "engine/model/safetensors_file.hpp"

#include "model_files.hpp"

using namespace model_files;
using nanoflow::SafetensorsFile;

namespace {

struct Files : Folder {
  void refused(const std::string& file, const std::string& reason) const {
    const fs::path place = write("m.safetensors", file);
    const std::string message = refusal([&] { SafetensorsFile{place}; });
    BOOST_TEST(contains(message, reason), message);
    BOOST_TEST(contains(message, "m.safetensors"), message);
  }
  /// One tensor "t" of F32, shape [2, 2], with a part of its entry replaced.
  void entry_refused(const std::string& part, const std::string& by,
                     const std::string& reason) const {
    std::string head = R"({"t":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})";
    head.replace(head.find(part), part.size(), by);
    refused(safetensors(head, std::string(32, 'x')), reason);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(safetensors_file, Files)

BOOST_AUTO_TEST_CASE(tensors_of_every_type_are_read) {
  const fs::path place = write(
      "m.safetensors",
      safetensors(
          R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
          R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]},)"
          R"("c":{"dtype":"F16","shape":[],"data_offsets":[14,16]}}    )",
          "aaaaaaaabbbbbbcc"));
  const SafetensorsFile file(place);
  BOOST_REQUIRE(file.tensors().size() == 3U);
  BOOST_TEST(file.tensors()[0].name == "a");
  BOOST_TEST(file.tensors()[0].shape == (std::vector<std::int64_t>{2, 1}));
  BOOST_TEST((file.tensors()[1].dtype == nanoflow::DType::bf16));
  BOOST_TEST((file.tensors()[1].data[0] == std::byte{'b'}));
  BOOST_TEST(file.tensors()[1].data.size() == 6U);
  BOOST_TEST((file.tensors()[2].dtype == nanoflow::DType::f16));
  BOOST_TEST(file.tensors()[2].elements() == 1);
}

BOOST_AUTO_TEST_CASE(hostile_headers_are_refused) {
  refused("1234567", "header length: expected 8 more");
  refused(bytes<std::uint64_t>(100) + "{}", "header: expected 100 more");
  refused(bytes<std::uint64_t>(1ULL << 63) + "{}", "expected a header of at most 33554432 bytes");
  refused(safetensors("[]", ""), "expected an object, found array");
  refused(safetensors("{\"a\":", ""), "parse error");
  refused(safetensors(R"({"t":5})", ""), "tensor t: expected an object, found number");
  refused(safetensors(R"({"t":{},"t":{}})", ""), "a key twice");
}

BOOST_AUTO_TEST_CASE(hostile_entries_are_refused) {
  entry_refused("\"F32\"", "\"I64\"", "tensor t: expected type F32, F16 or BF16, found \"I64\"");
  entry_refused("\"F32\"", "32", "tensor t: expected type F32, F16 or BF16");
  entry_refused("[2,2]", "[2,-2]", "tensor t: shape: expected a list of counts");
  entry_refused("[2,2]", "[2,1.5]", "tensor t: shape: expected a list of counts");
  entry_refused("[2,2]", "4", "tensor t: shape: expected a list of counts");
  entry_refused("[2,2]", "[2,3]", "tensor t: data_offsets: expected 24 bytes, found 0 to 16");
  // 2^62 x 4 + 4 numbers wrap to 16 bytes.
  entry_refused("[2,2]", "[4611686018427387905,4]",
                "tensor t: shape: more bytes than can be counted");
  entry_refused("[2,2]", "[18446744073709551615]", "tensor t: shape: expected a list of counts");
  entry_refused("[0,16]", "[0,16,32]", "tensor t: data_offsets: expected two offsets");
  entry_refused("[0,16]", "[16,0]", "tensor t: data_offsets: expected at most 32, found 16 to 0");
  entry_refused("[0,16]", "[20,36]", "tensor t: data_offsets: expected at most 32, found 20 to 36");
  entry_refused("[0,16]", "[-16,0]", "tensor t: data_offsets: expected two offsets");
  entry_refused("[0,16]", "[2,18]",
                "tensor t: data_offsets: expected a multiple of the type's size");
}

BOOST_AUTO_TEST_CASE(overlapping_tensors_are_refused) {
  refused(safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}} )",
                      std::string(12, 'x')),
          "tensor b: data_offsets: overlaps a");
}

BOOST_AUTO_TEST_SUITE_END()
