// The one translation unit of every test program that holds Boost.Test's main function.
#define BOOST_TEST_MODULE nanoflow
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace {

/// What tests write goes into a folder of their own, wherever they are run.
struct OwnFolder {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / "nanoflow-test.XXXXXX";

  OwnFolder() {
    std::string name = folder;
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    folder = name;
    std::filesystem::current_path(folder);
  }
  ~OwnFolder() {
    std::filesystem::current_path("/");
    std::filesystem::remove_all(folder);
  }
};

}  // namespace

BOOST_TEST_GLOBAL_FIXTURE(OwnFolder);
