#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A command in this checkout, on another release of Debian, or Debian's libraries
# for another processor. See tests/debian.sh --help.
set -euo pipefail
# shellcheck source=tools/lib/common.sh
. "$(dirname "$0")/../tools/lib/common.sh"

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/fastskip/debian
MAX_AGE_DAYS=14
SYSROOT_PACKAGES="libc6-dev libgflags-dev libgtest-dev librocksdb-dev"

usage() {
  cat <<END
usage: tests/debian.sh [--bare] SUITE COMMAND [ARGUMENT...]
       tests/debian.sh --sysroot=ARCHITECTURE SUITE

Runs the command in a chroot of Debian SUITE (trixie, sid, bookworm), as root or
with sudo. The chroot is made of Debian's packages by mmdebstrap, in
  $CACHE/SUITE
and made anew after $MAX_AGE_DAYS days. There the checkout is /fastskip, which is also the
working directory; /fastskip/build is build/SUITE of the checkout; ccache has a
directory of its own beside the chroot.

  --bare  in a chroot that has apt and ca-certificates beside what every Debian
          has. What the command writes there is kept in memory and vanishes with
          it; /fastskip is read-only, and its build directory the checkout's own

Needs the capabilities CAP_SYS_ADMIN (to mount) and CAP_SYS_CHROOT, which a
container may lack. Mounts are in a namespace of the command's own: they vanish
with it, however it ends.

With --sysroot, prints a directory with the libraries and headers that the tests
need, for a cross compiler: Debian's packages for the architecture (arm64, or what
else Debian has), unpacked by mmdebstrap in
  $CACHE/SUITE-ARCHITECTURE
Nothing of the architecture is run for it, and it is kept until somebody removes it.

FASTSKIP_DEBIAN_MIRROR names another mirror, or is a line of sources.list. For one
that was not brought up to date, whose index of sid expires after a week:
  deb [check-valid-until=no] http://deb.debian.org/debian sid main
END
}

