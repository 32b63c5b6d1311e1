# Which Debian packages a verb of ./dev needs on this system, and their installation. Sourced by ./dev.
# An entry `a|b` means the first of them that is installed, else the first that apt offers. Nothing here names a release of
# Debian: Debian 12 and 13 differ only in what apt offers.

clang_versions=(19 18 17 16)
clang_packages=() # set by choose_compiler

# Packages that the command and the libraries need, besides the compiler.
library_packages=(cmake ninja-build ccache pkg-config libssl-dev libfmt-dev libidn2-dev libidn-dev)
command_packages=(libtomlplusplus-dev libedit-dev libsystemd-dev libunbound-dev zlib1g-dev)
unit_test_packages=(libgtest-dev libgmock-dev python3)
demo_packages=(openssl netcat-openbsd)
bench_packages=(libcurl4-openssl-dev libgmime-3.0-dev libvmime-dev msmtp curl postfix python3 python3-aiosmtpd)
lint_packages=(clang-format-16 python3)

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
# Prints the version that apt would install; nothing where it knows no such package.
offered() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p' | grep -v '(none)'; }
is_available() { is_installed "$1" || [ -n "$(offered "$1")" ]; }

root_prefix=()
become_root() { # for apt: empty prefix or sudo
  [ "$(id -u)" -ne 0 ] || return 0
  command -v sudo >/dev/null || die "these Debian packages are missing: $*; run as root, or install sudo"
  root_prefix=(sudo)
}

lists_are_fresh=
refresh_lists() { # once per run
  [ -z "$lists_are_fresh" ] || return 0
  command -v apt-get >/dev/null || die "these Debian packages are missing and there is no apt-get here: $*"
  become_root "$@"
  "${root_prefix[@]}" apt-get update -qq || die "apt-get update failed: is there a network? these packages are missing: $*"
  lists_are_fresh=yes
}

resolve() { # entry: prints the package that stands for it here
  local candidate candidates
  IFS='|' read -ra candidates <<<"$1"
  for candidate in "${candidates[@]}"; do is_installed "$candidate" && { echo "$candidate"; return 0; }; done
  for candidate in "${candidates[@]}"; do [ -n "$(offered "$candidate")" ] && { echo "$candidate"; return 0; }; done
  echo "${candidates[0]}"
}

boost_package() { # the default version where it is 1.81 or newer, else a versioned package
  local version
  version=$(dpkg-query -W -f '${Version}' libboost-dev 2>/dev/null || true)
  [ -n "$version" ] || version=$(offered libboost-dev)
  if [ -n "$version" ] && dpkg --compare-versions "$version" ge 1.81; then echo libboost-dev; else resolve 'libboost1.81-dev|libboost1.83-dev'; fi
}

# Sets `compiler`, `clang_version` (empty for another compiler) and `clang_packages`. CXX=g++-14 ./dev build takes that compiler;
# otherwise it is the newest clang that is installed, else the newest that apt offers.
compiler= clang_version=
choose_compiler() {
  [ -z "$compiler" ] || return 0
  local version
  if [ -n "${CXX:-}" ]; then
    compiler=$CXX
    clang_version=$(sed -nE 's/.*clang\+\+-([0-9]+)$/\1/p' <<<"$CXX")
  else
    for version in "${clang_versions[@]}"; do command -v "clang++-$version" >/dev/null && { clang_version=$version; break; }; done
    if [ -z "$clang_version" ]; then
      refresh_lists clang
      for version in "${clang_versions[@]}"; do [ -n "$(offered "clang-$version")" ] && { clang_version=$version; break; }; done
    fi
    [ -n "$clang_version" ] || die "apt offers no clang from 16 to 19: name another compiler, for example CXX=g++-14 ./dev build"
    compiler=clang++-$clang_version
  fi
  if [ -n "$clang_version" ]; then clang_packages=("clang-$clang_version" "lld-$clang_version"); else clang_packages=("${compiler##*/}"); fi
}

# Called in subshells: choose_compiler must have run before.
sanitizer_packages() { # also of the coverage preset
  [ -z "$clang_version" ] || echo "libclang-rt-$clang_version-dev llvm-$clang_version"
}

build_packages() {
  echo "${clang_packages[*]} ${library_packages[*]} $(boost_package) ${command_packages[*]}"
}

missing_of() { # entries…: prints the packages that are not installed
  local entry package
  for entry in "$@"; do
    package=$(resolve "$entry")
    is_installed "$package" || echo "$package"
  done | awk '!seen[$0]++'
}

need() { # entries…: says what is missing and installs it
  local missing
  mapfile -t missing < <(missing_of "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  refresh_lists "${missing[@]}"
  become_root "${missing[@]}"
  mapfile -t missing < <(missing_of "$@") # alternatives may be known only now
  local size
  size=$(LC_ALL=C apt-get install --no-install-recommends -s "${missing[@]}" 2>/dev/null | grep -c '^Inst ' || true)
  say "installing ${#missing[@]} Debian packages (with what they need: $size): ${missing[*]}"
  # A Postfix without configuration does not start.
  echo 'postfix postfix/main_mailer_type select No configuration' | "${root_prefix[@]}" debconf-set-selections 2>/dev/null || true
  "${root_prefix[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}"
}


# A package that is unpacked into build/NAME, where the tests look for its program, and not installed.
unpack_peer() { # package, NAME, program
  [ -x "build/$2/$3" ] && return
  command -v apt-get >/dev/null || return 0
  say "unpacking $1 into build/$2"
  mkdir -p "build/$2"
  (cd "build/$2" && apt-get download -qq "$1" >/dev/null 2>&1 && dpkg -x "$1"_*.deb .) ||
    say "$1 could not be fetched: the tests that need it are skipped"
}
need_exim() { unpack_peer exim4-daemon-light exim usr/sbin/exim4; } # cannot be installed beside Postfix
need_nsd() { unpack_peer nsd nsd usr/sbin/nsd; }                    # its package starts a name server on port 53

need_nodemailer() { # npm itself is not installed: it brings hundreds of packages
  [ -d build/node/node_modules/mailparser ] && return
  command -v npm >/dev/null || { say "npm is not installed: the tests with nodemailer are skipped"; return 0; }
  say "fetching nodemailer and mailparser into build/node"
  mkdir -p build/node
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix build/node nodemailer@10.6.1 mailparser@3.14.2 >/dev/null 2>&1 ||
    say "nodemailer could not be fetched: the tests with it are skipped"
}
