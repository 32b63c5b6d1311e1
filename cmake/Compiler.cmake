# The compiler if none was named (CMAKE_CXX_COMPILER, CXX): the newest clang that is tested and installed, because g++-12,
# Debian 12's own, miscompiles coroutines. Included before project(); a project that embeds this one chooses its own.
if(NOT DEFINED CMAKE_CXX_COMPILER AND NOT DEFINED ENV{CXX} AND CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
  find_program(POSTROAD_CLANG NAMES clang++-19 clang++-18 clang++-17 clang++-16 DOC "The compiler where none is named")
  if(POSTROAD_CLANG)
    set(CMAKE_CXX_COMPILER ${POSTROAD_CLANG} CACHE FILEPATH "C++ compiler")
  endif()
endif()
