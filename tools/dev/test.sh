# ./dev test and ./dev coverage: which CTest entries, what they need, how many passed. Sourced by ./dev.

passed=0 failed=0 skipped=0
skip_lines= # file with the reasons, one per line

run_ctest() { # preset ctest-arguments…: counts what CTest says
  local preset=$1 log status=0 line bad total not_run
  shift
  log=$(mktemp)
  # Freed memory that the sanitizer keeps must not look like a server that grows.
  export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=4} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j"$(nproc)" "$@" 2>&1 | tee "$log" || status=$?
  line=$(grep -E 'tests passed, [0-9]+ tests failed out of [0-9]+' "$log" | tail -n 1 || true)
  if [ -n "$line" ]; then
    bad=$(sed -E 's/.* ([0-9]+) tests failed.*/\1/' <<<"$line")
    total=$(sed -E 's/.*out of ([0-9]+).*/\1/' <<<"$line")
    not_run=$(grep -cE '^[[:space:]]*[0-9]+ - .*\(Skipped\)' "$log" || true)
    failed=$((failed + bad)) skipped=$((skipped + not_run)) passed=$((passed + total - bad - not_run))
  fi
  grep -hE '^skipped: ' "build/$preset/Testing/Temporary/LastTest.log" >>"$skip_lines" 2>/dev/null || true
  rm -f "$log"
  return "$status"
}

select_tests() { # preset REGEX: prints the names that match
  local names
  names=$(test_table "$1" | cut -d ' ' -f 1 | grep -E -- "$2") || die "no test matches '$2'; ./dev test --list prints their names"
  echo "$names"
}

targets_of() { # preset, names on standard input: prints their build targets
  awk 'NR == FNR { wanted[$1]; next } $1 in wanted { for (i = 3; i <= NF; ++i) print $i }' - "build/$1/tests.txt" | sort -u
}

as_regex() { sed 's/[.]/\\./g' | paste -s -d '|' | sed 's/.*/^(&)$/'; }

packages_of_tests() { # kinds (base or peer), names on standard input
  local names kind pattern packages
  names=$(cat)
  while read -r kind pattern packages; do
    [[ " $1 " == *" $kind "* ]] && grep -qE -- "^($pattern)\$" <<<"$names" && tr ' ' '\n' <<<"$packages"
  done < <(grep -E '^(base|peer) ' tests/packages.txt) | sort -u
  return 0
}

need_peers() { # names on standard input
  local names
  names=$(cat)
  # shellcheck disable=SC2046
  need $(packages_of_tests "base peer" <<<"$names")
  if grep -qx interop.extensions <<<"$names"; then need_exim; fi
  if grep -qx interop.dns <<<"$names"; then need_nsd; fi
  if grep -qx interop.forty <<<"$names"; then need_nodemailer; fi
}

test_chosen() { # preset REGEX
  local names targets
  names=$(select_tests "$1" "$2")
  need_peers <<<"$names"
  mapfile -t targets < <(targets_of "$1" <<<"$names")
  build "$1" "${targets[@]}" || return 1
  say "testing $1: $(wc -l <<<"$names") of $(test_table "$1" | wc -l) entries match '$2'"
  run_ctest "$1" -R "$(as_regex <<<"$names")"
}

test_label() { # preset label: builds what its entries need and runs them; true where the preset has none
  local names targets
  names=$(test_table "$1" | awk -v label="$2" '$2 == label { print $1 }')
  [ -n "$names" ] || return 0
  # shellcheck disable=SC2046
  if [ -n "${CI:-}" ]; then need_peers <<<"$names"; else need $(packages_of_tests base <<<"$names"); fi
  mapfile -t targets < <(targets_of "$1" <<<"$names")
  build "$1" "${targets[@]}" || return 1
  say "testing $1: $2 ($(wc -l <<<"$names") entries)"
  if [ "$1 $2" = "asan unit" ] && [ -n "$clang_version" ]; then
    # The asan build counts lines too, so that CI has the number without a build of its own.
    rm -rf build/asan/profiles
    LLVM_PROFILE_FILE=$(profiles_of asan) run_ctest asan -L '^unit$' || return 1
    report_coverage asan "${targets[@]}"
  else
    run_ctest "$1" -L "^$2\$"
  fi
}

