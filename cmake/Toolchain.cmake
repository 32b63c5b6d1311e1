# Warnings, sanitizers, the linker and the compiler check, in one interface target.
add_library(postroad_build INTERFACE)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(postroad_build INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                         -Wimplicit-fallthrough $<$<BOOL:${POSTROAD_WERROR}>:-Werror>
                         # A large unit has the unnamed namespaces of all its files, and g++ treats these files as headers.
                         $<$<BOOL:${POSTROAD_LARGE_UNITS}>:-Wno-shadow>
                         $<$<AND:$<BOOL:${POSTROAD_LARGE_UNITS}>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>)
endif()
target_compile_definitions(postroad_build INTERFACE
  POSTROAD_VERSION="${PROJECT_VERSION}"
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_THREAD_KEYWORD_EXTENSION BOOST_ASIO_SEPARATE_COMPILATION)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++-12 warns falsely about std::string operations it has inlined (GCC bug 105329, 105651).
  target_compile_options(postroad_build INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    # g++-14 takes members of a std::variant and of a coroutine frame for uninitialized (GCC bug 105562, 107919), and the
    # operators new and delete of a coroutine frame for a mismatch where it inlines one of them.
    # A member that a designated initializer leaves out is value-initialized, and meant to be.
    target_compile_options(postroad_build INTERFACE -Wno-maybe-uninitialized -Wno-missing-field-initializers
                           -Wno-mismatched-new-delete)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 18)
  # New in clang 18, and on by -Wextra: see above.
  target_compile_options(postroad_build INTERFACE -Wno-missing-designated-field-initializers)
endif()
# libstdc++ 12 (Debian 12) calls a deprecated function inside std::stable_sort, of which clang 17 and newer warn.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS "-std=c++20 -Werror=deprecated-declarations")
check_cxx_source_compiles("
  #include <algorithm>
  #include <vector>
  int main(int count, char**) { std::vector<int> all(count); std::stable_sort(all.begin(), all.end()); }"
  POSTROAD_STABLE_SORT_DOES_NOT_WARN)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT POSTROAD_STABLE_SORT_DOES_NOT_WARN)
  target_compile_options(postroad_build INTERFACE -Wno-deprecated-declarations)
endif()
if(POSTROAD_SANITIZE)
  target_compile_options(postroad_build INTERFACE -fsanitize=${POSTROAD_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(postroad_build INTERFACE -fsanitize=${POSTROAD_SANITIZE})
endif()

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # The asan preset asks for both; g++ has neither libFuzzer nor this coverage, and is sanitized without.
  set(POSTROAD_FUZZ OFF)
  set(POSTROAD_COVERAGE OFF)
endif()
if(POSTROAD_FUZZ)
  # libFuzzer's own coverage of the code under test; a program without libFuzzer ignores it.
  target_compile_options(postroad_build INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(POSTROAD_COVERAGE)
  # Counts go to the file that LLVM_PROFILE_FILE names, and nowhere without it.
  target_compile_options(postroad_build INTERFACE -fprofile-instr-generate=/dev/null -fcoverage-mapping)
  target_link_options(postroad_build INTERFACE -fprofile-instr-generate)
endif()

if(PROJECT_IS_TOP_LEVEL)
  find_program(CCACHE ccache)
  if(CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
        CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      target_compile_options(postroad_build INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
    endif()
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # The linker of the compiler's own version: another one may not read its link-time objects.
    string(REGEX MATCH "^[0-9]+" clang_version ${CMAKE_CXX_COMPILER_VERSION})
    find_program(POSTROAD_LLD_${clang_version} ld.lld-${clang_version})
    if(POSTROAD_LLD_${clang_version})
      target_link_options(postroad_build INTERFACE -fuse-ld=lld-${clang_version})
    endif()
  endif()
endif()

# g++-12 miscompiles ordinary coroutine code; a small program decides, not a version number.
if(NOT POSTROAD_CORE_ONLY)
  try_run(coroutines_run coroutines_build ${PROJECT_BINARY_DIR}/coroutine_check
          SOURCES ${CMAKE_CURRENT_LIST_DIR}/coroutine_check.cpp
          CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
  if(NOT coroutines_build OR NOT coroutines_run EQUAL 0)
    message(FATAL_ERROR
      "${CMAKE_CXX_COMPILER} miscompiles C++20 coroutines (cmake/coroutine_check.cpp ends with "
      "'${coroutines_run}'). Postroad needs clang 16 to 19, or g++ 14 or newer: on Debian 12, apt-get install clang-16 lld-16; "
      "on Debian 13, apt-get install clang-19 lld-19. Then name it by -DCMAKE_CXX_COMPILER=clang++-16, or leave the choice to ./dev build. "
      "The layers without coroutines build with this compiler: cmake --preset core.")
  endif()
endif()
