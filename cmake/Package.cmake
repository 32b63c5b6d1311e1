# The library as users get it: libpostroad, static and shared, and what find_package(postroad), pkg-config and add_subdirectory need.
# With the server it holds the outbox too; without it, it ends at the client.
include(CMakePackageConfigHelpers)
if(POSTROAD_BUILD_SERVER)
  postroad_objects(library_objects layer_outbox layer_mailauth layer_client_testing layer_net_testing)
else()
  postroad_objects(library_objects layer_client layer_mailauth layer_client_testing layer_net_testing)
endif()

foreach(kind IN ITEMS shared static)
  string(TOUPPER ${kind} upper)
  add_library(postroad_${kind} ${upper} ${library_objects})
  set_target_properties(postroad_${kind} PROPERTIES OUTPUT_NAME postroad VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE CXX)
  if(PROJECT_IS_TOP_LEVEL)
    set_target_properties(postroad_${kind} PROPERTIES
      ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
  else()
    set_target_properties(postroad_${kind} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  target_include_directories(postroad_${kind} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(postroad_${kind} INTERFACE cxx_std_20)
  target_link_libraries(postroad_${kind} PRIVATE $<BUILD_INTERFACE:postroad_build>
                        PUBLIC Boost::headers PRIVATE OpenSSL::SSL OpenSSL::Crypto fmt::fmt PkgConfig::idn2 PkgConfig::idn Threads::Threads)
endforeach()
set_target_properties(postroad_shared PROPERTIES EXPORT_NAME postroad)
set_target_properties(postroad_static PROPERTIES EXPORT_NAME static)
add_library(postroad::postroad ALIAS postroad_shared)
add_library(postroad::static ALIAS postroad_static)

if(POSTROAD_INSTALL)
  install(TARGETS postroad_shared postroad_static EXPORT postroad)
  install(EXPORT postroad NAMESPACE postroad:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad FILE postroad-targets.cmake)
  if(POSTROAD_BUILD_SERVER)
    install(DIRECTORY include/postroad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  else()
    install(DIRECTORY include/postroad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} PATTERN outbox.hpp EXCLUDE)
  endif()
  configure_package_config_file(cmake/postroad-config.cmake.in ${PROJECT_BINARY_DIR}/postroad-config.cmake
                                INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/postroad-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/postroad-config.cmake ${PROJECT_BINARY_DIR}/postroad-config-version.cmake
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad)
  file(RELATIVE_PATH postroad_up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)  # so that the tree can be moved
  configure_file(cmake/postroad.pc.in ${PROJECT_BINARY_DIR}/postroad.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/postroad.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()

if(POSTROAD_INSTALL AND POSTROAD_BUILD_SERVER)
  install(TARGETS postroad_command)
  install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
  # Manual pages and completion come from the command's own declarations; the service files name the folders of the prefix that
  # is known only when `cmake --install` runs.
  foreach(name IN ITEMS BINDIR SYSCONFDIR MANDIR DATADIR)
    install(CODE "set(POSTROAD_${name} \"${CMAKE_INSTALL_${name}}\")")
  endforeach()
  install(CODE "set(POSTROAD_COMMAND \"$<TARGET_FILE:postroad_command>\")
set(POSTROAD_SOURCE \"${PROJECT_SOURCE_DIR}\")
set(POSTROAD_STAGING \"${PROJECT_BINARY_DIR}/install\")")
  install(SCRIPT cmake/install_service.cmake)
endif()
if(PROJECT_IS_TOP_LEVEL)
  add_custom_target(uninstall COMMAND ${CMAKE_COMMAND} -D MANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt
                    -P ${CMAKE_CURRENT_LIST_DIR}/uninstall.cmake VERBATIM)
endif()
