#!/usr/bin/env bash
# Installs the built tree into an empty prefix: each file is where its reader looks for it and names the prefix; the target
# `uninstall` removes all of it. Arguments: build folder.
set -euo pipefail
build=$1
work=$(mktemp -d)
# The manifest of the user's own installation is what `uninstall` reads.
manifest=$build/install_manifest.txt
[ ! -e "$manifest" ] || cp -p "$manifest" "$work/manifest"
restore() {
  rm -f "$manifest"
  [ ! -e "$work/manifest" ] || cp -p "$work/manifest" "$manifest"
  rm -rf "$work"
}
trap restore EXIT
fail() { echo "$1"; exit 1; }
prefix=$work/prefix

cmake --install "$build" --prefix "$prefix" >"$work/log" || { cat "$work/log"; fail "the installation failed"; }
for file in bin/postroad share/man/man1/postroad-send.1 share/bash-completion/completions/postroad share/zsh/site-functions/_postroad \
  share/fish/vendor_completions.d/postroad.fish \
  lib/systemd/system/postroad.service lib/systemd/system/postroad.socket lib/sysusers.d/postroad.conf etc/logrotate.d/postroad \
  share/doc/postroad/examples/config/submission.toml share/doc/postroad/examples/send.cpp include/postroad/client.hpp \
  include/postroad/outbox.hpp; do
  [ -s "$prefix/$file" ] || fail "$file was not installed"
done
grep -qx "ExecStart=$prefix/bin/postroad serve --config $prefix/etc/postroad/postroad.toml" "$prefix/lib/systemd/system/postroad.service" ||
  fail "the service does not name the prefix"
! grep -rE '/usr/bin/postroad|[^x]/etc/postroad' "$prefix/lib/systemd" | grep -v "$prefix" || fail "a unit names a path outside of the prefix"

# Below DESTDIR with the prefix of a package: the configuration is below /etc.
DESTDIR=$work/root cmake --install "$build" --prefix /usr >"$work/log" || { cat "$work/log"; fail "the installation below DESTDIR failed"; }
grep -q '^ExecStart=/usr/bin/postroad serve --config /etc/postroad/postroad.toml$' "$work/root/usr/lib/systemd/system/postroad.service" ||
  fail "the service of a package names other paths than /usr and /etc"
[ -s "$work/root/etc/logrotate.d/postroad" ] || fail "logrotate's file is not below /etc"
DESTDIR=$work/root cmake --build "$build" --target uninstall >"$work/log" || { cat "$work/log"; fail "uninstall failed"; }
left=$(find "$work/root" -type f -o -type l)
[ -z "$left" ] || fail "uninstall left $left"

# A Debian package passes an absolute folder for the configuration.
source=$(dirname "$(readlink -f "$0")")/../..
DESTDIR=$work/debian cmake -D CMAKE_INSTALL_PREFIX=/usr -D POSTROAD_BINDIR=bin -D POSTROAD_MANDIR=share/man -D POSTROAD_DATADIR=share \
  -D POSTROAD_SYSCONFDIR=/etc -D POSTROAD_COMMAND="$build/bin/postroad" -D POSTROAD_SOURCE="$source" -D POSTROAD_STAGING="$work/staging" \
  -P "$source/cmake/install_service.cmake" >"$work/log" || { cat "$work/log"; fail "an absolute CMAKE_INSTALL_SYSCONFDIR does not install"; }
grep -q '^ExecStart=/usr/bin/postroad serve --config /etc/postroad/postroad.toml$' "$work/debian/usr/lib/systemd/system/postroad.service" ||
  fail "with an absolute CMAKE_INSTALL_SYSCONFDIR the service names other paths than /usr and /etc"
[ -s "$work/debian/etc/logrotate.d/postroad" ] || fail "with an absolute CMAKE_INSTALL_SYSCONFDIR logrotate's file is not below /etc"
