# The library as users get it: libpostroad static and shared from the layers up to the relay, for the outbox, the command, and what
# find_package(postroad) and pkg-config need. Layers above the client are the command's own.
include(CMakePackageConfigHelpers)
postroad_objects(client_objects layer_relay layer_client_testing layer_net_testing)

foreach(kind IN ITEMS shared static)
  string(TOUPPER ${kind} upper)
  add_library(postroad_${kind} ${upper} ${client_objects})
  set_target_properties(postroad_${kind} PROPERTIES OUTPUT_NAME postroad VERSION ${PROJECT_VERSION} SOVERSION 0
                        ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib
                        LINKER_LANGUAGE CXX)
  target_include_directories(postroad_${kind} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(postroad_${kind} INTERFACE cxx_std_20)
  target_link_libraries(postroad_${kind} PRIVATE $<BUILD_INTERFACE:postroad_build>
                        PUBLIC Boost::headers PRIVATE OpenSSL::SSL OpenSSL::Crypto fmt::fmt PkgConfig::idn2 PkgConfig::idn Threads::Threads)
endforeach()
set_target_properties(postroad_shared PROPERTIES EXPORT_NAME postroad)
set_target_properties(postroad_static PROPERTIES EXPORT_NAME static)

install(TARGETS postroad_shared postroad_static EXPORT postroad)
install(EXPORT postroad NAMESPACE postroad:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad FILE postroad-targets.cmake)
install(DIRECTORY include/postroad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS postroad_command)
configure_package_config_file(cmake/postroad-config.cmake.in ${CMAKE_BINARY_DIR}/postroad-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/postroad-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/postroad-config.cmake ${CMAKE_BINARY_DIR}/postroad-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad)
file(RELATIVE_PATH postroad_up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)  # so that the tree can be moved
configure_file(cmake/postroad.pc.in ${CMAKE_BINARY_DIR}/postroad.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/postroad.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Manual pages and completion come from the command's own declarations.
install(CODE "
  set(prefix \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  file(MAKE_DIRECTORY \"\${prefix}/${CMAKE_INSTALL_MANDIR}/man1\" \"\${prefix}/${CMAKE_INSTALL_DATADIR}/bash-completion/completions\")
  execute_process(COMMAND \"$<TARGET_FILE:postroad_command>\" man \"\${prefix}/${CMAKE_INSTALL_MANDIR}/man1\" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND \"$<TARGET_FILE:postroad_command>\" completion bash COMMAND_ERROR_IS_FATAL ANY
                  OUTPUT_FILE \"\${prefix}/${CMAKE_INSTALL_DATADIR}/bash-completion/completions/postroad\")
")
