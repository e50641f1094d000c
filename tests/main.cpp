// The one translation unit of every test program that holds Boost.Test's main function.
#define BOOST_TEST_MODULE nanoflow
#include <boost/test/unit_test.hpp>
