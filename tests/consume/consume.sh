#!/usr/bin/env bash
# Installs the built tree into an empty prefix and uses its libraries from outside: by CMake with g++, shared and static, and by
# pkg-config with the compiler of the build; then the README's example against a real server. Arguments: build folder, source
# folder, the command, the compiler.
set -euo pipefail
build=$1 source=$2 command=$3 compiler=$4
work=$(mktemp -d)
server=
# The manifest of the user's own installation is what `uninstall` reads.
manifest=$build/install_manifest.txt
[ ! -e "$manifest" ] || cp -p "$manifest" "$work/manifest"
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -f "$manifest"
  [ ! -e "$work/manifest" ] || cp -p "$work/manifest" "$manifest"
  rm -rf "$work"
}
trap finish EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
cmake -S "$source/tests/consume/project" -B "$work/cmake" -G Ninja -DCMAKE_CXX_COMPILER=g++ -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DEXAMPLES="$source/examples" >"$work/configure.log" || { cat "$work/configure.log"; exit 1; }
cmake --build "$work/cmake"
"$work/cmake/with_shared"
"$work/cmake/with_static"
"$work/cmake/queue_shared" "$work/outbox.shared"
"$work/cmake/queue_static" "$work/outbox.static"

pc=$(dirname "$(find "$work/prefix" -name postroad.pc)")
export PKG_CONFIG_PATH="$pc"
# shellcheck disable=SC2046
"$compiler" -std=c++20 "$source/tests/consume/project/main.cpp" -o "$work/by_pkg_config" $(pkg-config --cflags --libs postroad) -Wl,-rpath,"$(pkg-config --variable=libdir postroad)"
"$work/by_pkg_config"
# shellcheck disable=SC2046
"$compiler" -std=c++20 "$source/tests/consume/project/queue.cpp" -o "$work/queue_by_pkg_config" \
  $(pkg-config --cflags --libs postroad-queue postroad-testing) -Wl,-rpath,"$(pkg-config --variable=libdir postroad-queue)"
"$work/queue_by_pkg_config" "$work/outbox.pkg_config"

# The README's example, which must be in the README word for word.
sed -n '/^```cpp$/,/^```$/p' "$source/README.md" | sed '1d;$d' >"$work/readme.cpp"
diff <(sed '1,/^#include/{/^#include/!d}' "$source/examples/send.cpp") "$work/readme.cpp" || { echo "README.md and examples/send.cpp differ"; exit 1; }
mkfifo "$work/said"
(cd "$work" && exec "$command" serve --set "server.data=$work/data" --set log.format=none --config "$source/tests/consume/any_port.toml" >"$work/said") &
server=$!
read -r _ _ address _ <"$work/said"
address=${address%,}
"$work/cmake/example" "smtp://$address" | tee "$work/report"
[ "$(grep -c ' accepted 250 ' "$work/report")" -eq 2 ] || { echo "the example's mail was not accepted twice"; exit 1; }
"$work/cmake/own_loop" "smtp://$address" 5 | tee "$work/report"
[ "$(grep -c ' accepted 250 ' "$work/report")" -eq 5 ] || { echo "the loop's five mails were not accepted"; exit 1; }
