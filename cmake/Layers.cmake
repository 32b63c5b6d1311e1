# A layer is one folder of src/ with its sub-folders and one CMake target, `layer_<name>`. Its headers are reached through
# a folder of links that holds this layer alone. Layers link each other PRIVATE, so `#include "spool/spool.hpp"` is found
# only by a layer that names spool itself: a wrong include does not build (tests/layers shows it).
function(postroad_layer name)
  cmake_parse_arguments(LAYER "" "" "USES;TESTING;PARTS" ${ARGN})
  set(folder ${PROJECT_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$|/main\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  set(doubles ${sources})
  list(FILTER sources EXCLUDE REGEX "/testing/")
  list(FILTER doubles INCLUDE REGEX "/testing/")

  set(include_root ${PROJECT_BINARY_DIR}/includes/${name})
  file(MAKE_DIRECTORY ${include_root})
  file(CREATE_LINK ${folder} ${include_root}/${name} SYMBOLIC)

  set(uses)
  foreach(use IN LISTS LAYER_USES)
    if(TARGET layer_${use})
      list(APPEND uses layer_${use})
    else()
      list(APPEND uses ${use})
    endif()
  endforeach()

  set(parts)
  foreach(part IN LISTS LAYER_PARTS)
    set(part_sources ${sources})
    list(FILTER part_sources INCLUDE REGEX "^${folder}/${part}/")
    list(REMOVE_ITEM sources ${part_sources})
    string(REPLACE "/" "_" part layer_${name}_${part})
    add_library(${part} OBJECT ${part_sources})
    target_link_libraries(${part} PRIVATE layer_${name} ${uses} postroad_build)
    list(APPEND parts ${part})
  endforeach()

  add_library(layer_${name} OBJECT ${sources})
  target_include_directories(layer_${name} PUBLIC ${include_root} ${PROJECT_SOURCE_DIR}/include)
  # The public headers, which every layer may include, need Boost's.
  target_link_libraries(layer_${name} PUBLIC Boost::headers PRIVATE ${uses} postroad_build)
  if(EXISTS ${folder}/pch.hpp)
    target_precompile_headers(layer_${name} PRIVATE ${folder}/pch.hpp)
  endif()

  # Test doubles (testing/) are a target of their own: no library links them without asking.
  set(testing)
  if(doubles)
    set(testing layer_${name}_testing)
    add_library(${testing} OBJECT ${doubles})
    target_link_libraries(${testing} PRIVATE layer_${name} ${parts} ${uses} ${LAYER_TESTING} postroad_build)
  endif()
  if(POSTROAD_LARGE_UNITS)
    set_target_properties(layer_${name} ${parts} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
  endif()
  if(NOT PROJECT_IS_TOP_LEVEL)
    set_target_properties(layer_${name} ${parts} ${testing} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  if(tests AND BUILD_TESTING)
    postroad_test(${name}_test SOURCES ${tests} USES layer_${name} ${parts} ${uses} ${testing} ${LAYER_TESTING})
  endif()
endfunction()

# The object files of layers and of all layers below them, once each.
function(postroad_objects out)
  set(todo ${ARGN})
  set(seen)
  while(todo)
    list(POP_FRONT todo layer)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" layer "${layer}")  # how CMake keeps a PRIVATE link
    if(layer IN_LIST seen OR NOT layer MATCHES "^layer_")
      continue()
    endif()
    list(APPEND seen ${layer})
    get_target_property(links ${layer} INTERFACE_LINK_LIBRARIES)
    if(links)
      list(APPEND todo ${links})
    endif()
  endwhile()
  list(TRANSFORM seen REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  set(${out} ${seen} PARENT_SCOPE)
endfunction()

# A program linked from layers.
function(postroad_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;USES" ${ARGN})
  postroad_objects(objects ${PROGRAM_USES})
  add_executable(${name} ${PROGRAM_SOURCES} ${objects})
  target_link_libraries(${name} PRIVATE ${PROGRAM_USES} postroad_build)
endfunction()

# A CTest entry. LABEL is its kind: unit (needs no other program), scenario (the command itself), interop (with other mail
# programs). TARGETS are what must be built for it; ./dev test builds these alone. Exit code 77 means that nothing could run.
function(postroad_add_test name)
  cmake_parse_arguments(ENTRY "" "LABEL;TIMEOUT" "TARGETS;COMMAND;ENVIRONMENT" ${ARGN})
  add_test(NAME ${name} COMMAND ${ENTRY_COMMAND})
  set_tests_properties(${name} PROPERTIES LABELS ${ENTRY_LABEL} TIMEOUT ${ENTRY_TIMEOUT} SKIP_RETURN_CODE 77 ENVIRONMENT "${ENTRY_ENVIRONMENT}")
  string(REPLACE ";" " " targets "${ENTRY_TARGETS}")
  set_property(GLOBAL APPEND PROPERTY POSTROAD_TEST_TABLE "${name} ${ENTRY_LABEL} ${targets}")
endfunction()

# The table of CTest entries for ./dev: a line `name label targets…` for each.
function(postroad_write_test_table)
  get_property(lines GLOBAL PROPERTY POSTROAD_TEST_TABLE)
  list(JOIN lines "\n" lines)
  file(WRITE ${PROJECT_BINARY_DIR}/tests.txt "${lines}\n")
endfunction()

# A Python test file against the command, or against PROGRAM where it names another: NAME=target sets that variable to its path.
function(postroad_python_test name)
  cmake_parse_arguments(PYTHON "" "LABEL;TIMEOUT;SCRIPT;PROGRAM" "ARGUMENTS" ${ARGN})
  find_program(POSTROAD_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
  if(NOT PYTHON_PROGRAM)
    set(PYTHON_PROGRAM POSTROAD=postroad_command)
  endif()
  string(REPLACE "=" ";" program ${PYTHON_PROGRAM})
  list(GET program 0 variable)
  list(GET program 1 target)
  set(support ${PROJECT_SOURCE_DIR}/tests/support)
  postroad_add_test(${name} LABEL ${PYTHON_LABEL} TIMEOUT ${PYTHON_TIMEOUT} TARGETS ${target}
    COMMAND ${POSTROAD_PYTHON} ${support}/run_test.py ${CMAKE_CURRENT_SOURCE_DIR}/${PYTHON_SCRIPT} ${PYTHON_ARGUMENTS}
    ENVIRONMENT "${variable}=$<TARGET_FILE:${target}>" PYTHONPATH=${support} PYTHONDONTWRITEBYTECODE=1)
endfunction()

# A GoogleTest program as one CTest entry.
function(postroad_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;USES" ${ARGN})
  postroad_program(${name} SOURCES ${TEST_SOURCES} USES ${TEST_USES})
  target_link_libraries(${name} PRIVATE GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE POSTROAD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  postroad_add_test(${name} LABEL unit TIMEOUT 300 TARGETS ${name} COMMAND ${name} --gtest_brief=1)
endfunction()
