# Helpers that keep the folders' CMakeLists.txt to a line or two.

# GCC 12 warns about the standard library's own std::string::replace (GCC bug 105651).
add_library(nanoflow_options INTERFACE)
target_compile_options(nanoflow_options INTERFACE -Wall -Wextra -Wno-restrict -Werror=return-type -fno-math-errno
                                                  -ffp-contract=off
                                                  -fpch-preprocess)
target_include_directories(nanoflow_options INTERFACE ${CMAKE_SOURCE_DIR})

# nanoflow_library(NAME [LINK target...]): a static library from every .cpp of the current folder.
function(nanoflow_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE nanoflow_options ${ARG_LINK})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC nanoflow_options ${ARG_LINK})
endfunction()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(test_timeout_s 600)
else()
  set(test_timeout_s 3600)  # sanitizers are slow
endif()

# nanoflow_test(NAME LINK target...): one Boost.Test program from every .cpp of the current folder.
# A test program runs in its own folder under the build tree and finds its data by NANOFLOW_TEST_DATA.
function(nanoflow_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources} ${CMAKE_SOURCE_DIR}/tests/main.cpp)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} nanoflow_options Boost::unit_test_framework)
  target_compile_definitions(${name} PRIVATE BOOST_TEST_DYN_LINK
                             NANOFLOW_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  add_test(NAME ${name} COMMAND ${name} --log_level=test_suite --report_level=short)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${test_timeout_s})
endfunction()
