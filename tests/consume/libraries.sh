#!/usr/bin/env bash
# Contents and dependencies of the libraries: neither the server nor a test double is in libpostroad and libpostroad-queue, nothing is in
# both, and they load few other libraries. Arguments: the folder of the libraries.
set -euo pipefail
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
fail() { echo "$1"; status=1; }

needed() { readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(lib[^.]*).*\].*/\1/p' | sort -u; }
own() { nm -C --defined-only "$1" 2>/dev/null | sed -nE 's/^[0-9a-f]+ [TDBR] //p' | sort -u; } # no weak ones: templates and inline functions

system='libc|libm|libstdc\+\+|libgcc_s|libpthread'
others() { needed "$1" | grep -vxE "$system|$2" || true; }
expect_nothing() { [ -z "$2" ] || fail "$1: $(tr '\n' ' ' <<<"$2")"; }
expect_nothing "libpostroad.so loads" "$(others libpostroad.so 'libssl|libcrypto|libfmt|libidn|libidn2')"
expect_nothing "libpostroad-queue.so loads" "$(others libpostroad-queue.so 'libpostroad|libfmt')"
expect_nothing "libpostroad-testing.so loads" "$(others libpostroad-testing.so 'libssl|libcrypto|libfmt|libidn|libidn2')"
needed libpostroad-queue.so | grep -qx 'libpostroad' || fail "libpostroad-queue.so does not load libpostroad.so"

for name in postroad postroad-queue postroad-testing; do
  own "lib$name.so" >"$work/$name.so"
  own "lib$name.a" >"$work/$name.a"
  [ -s "$work/$name.a" ] || fail "lib$name.a has no symbols"
done
for file in "$work"/postroad.* "$work"/postroad-queue.*; do
  expect_nothing "${file##*/} holds the server or a test double" \
    "$(grep -E 'postroad::(server|daemon|relay|http|config|cli|mailbox|dns|testing)::|postroad::(smtp::ServerMachine|net::TestCertificates|spool::TestDisk)' "$file" | head -n 5)"
done
for kind in so a; do
  expect_nothing "in libpostroad.$kind and in libpostroad-queue.$kind" "$(comm -12 "$work/postroad.$kind" "$work/postroad-queue.$kind" | grep postroad | head -n 5)"
done
grep -q '^postroad::Outbox::open' "$work/postroad-queue.so" || fail "libpostroad-queue.so has no Outbox"
! grep -q '^postroad::\(Outbox\|spool\|queue\)' "$work/postroad.so" || fail "libpostroad.so holds the outbox"

exported() { nm -DC --defined-only "$1" | sed -nE 's/^[0-9a-f]+ [A-Za-z] //p'; }
expect_nothing "libpostroad-testing.so exports" "$(exported libpostroad-testing.so | grep -vE '^(typeinfo( name)? for |vtable for )?postroad::testing::' | head -n 5)"
expect_nothing "libpostroad-queue.so exports" \
  "$(exported libpostroad-queue.so | grep -E '^postroad::(spool|queue|outbox|smtp|client)::' | head -n 5)"
exit $status
