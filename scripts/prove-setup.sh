#!/bin/bash
# Proves scripts/setup.sh on a bare system: a debootstrap directory of this machine's own release,
# with the package sources that this machine is configured for, entered with chroot.
#
#   scripts/prove-setup.sh          set-up, every way it can end
#   scripts/prove-setup.sh --demo   the same, then `make demo` in there (builds a release: minutes)
#
# Mounts and processes live in namespaces of their own, so that nothing of them outlives this
# script however it ends. Without root it is skipped, loudly; under FFLEET_STRICT=1 that fails.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin:${CARGO_HOME:-$HOME/.cargo}/bin

fail() {
    echo "prove-setup: FAILED: $*" >&2
    exit 1
}

skip() {
    [ "${FFLEET_STRICT:-0}" = 1 ] && fail "needs $1, and FFLEET_STRICT=1 takes no excuse"
    echo "prove-setup: SKIPPED: needs $1" >&2
    exit 0
}

# One line for each package source of this machine: URI RELEASE COMPONENT, by apt's own parser.
sources() {
    # shellcheck disable=SC2016 # apt expands these
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v release="$1" '$2 ~ "^"release { print $1, $2, $3 }' | sort -u
}

# The bare system at $1, with the sources and the ways to them that this machine uses.
build() {
    local root=$1 release mirror proxy=''
    # shellcheck source=/dev/null
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ -n "$release" ] || fail "/etc/os-release names no release for debootstrap"
    mirror=$(sources "$release" | awk -v release="$release" '$2 == release { print $1; exit }')
    [ -n "$mirror" ] || fail "apt has no source of '$release' configured"
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    [ -z "$proxy" ] || export http_proxy=$proxy
    debootstrap --variant=minbase "$release" "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -20 "$root.log" >&2; fail "debootstrap could not make a bare $release"; }
    sources "$release" | awk '{ print "deb", $1, $2, $3 }' >"$root/etc/apt/sources.list"
    # How this machine reaches its sources, without the hooks of programs that are not in there.
    apt-config dump | grep '^Acquire::' | grep -v -e '^Acquire::IndexTargets' -e Auto-Detect \
        >"$root/etc/apt/apt.conf.d/90host" || true
    if [ -s /etc/ssl/certs/ca-certificates.crt ]; then
        cp /etc/ssl/certs/ca-certificates.crt "$root/etc/apt/sources.crt"
        echo 'Acquire::https::CaInfo "/etc/apt/sources.crt";' >>"$root/etc/apt/apt.conf.d/90host"
    fi
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    cp /etc/hosts "$root/etc/hosts"
    mkdir -p "$root/ffleet" "$root/opt/rust"
}

# Runs a command in the bare system; its output goes to $said as well.
said=''
inside() {
    said=$(chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
        PATH="$inside_path" ${http_proxy:+http_proxy="$http_proxy"} \
        ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
        ${authorities:+CARGO_HTTP_CAINFO="$authorities"} "$@" 2>&1 </dev/null)
}

# expect CODE TEXT COMMAND…: that the command ends so, and says so.
expect() {
    local code=$1 text=$2 got=0
    shift 2
    inside "$@" || got=$?
    if [ "$got" != "$code" ] || [[ $said != *"$text"* ]]; then
        printf '%s\n' "$said" | tail -30 >&2
        fail "'$*' ended with $got (expected $code), and was to say '$text'"
    fi
    echo "prove-setup: ok: exit $code${text:+ and \"$text\"}: $*"
}

prove() {
    local root=$1 setup=/ffleet/scripts/setup.sh
    local inside_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    local authorities=
    build "$root"
    # Whom this machine trusts on the way to its sources is trusted on the way to cargo's.
    [ ! -e "$root/etc/apt/sources.crt" ] || authorities=/etc/apt/sources.crt
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" 2>/dev/null || true
    mkdir -p "$root/ffleet/scripts"
    cp "$here/scripts/setup.sh" "$root/ffleet/scripts/"

    expect 2 'unknown option' $setup --frobnicate
    expect 5 'no sudo' setpriv --reuid 65534 --regid 65534 --clear-groups $setup

    rm "$root/etc/os-release"
    printf 'ID=plan9\nPRETTY_NAME="Plan 9"\n' >"$root/etc/os-release"
    expect 3 'Please install' $setup
    ln -sf ../usr/lib/os-release "$root/etc/os-release"

    # Through sudo, as a user with nothing but that.
    expect 0 '' sh -c 'apt-get -q update && apt-get -q install -y --no-install-recommends sudo'
    expect 0 '' sh -c 'useradd builder && echo "builder ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/builder'
    expect 4 'through sudo' setpriv --reuid builder --regid builder --init-groups $setup --for demo
    expect 4 'rustup.rs' $setup --for demo
    expect 0 'ffmpeg version' ffmpeg -version

    # As root, with a toolchain: only what is missing, and the second time nothing.
    mount --rbind -o ro "$(rustc --print sysroot)" "$root/opt/rust"
    inside_path+=:/opt/rust/bin
    expect 0 '' apt-get -q remove -y make
    expect 0 'as root' $setup --for demo
    [[ $said != *libc6-dev*builds* ]] || fail 'a compiler was there, and was installed again'
    expect 0 'nothing to do' $setup --for demo
    expect 0 'cargo' cargo --version
    [ "$2" = setup ] || demo "$root"
}

# The whole of `make demo`, from a copy of the tree as a clone would have it.
demo() {
    (cd "$here" && git ls-files -coz --exclude-standard | tar -c --null -T -) | tar -x -C "$1/ffleet"
    expect 0 '' make -C /ffleet demo
    printf '%s\n' "$said" | tail -40
}

case ${1:-} in
    '' | --demo)
        [ "$(id -u)" -eq 0 ] || skip 'root, for chroot and mounts'
        for program in debootstrap apt-get unshare rustc; do
            command -v $program >/dev/null || skip "$program"
        done
        parent=$(mktemp -d "${TMPDIR:-/tmp}/ffleet-setup.XXXXXX")
        trap 'rm -rf --one-file-system "$parent"' EXIT
        trap 'exit 130' INT TERM
        started=$SECONDS
        unshare --mount --pid --fork --kill-child -- "$0" --inside "$parent/root" "${1:-setup}"
        echo "prove-setup: proven in $((SECONDS - started)) s"
        ;;
    --inside) prove "$2" "$3" ;;
    *)
        echo 'Usage: scripts/prove-setup.sh [--demo]' >&2
        exit 2
        ;;
esac
