#include "actors/model_folder.hpp"

#include <fstream>

#include <boost/test/unit_test.hpp>

using namespace nanoflow;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(model_folder)

namespace {

struct Folder {
  Folder() : path(fs::absolute("model_folder_test")) {
    fs::remove_all(path);
    fs::create_directories(path / "hf-model");
    fs::create_directories(path / "no-model");
    std::ofstream(path / "small.gguf") << "12345";
    std::ofstream(path / "notes.txt") << "not a model";
    std::ofstream(path / "hf-model" / "config.json") << "{}";
    std::ofstream(path / "hf-model" / "model.safetensors") << "1234567";
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

wire::Error refusal(const wire::Load& load, const fs::path& folder) {
  const auto found = find_model(load, folder);
  BOOST_REQUIRE(std::holds_alternative<wire::Error>(found));
  return std::get<wire::Error>(found);
}

wire::Load by_path(const std::string& path) {
  wire::Load load;
  load.path = path;
  return load;
}
wire::Load by_name(const std::string& name) {
  wire::Load load;
  load.name = name;
  return load;
}

}  // namespace

BOOST_AUTO_TEST_CASE(gguf_files_and_hugging_face_folders_are_listed_by_name) {
  const Folder folder;
  const auto models = list_model_folder(folder.path);
  BOOST_REQUIRE(models.size() == 2u);
  BOOST_TEST(models[0].name == "hf-model");
  BOOST_TEST(models[0].bytes == 7u);
  BOOST_TEST(models[1].name == "small");
  BOOST_TEST(models[1].bytes == 5u);
  BOOST_TEST(list_model_folder(folder.path / "missing").empty());
}

BOOST_AUTO_TEST_CASE(a_load_finds_its_model_by_name_or_path) {
  const Folder folder;
  BOOST_TEST(std::get<fs::path>(find_model(by_name("small"), folder.path)) ==
             fs::canonical(folder.path / "small.gguf"));
  BOOST_TEST(std::get<fs::path>(find_model(by_path(folder.path / "hf-model"), {})) ==
             fs::canonical(folder.path / "hf-model"));
}

BOOST_AUTO_TEST_CASE(an_unknown_name_is_answered_with_a_near_one) {
  const Folder folder;
  const auto error = refusal(by_name("smal"), folder.path);
  BOOST_TEST((error.code == wire::ErrorCode::not_found));
  BOOST_TEST(error.message.find("did you mean 'small'") != std::string::npos);
  BOOST_TEST(
      (refusal(by_name("../small"), folder.path / "no-model").code == wire::ErrorCode::not_found));
}

BOOST_AUTO_TEST_CASE(bad_paths_are_told_with_the_reason) {
  const Folder folder;
  BOOST_TEST((refusal(by_path("small.gguf"), folder.path).code == wire::ErrorCode::bad_field));
  BOOST_TEST((refusal({}, folder.path).code == wire::ErrorCode::bad_field));
  const auto missing = refusal(by_path(folder.path / "none.gguf"), folder.path);
  BOOST_TEST((missing.code == wire::ErrorCode::load_failed));
  BOOST_TEST(missing.message.find("No such file") != std::string::npos);
  BOOST_TEST(missing.message.find("home folders") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_home_folder_out_of_sight_is_told_with_what_to_do) {
  for (const auto* path : {"/home/nobody-of-this-name/m.gguf", "/run/user/987654/m.gguf"}) {
    const auto error = refusal(by_path(path), "/var/lib/nanoflowd/models");
    BOOST_TEST(error.message.find("does not see home folders: copy the model to "
                                  "/var/lib/nanoflowd/models") != std::string::npos,
               error.message);
    BOOST_TEST(error.message.find("nanoflow pull") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
