# The libraries as users get them, each shared and static, and what find_package(postroad), pkg-config and add_subdirectory need:
#   libpostroad          the client, composing, reading and DKIM
#   libpostroad-queue    the outbox, over libpostroad
#   libpostroad-testing  the server for tests of programs that send mail
# docs/design/15-libraries.md says what is in which, and why.
include(CMakePackageConfigHelpers)

# postroad_library(TARGET OUTPUT_NAME OBJECTS…): TARGET_shared and TARGET_static.
function(postroad_library target output)
  foreach(kind IN ITEMS shared static)
    string(TOUPPER ${kind} upper)
    set(library ${target}_${kind})
    add_library(${library} ${upper} ${ARGN})
    set_target_properties(${library} PROPERTIES OUTPUT_NAME ${output} VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE CXX
                          INSTALL_RPATH "\$ORIGIN")
    if(PROJECT_IS_TOP_LEVEL)
      set_target_properties(${library} PROPERTIES
        ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
    else()
      set_target_properties(${library} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
    target_include_directories(${library} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_compile_features(${library} INTERFACE cxx_std_20)
    target_link_libraries(${library} PRIVATE $<BUILD_INTERFACE:postroad_build> PUBLIC Boost::headers)
    if(NOT POSTROAD_SANITIZE)  # a sanitizer's own symbols come with the program
      target_link_options(${library} PRIVATE LINKER:-z,defs)
    endif()
  endforeach()
endfunction()

postroad_objects(objects layer_client layer_mailauth)
postroad_objects(queue_objects layer_outbox)
postroad_objects(testing_objects layer_client_testing)
list(REMOVE_ITEM queue_objects ${objects})
list(REMOVE_ITEM testing_objects ${objects})
postroad_library(postroad postroad ${objects})
postroad_library(postroad_queue postroad-queue ${queue_objects})
postroad_library(postroad_testing postroad-testing ${testing_objects})

foreach(kind IN ITEMS shared static)
  target_link_libraries(postroad_${kind} PRIVATE OpenSSL::SSL OpenSSL::Crypto fmt::fmt PkgConfig::idn2 ${idn} Threads::Threads)
  target_link_libraries(postroad_queue_${kind} PUBLIC postroad_${kind} PRIVATE fmt::fmt Threads::Threads)
endforeach()
# The test server needs much of the inside of libpostroad. The shared one has a hidden copy of it, so libpostroad need not export it.
target_link_libraries(postroad_testing_shared PRIVATE postroad_static INTERFACE postroad_shared)
target_link_options(postroad_testing_shared PRIVATE LINKER:--version-script=${CMAKE_CURRENT_LIST_DIR}/testing.map)
set_target_properties(postroad_testing_shared PROPERTIES LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/testing.map)
target_link_libraries(postroad_testing_static PUBLIC postroad_static)

set_target_properties(postroad_shared PROPERTIES EXPORT_NAME postroad)
set_target_properties(postroad_static PROPERTIES EXPORT_NAME static)
add_library(postroad::postroad ALIAS postroad_shared)
add_library(postroad::static ALIAS postroad_static)
foreach(name IN ITEMS queue testing)
  set_target_properties(postroad_${name}_shared PROPERTIES EXPORT_NAME ${name})
  set_target_properties(postroad_${name}_static PROPERTIES EXPORT_NAME ${name}_static)
  add_library(postroad::${name} ALIAS postroad_${name}_shared)
  add_library(postroad::${name}_static ALIAS postroad_${name}_static)
endforeach()

# NAME.pc beside the library. Both name the other's exact version where one needs the other (src/base/export.hpp).
function(postroad_pkg_config name description requires requires_private)
  file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)  # so that the tree can be moved
  configure_file(cmake/postroad.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

if(POSTROAD_INSTALL)
  install(TARGETS postroad_shared postroad_static postroad_queue_shared postroad_queue_static postroad_testing_shared postroad_testing_static
          EXPORT postroad)
  install(EXPORT postroad NAMESPACE postroad:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad FILE postroad-targets.cmake)
  install(DIRECTORY include/postroad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  configure_package_config_file(cmake/postroad-config.cmake.in ${PROJECT_BINARY_DIR}/postroad-config.cmake
                                INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/postroad-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/postroad-config.cmake ${PROJECT_BINARY_DIR}/postroad-config-version.cmake
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/postroad)
  set(with_idn)
  if(idn)
    set(with_idn " libidn")
  endif()
  postroad_pkg_config(postroad "sends mail over SMTP and reports the outcome of each recipient" "" "libssl libcrypto fmt libidn2${with_idn}")
  postroad_pkg_config(postroad-queue "a durable outbox for Postroad's mail client" "postroad = ${PROJECT_VERSION}" "fmt")
  postroad_pkg_config(postroad-testing "an SMTP server inside the tests of a program that sends mail" "postroad = ${PROJECT_VERSION}" "")
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
