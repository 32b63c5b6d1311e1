#!/usr/bin/env bash
# Shows that this tree builds and passes on a fresh Debian: tools/portability.sh SUITE [PARTS], with SUITE bookworm or trixie.
# Makes a chroot by debootstrap, copies the committed tree into it, runs ./dev demo and ./dev test there as a newcomer does, and
# reports how long each took. Needs root.
#
# PARTS (default `demo test`): command lines of ./dev, each quoted as one word: demo 'test ^mail_test$' 'test --sanitize asan'.
# MIRROR  the Debian mirror (default: the one in this system's apt configuration)
# ROOT    where the chroot is made (default /var/tmp/postroad-SUITE); one that exists is used again
# CXX     another compiler than ./dev chooses, for example g++-14
# CCACHE  a folder with a compiler cache, to share it with the chroot; the times are then not those of a newcomer
set -euo pipefail
source=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)

die() { printf 'tools/portability.sh: %s\n' "$*" >&2; exit 1; }
suite=${1:-}
[ -n "$suite" ] || die "name a suite: bookworm or trixie"
shift
[ "$(id -u)" -eq 0 ] || die "debootstrap and chroot need root"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
root=${ROOT:-/var/tmp/postroad-$suite}
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(demo test)

host_mirror() { # the first Debian mirror that apt uses here
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/*$' || echo http://deb.debian.org/debian
}

make_chroot() {
  [ ! -x "$root/usr/bin/apt-get" ] || return 0
  local mirror=${MIRROR:-$(host_mirror)}
  echo "=== debootstrap $suite from $mirror into $root"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; die "debootstrap failed; $root.log tells more"; }
  # How apt reaches its mirror here holds in the chroot too: proxy, dates, name server.
  apt-config dump Acquire | grep -E '^Acquire::((http|https)::|Check-|Retries)' >"$root/etc/apt/apt.conf.d/99host" || true
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  cp /etc/hosts "$root/etc/hosts"
}

mounted=()
unmount() {
  local place
  for place in $(printf "%s\n" "${mounted[@]}" | tac); do umount -R "$place" || true; done
}
trap unmount EXIT
mount_into() { # mount arguments… place
  mkdir -p "${!#}"
  mount "${@:1:$#-1}" "${!#}"
  mounted+=("${!#}")
}

within() { # words…: runs them in the copied tree
  chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${CXX:+CXX="$CXX"} ${CCACHE:+CCACHE_DIR=/ccache} \
    sh -c 'cd /postroad && "$@"' sh "$@"
}

make_chroot
mount_into -t proc proc "$root/proc"
mount_into --rbind --make-rslave /dev "$root/dev"
[ -z "${CCACHE:-}" ] || mount_into --bind "$CCACHE" "$root/ccache"

# The committed tree; a build folder from an earlier run stays.
mkdir -p "$root/postroad"
find "$root/postroad" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
git -C "$source" archive HEAD | tar -x -C "$root/postroad"

status=0
report=()
for part in "${parts[@]}"; do
  read -ra words <<<"./dev $part"
  echo "=== ${words[*]} on $suite"
  begin=$SECONDS
  result=passed
  within "${words[@]}" </dev/null || { result="failed ($?)"; status=1; }
  report+=("$suite  ${words[*]}  $((SECONDS - begin)) s  $result")
done
echo "=== $(. "$root/etc/os-release" && echo "$PRETTY_NAME"), $(uname -m), $(nproc) cores"
printf '%s\n' "${report[@]}"
exit "$status"
