# Debian's libcaf-dev ships no CMake configuration. Defines CAF::core.
find_path(CAF_INCLUDE_DIR caf/all.hpp)
find_library(CAF_CORE_LIBRARY caf_core)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF REQUIRED_VARS CAF_CORE_LIBRARY CAF_INCLUDE_DIR)
if(CAF_FOUND AND NOT TARGET CAF::core)
  add_library(CAF::core UNKNOWN IMPORTED)
  set_target_properties(CAF::core PROPERTIES IMPORTED_LOCATION ${CAF_CORE_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR}
                        # Under UBSan: init_fun_factory.hpp binds a reference to no arguments at all.
                        INTERFACE_COMPILE_OPTIONS $<$<CONFIG:RelWithDebInfo>:-fno-sanitize=null>)
endif()
set(CAF_core_FOUND ${CAF_FOUND})
mark_as_advanced(CAF_INCLUDE_DIR CAF_CORE_LIBRARY)