ARGUMENTS=("$@")
ARCHITECTURE=
BARE=
case ${1-} in
  --help | -h)
    usage
    exit 0
    ;;
  --sysroot=*)
    ARCHITECTURE=${1#*=}
    [[ $ARCHITECTURE =~ ^[a-z0-9][a-z0-9-]*$ ]] ||
      die "--sysroot: '$ARCHITECTURE' is no architecture of Debian (see --help)."
    shift
    [ $# -eq 1 ] || die "--sysroot needs a suite, and nothing else (see --help)."
    ;;
  --bare)
    BARE=yes
    shift
    ;;
esac
[ -n "$ARCHITECTURE" ] || [ $# -ge 2 ] ||
  die "a suite and a command are needed (see --help)."
SUITE=$1
shift
[[ $SUITE =~ ^[a-z][a-z0-9-]*$ ]] || die "'$SUITE' is no suite of Debian (see --help)."
if [ "$(id -u)" -ne 0 ]; then
  as_root env XDG_CACHE_HOME="${CACHE%/fastskip/debian}" \
    FASTSKIP_DEBIAN_MIRROR="${FASTSKIP_DEBIAN_MIRROR-}" \
    bash "$0" "${ARGUMENTS[@]}"
  exit
fi
ROOT=$CACHE/$SUITE${ARCHITECTURE:+-$ARCHITECTURE}${BARE:+.bare}
BUILD=$FASTSKIP_ROOT/build
CHROOT_PACKAGES=ca-certificates
if [ -z "$BARE" ]; then
  BUILD=$BUILD/$SUITE
  CHROOT_PACKAGES="$CHROOT_PACKAGES libgtest-dev $FASTSKIP_BUILD_PACKAGES"
fi

# need <capability> <verb> <command...>: the command shows whether we have it.
need() {
  "${@:3}" 2>/dev/null ||
    die "this process may not $2: it lacks the capability $1 (see --help)."
}

# make_root <command...>: the command is mmdebstrap with what its caller needs.
make_root() {
  say "Making $ROOT of Debian's packages ..."
  rm -rf --one-file-system "$ROOT" "$ROOT.new"
  "$@" --mode=root --aptopt='DPkg::Lock::Timeout "600"' "$SUITE" "$ROOT.new" \
    ${FASTSKIP_DEBIAN_MIRROR:+"$FASTSKIP_DEBIAN_MIRROR"} || {
    rm -rf --one-file-system "$ROOT.new"
    die "mmdebstrap could not make $ROOT (see above)."
  }
  touch "$ROOT.new"
  mv "$ROOT.new" "$ROOT"
}

# Whether there is a chroot, and no old one.
has_chroot() {
  [ -n "$(find "$CACHE" -maxdepth 1 -path "$ROOT" -mtime "-$MAX_AGE_DAYS")" ]
}
make_chroot() {
  make_root unshare --mount mmdebstrap --variant=apt \
    --include="$CHROOT_PACKAGES"
}

has_sysroot() { [ -d "$ROOT" ]; }
make_sysroot() {
  make_root mmdebstrap --variant=extract --architectures="$ARCHITECTURE" \
    --include="$SYSROOT_PACKAGES"
}

# hold <chroot or sysroot>: makes it where there is none. Holds a lock, which is
# shared by those that use it, and exclusive for making it.
hold() {
  mkdir -p "$CACHE"
  exec 9>"$ROOT.lock"
  flock -s 9
  if ! "has_$1"; then
    flock 9
    "has_$1" || "make_$1"
    flock -s 9
  fi
}

# over_root: what is written to $ROOT from now on is kept in memory.
over_root() {
  mount -t tmpfs tmpfs "$SCRATCH"
  mkdir "$SCRATCH/written" "$SCRATCH/work"
  mount -t overlay overlay "$ROOT" -o \
    "lowerdir=$ROOT,upperdir=$SCRATCH/written,workdir=$SCRATCH/work"
}

# enter <command...>: inside of a mount namespace.
enter() {
  # In both ways $ROOT becomes a mount point, without which a command in there
  # could have no namespace of its own.
  if [ -n "$BARE" ]; then over_root; else mount --bind "$ROOT" "$ROOT"; fi
  mkdir -p "$ROOT/fastskip" "$ROOT/ccache"
  cp -L /etc/resolv.conf "$ROOT/etc/resolv.conf"
  mount --bind "$FASTSKIP_ROOT" "$ROOT/fastskip"
  mount --bind "$BUILD" "$ROOT/fastskip/build"
  if [ -n "$BARE" ]; then
    mount -o remount,bind,ro "$ROOT/fastskip"
    mount -o remount,bind,ro "$ROOT/fastskip/build"
    mount --bind "$CACHE/$SUITE.archives" "$ROOT/var/cache/apt/archives"
  else
    mount --bind "$CACHE/ccache" "$ROOT/ccache"
  fi
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  # env: nothing of the host's environment but how tests run.
  local kept=() name
  for name in ${!FASTSKIP_TEST_*}; do kept+=("$name=${!name}"); done
  exec chroot "$ROOT" env -i HOME=/root LC_ALL=C.UTF-8 CCACHE_DIR=/ccache \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    FASTSKIP_CHROOT="$SUITE" "${kept[@]}" \
    sh -c 'cd /fastskip && exec "$@"' sh "$@"
}

install_packages mmdebstrap debian-archive-keyring mount >&2
if [ -n "$ARCHITECTURE" ]; then
  hold sysroot >&2
  say "$ROOT"
  exit
fi

make_scratch
need CAP_SYS_ADMIN mount unshare --mount mount --bind "$SCRATCH" "$SCRATCH"
need CAP_SYS_CHROOT chroot chroot / true
mkdir -p "$CACHE/ccache" "$CACHE/$SUITE.archives" "$BUILD"
hold chroot
export -f enter over_root
export FASTSKIP_ROOT ROOT BUILD CACHE SUITE BARE SCRATCH
unshare --mount bash -euc 'enter "$@"' bash "$@"
