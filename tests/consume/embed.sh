#!/usr/bin/env bash
# Configures an outside project that embeds the libraries, where nothing is to be found but Boost, OpenSSL, fmt and libidn2,
# and checks that they stay guests: no tests, no server, no -Werror, no output folder of their own, and only what the project links
# is built. It builds one layer; with a third argument, all of them, and runs the programs. Arguments: source folder, compiler.
set -euo pipefail
source=$1 compiler=$2 whole=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$1"; exit 1; }

mkdir "$work/pc"
ln -s "$(find /usr/lib /usr/share -path '*pkgconfig/libidn2.pc' -print -quit)" "$work/pc/"
PKG_CONFIG_LIBDIR=$work/pc PKG_CONFIG_PATH='' cmake -S "$source/tests/consume/embed" -B "$work/build" -G Ninja -DPOSTROAD="$source" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DBUILD_TESTING=ON \
  -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON -DCMAKE_DISABLE_FIND_PACKAGE_tomlplusplus=ON \
  >"$work/log" 2>&1 || { cat "$work/log"; fail "the embedding project does not configure"; }

targets=$(ninja -C "$work/build" -t targets all)
grep -q '^embed: ' <<<"$targets" || fail "the program is not where its own project puts it"
! grep -qE 'layer_(server|config|daemon|cli)\.dir|_test(:|\.dir)' <<<"$targets" || fail "the server or tests are built too"
planned=$(ninja -C "$work/build" -n all)
! grep -qE 'layer_(spool|queue|outbox|client_testing)\.dir' <<<"$planned" || fail "the outbox is built though nothing links it"
! grep -q -- -Werror "$work/build/compile_commands.json" || fail "warnings are errors for the embedding project"
[ -z "$(ninja -C "$work/build" -t query uninstall 2>/dev/null)" ] || fail "the embedding project got a target uninstall"

cmake --build "$work/build" --target $([ -n "$whole" ] && echo all || echo layer_base postroad/CMakeFiles/layer_proto.dir/src/proto/sasl/prepare.cpp.o) >"$work/log" 2>&1 || { cat "$work/log"; fail "the library does not build"; }
[ -z "$whole" ] || { "$work/build/embed" && cmake --build "$work/build" --target embed_queue && "$work/build/embed_queue" "$work/outbox"; }
