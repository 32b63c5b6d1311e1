# ./dev lint: the checks that read the text, then clang-tidy. Sourced by ./dev.

lint_text() {
  local status=0
  # The format of one version of clang-format is not that of another; Debian 13 has no version 16.
  if is_available clang-format-16; then
    need "${lint_packages[@]}"
    say "format"
    git ls-files '*.cpp' '*.hpp' | xargs clang-format-16 --dry-run -Werror || status=1
  elif [ -n "${CI:-}" ]; then
    die "clang-format-16 is not available, and CI checks the format"
  else
    say "format: not checked, because this system has no clang-format-16; CI checks it"
  fi
  if [ -f tools/lint/words.py ]; then
    say "words"
    /usr/bin/python3 -B tools/lint/words_test.py || status=1
    /usr/bin/python3 tools/lint/words.py || status=1
  fi
  say "layers"
  /usr/bin/python3 tools/lint/layers.py || status=1
  return "$status"
}

changed_since() { # [BASE]: the units that changed
  local base=${1:-}
  [ -n "$base" ] || base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  # On main itself the change is the last commit.
  [ -n "$base" ] && [ "$base" != "$(git rev-parse HEAD)" ] || base=$(git rev-parse -q --verify HEAD~1 2>/dev/null || true)
  [ -z "$base" ] || git diff --name-only --diff-filter=d "$base" -- 'src/*.cpp' | grep -v _test || true
}

lint_tidy() { # units…
  local headers
  [ $# -gt 0 ] || { say "clang-tidy: no unit changed"; return 0; }
  # shellcheck disable=SC2046
  need $(build_packages) "${unit_test_packages[@]}" "clang-tidy-${clang_version:-16}"
  configure release -DBUILD_TESTING=ON
  # clang-tidy reads the precompiled headers; the objects are not needed.
  mapfile -t headers < <(ninja -C build/release -t targets all | sed -nE 's/^(.*\.pch): .*/\1/p')
  [ ${#headers[@]} -eq 0 ] || build release "${headers[@]}"
  # A unit with Asio takes half a minute: CI looks at the first that changed, a person at all with --tidy-all.
  local all=$#
  [ -z "${CI:-}" ] || set -- "${@:1:12}"
  say "clang-tidy on $# of $all units"
  printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 "clang-tidy-${clang_version:-16}" -p build/release --quiet
}

verb_lint() { # [BASE | --text | --tidy | --tidy-all]
  local status=0 units=()
  choose_compiler
  [ "${1:-}" = --tidy ] || [ "${1:-}" = --tidy-all ] || lint_text || status=1
  case "${1:-}" in
    --text) ;;
    --tidy-all) mapfile -t units < <(git ls-files 'src/*.cpp' | grep -v _test) ;;
    --tidy) mapfile -t units < <(changed_since) ;;
    *) mapfile -t units < <(changed_since "${1:-}") ;;
  esac
  [ "${1:-}" = --text ] || lint_tidy "${units[@]}" || status=1
  # The last line says whether there are findings: the findings themselves may be far above it.
  if [ "$status" -eq 0 ]; then say "lint: no findings"; else say "lint: there are findings above"; fi
  return "$status"
}
