# Configuring and building a preset. Sourced by ./dev.

# Seconds that one build step takes on one core of a usual machine; for the estimate that is printed.
seconds_per_step=6

preset_packages() { # preset
  build_packages
  case "$1" in
    asan | tsan | coverage) sanitizer_packages ;;
    core) echo g++ ;;
  esac
}

configure() { # preset [cmake options…]
  local preset=$1 log options=()
  shift
  choose_compiler
  # shellcheck disable=SC2046
  need $(preset_packages "$preset")
  # The core preset is for g++, which has no coroutines that work on Debian 12.
  [ "$preset" = core ] || options+=("-DCMAKE_CXX_COMPILER=$compiler")
  log=$(mktemp)
  cmake --preset "$preset" "${options[@]}" "$@" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; die "cmake --preset $preset failed, see above"; }
  rm -f "$log"
}

build() { # preset targets…
  local preset=$1 steps
  shift
  if [ -f "build/$preset/.ninja_log" ]; then
    say "building ${*:-everything} ($preset)"
  else
    steps=$(ninja -C "build/$preset" -t commands "${@:-all}" 2>/dev/null | wc -l)
    say "building ${*:-everything} ($preset): $steps steps, about $(((steps * seconds_per_step / $(nproc) + 59) / 60)) min on $(nproc) cores the first time"
  fi
  cmake --build "build/$preset" --target "${@:-all}"
}

# Lines `name label targets…` of the CTest entries, written by CMake.
test_table() { cat "build/$1/tests.txt"; }
