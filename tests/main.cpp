// The one translation unit of every test program that holds Boost.Test's main function.
#define BOOST_TEST_MODULE nanoflow
#include <boost/test/unit_test.hpp>

#include "tests/temporary_folder.hpp"

namespace {

/// What tests write goes into a folder of their own, wherever they are run.
struct OwnFolder {
  nanoflow::test::TemporaryFolder folder;

  OwnFolder() { std::filesystem::current_path(folder.path); }
  ~OwnFolder() { std::filesystem::current_path("/"); }
};

}  // namespace

BOOST_TEST_GLOBAL_FIXTURE(OwnFolder);
