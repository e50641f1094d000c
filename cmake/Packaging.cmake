# Debian packages: nanoflowd (the service), nanoflow (the CLI), python3-nanoflow-client. Included last, when every
# target is there: `cmake --build build --target package` writes them to build/packages.
set(python_folder lib/python3/dist-packages)

# What is installed, by component. The service's own files are in systemd/CMakeLists.txt.
install(TARGETS nanoflowd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT daemon)
install(TARGETS nanoflow RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cli)
install(FILES ${CMAKE_SOURCE_DIR}/client/cli/nanoflow.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT cli)
# The CLI writes its own completion script, which so never names an option that is not there.
install(CODE "execute_process(COMMAND $<TARGET_FILE:nanoflow> completion
                              OUTPUT_FILE ${CMAKE_BINARY_DIR}/nanoflow.bash COMMAND_ERROR_IS_FATAL ANY)"
        COMPONENT cli)
install(FILES ${CMAKE_BINARY_DIR}/nanoflow.bash RENAME nanoflow COMPONENT cli
        DESTINATION share/bash-completion/completions)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/client/python/nanoflow_client DESTINATION ${python_folder}
        COMPONENT python PATTERN __pycache__ EXCLUDE)
configure_file(${CMAKE_SOURCE_DIR}/client/python/debian/METADATA.in ${CMAKE_BINARY_DIR}/METADATA @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/METADATA COMPONENT python
        DESTINATION ${python_folder}/nanoflow_client-${PROJECT_VERSION}.dist-info)
foreach(component daemon:nanoflowd cli:nanoflow python:python3-nanoflow-client)
  string(REPLACE ":" ";" component ${component})
  list(GET component 0 part)
  list(GET component 1 package)
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/${package} RENAME copyright COMPONENT ${part})
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/docs/operations.md ${CMAKE_SOURCE_DIR}/docs/protocol.md
        DESTINATION share/doc/nanoflowd COMPONENT daemon)

set(CPACK_GENERATOR DEB)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # packages need the two programs, not the tests
set(CPACK_PACKAGE_NAME nanoflow)
set(CPACK_PACKAGE_VENDOR nanoflow)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGE_CONTACT "The nanoflow developers <nanoflow@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_COMPONENTS_ALL daemon cli python)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_SET_DESTDIR ON)  # /etc is outside the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_DAEMON_PACKAGE_NAME nanoflowd)
set(CPACK_COMPONENT_DAEMON_DESCRIPTION "Daemon that serves large language models
Answers programs on this machine over a unix socket, with streamed tokens,
from models in GGUF files or Hugging Face folders.")
set(CPACK_DEBIAN_DAEMON_PACKAGE_SHLIBDEPS ON)
# kill for the reload, useradd and its kin for the purge.
set(CPACK_DEBIAN_DAEMON_PACKAGE_DEPENDS "systemd, procps, passwd")
set(CPACK_DEBIAN_DAEMON_PACKAGE_RECOMMENDS "nanoflow")
set(service_scripts ${CMAKE_SOURCE_DIR}/systemd/debian)
set(CPACK_DEBIAN_DAEMON_PACKAGE_CONTROL_EXTRA
    "${service_scripts}/postinst;${service_scripts}/prerm;${service_scripts}/postrm;${service_scripts}/conffiles")

set(CPACK_DEBIAN_CLI_PACKAGE_NAME nanoflow)
set(CPACK_COMPONENT_CLI_DESCRIPTION "Command line client of nanoflowd
Chats with a model, fetches and loads models, shows what the daemon does, and
measures it.")
set(CPACK_DEBIAN_CLI_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_CLI_PACKAGE_RECOMMENDS "nanoflowd")

set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-nanoflow-client)
set(CPACK_COMPONENT_PYTHON_DESCRIPTION "Python client of nanoflowd
Asks the daemon from Python, synchronously or with asyncio; fully typed.")
set(CPACK_DEBIAN_PYTHON_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.9), python3-zmq, python3-msgpack")
set(python_scripts ${CMAKE_SOURCE_DIR}/client/python/debian)
set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA "${python_scripts}/postinst;${python_scripts}/prerm")

include(CPack)