report_tests() {
  if [ -s "$skip_lines" ]; then
    say "skipped ($(sort -u "$skip_lines" | wc -l)); ./dev setup installs missing peers"
    sort -u "$skip_lines"
  fi
  rm -f "$skip_lines"
  printf '%s passed, %s failed' "$passed" "$failed"
  if [ "$skipped" -gt 0 ]; then printf ', %s skipped' "$skipped"; fi
  printf '\n'
}

verb_test() {
  local preset=release pattern= status=0 label list=
  while [ $# -gt 0 ]; do
    case "$1" in
      --sanitize) case "${2:-}" in asan | tsan) preset=$2 ;; *) die "test --sanitize takes asan or tsan" ;; esac; shift ;;
      --list) list=yes ;;
      -*) die "test takes --sanitize asan|tsan, --list and a regular expression, but no '$1'" ;;
      *) [ -z "$pattern" ] || die "test takes one regular expression; quote it, or join several with |"; pattern=$1 ;;
    esac
    shift
  done
  skip_lines=$(mktemp)
  need "${unit_test_packages[@]}"
  configure "$preset" -DBUILD_TESTING=ON
  if [ -n "$list" ]; then test_table "$preset" | cut -d ' ' -f 1,2; return; fi
  if [ -n "$pattern" ]; then
    test_chosen "$preset" "$pattern" || status=1
  else
    # In the order of cost: what needs no other program fails first.
    test_label "$preset" unit || status=1
    if [ "$preset" = release ]; then
      configure core -DBUILD_TESTING=ON
      test_label core unit || status=1
    fi
    for label in scenario interop; do test_label "$preset" "$label" || status=1; done
  fi
  report_tests
  return "$status"
}

# Line coverage of what ran with LLVM_PROFILE_FILE=$(profiles_of PRESET).
profiles_of() { echo "$PWD/build/$1/profiles/%2m.profraw"; } # each program's processes add to its own two files

report_coverage() { # preset targets…
  local base=build/$1 objects=() program
  shift
  find "$base/profiles" -name '*.profraw' -size +0 >"$base/profiles.txt"
  "llvm-profdata-$clang_version" merge --sparse --failure-mode=all -f "$base/profiles.txt" -o "$base/all.profdata" || die "llvm-profdata failed"
  for program in "$@"; do
    [ "$program" != postroad_command ] || program=postroad
    [ ! -x "$base/bin/$program" ] || objects+=(-object "$base/bin/$program")
  done
  "llvm-cov-$clang_version" report "${objects[@]:1:1}" "${objects[@]:2}" -instr-profile "$base/all.profdata" \
    -ignore-filename-regex '(_test\.cpp|/tests/|/usr/|/build/)' >"$base/report.txt" 2>"$base/report.log" || { cat "$base/report.log" >&2; die "llvm-cov failed"; }
  say "coverage by file: $base/report.txt"
  awk '$1 == "TOTAL" { print "line coverage: " $10 }' "$base/report.txt"
}

verb_coverage() { # [REGEX]
  local names targets status=0
  skip_lines=$(mktemp)
  need "${unit_test_packages[@]}"
  configure coverage -DBUILD_TESTING=ON
  [ -n "$clang_version" ] || die "coverage needs clang; unset CXX"
  names=$(select_tests coverage "${1:-^(.*_test|scenario\..*)$}")
  # shellcheck disable=SC2046
  need $(packages_of_tests base <<<"$names")
  mapfile -t targets < <(targets_of coverage <<<"$names")
  build coverage "${targets[@]}"
  rm -rf build/coverage/profiles
  LLVM_PROFILE_FILE=$(profiles_of coverage) run_ctest coverage -R "$(as_regex <<<"$names")" || status=1
  report_tests
  report_coverage coverage "${targets[@]}"
  return "$status"
}
