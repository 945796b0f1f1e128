#!/bin/bash
# Shows ffleet at work: starts a server on a fresh directory, lets it make a clip and then a 480p
# version and a sound file of it, looks at the results with ffprobe, says what they cost.
#
#   KEEP=1    leaves the server running, and says how to stop it
#   FFLEET    the program (default: release/ffleet in cargo's target directory)
#
# Everything is below one new temporary directory. Works as root and as anybody else.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ffleet=${FFLEET:-${CARGO_TARGET_DIR:-$repo/target}/release/ffleet}
keep=${KEEP:-0}
home=$(mktemp -d "${TMPDIR:-/tmp}/ffleet-demo-XXXXXX")
server=

# The demo speaks to its own server and to no other.
unset FFLEET_SERVER FFLEET_KEY FFLEET_KEY_FILE FFLEET_CONFIG
export XDG_RUNTIME_DIR=$home/run

# Bold on a terminal, plain in a pipe.
bold='' plain=''
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
die() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

stop() {
    [[ -n $server ]] || return 0
    kill -TERM "$server" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    if kill -0 "$server" 2>/dev/null; then
        kill -KILL "$server"
        printf 'demo: the server did not stop within 10 s and was killed\n' >&2
        server=
        return 1
    fi
    local code=0
    wait "$server" || code=$?
    server=
    return "$code"
}

clean_up() {
    local code=$?
    trap - EXIT
    if [[ $code -ne 0 && -s $home/serve.log ]]; then
        printf '\ndemo: the last lines of the server:\n' >&2
        tail -n 20 "$home/serve.log" >&2
    fi
    stop || code=1
    # The results stay: that is what the demo is for.
    rm -rf "$home/data" "$home/run"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# probed FILE STREAM ENTRY
probed() {
    ffprobe -v error -select_streams "$2" -show_entries "$3" -of csv=p=0 "file:$1" | head -n 1
}

# expect WHAT WANTED FOUND
expect() {
    [[ $3 == "$2" ]] || die "$1 is '$3', not '$2'"
    printf '  %-28s %s\n' "$1" "${3:-none}"
}

# lasts FILE SECONDS: to a tenth of a second, as codecs fill up their last block.
lasts() {
    local found
    found=$(probed "$1" "$3" format=duration)
    awk -v found="$found" -v wanted="$2" 'BEGIN { exit !(found > wanted - 0.1 && found < wanted + 0.1) }' ||
        die "$(basename "$1") lasts $found s, not $2 s"
    printf '  %-28s %.2f s\n' "$(basename "$1"), length" "$found"
}

[[ -x $ffleet ]] || die "$ffleet is not there: cargo build --release --package ffleet"
command -v ffprobe >/dev/null || die "ffprobe is not there: scripts/setup.sh installs it"

say "1. A server on a fresh directory"
mkdir -m 700 "$home/run"
"$ffleet" serve --data "$home/data" --listen 127.0.0.1:0 >"$home/serve.out" 2>"$home/serve.log" &
server=$!
for _ in $(seq 600); do
    grep -q '^ffleet is ready at ' "$home/serve.out" && break
    kill -0 "$server" 2>/dev/null || die "the server did not start"
    sleep 0.1
done
grep -q '^ffleet is ready at ' "$home/serve.out" || die "the server was not ready within 60 s"
cat "$home/serve.out"

say "2. A clip: 20 s of 1280x720 with sound, made by ffleet"
clip="$home/clip.mp4"
"$ffleet" submit test:720p30 --duration 20 -o "$clip" --preset 720p30-h264 --wait
expect "clip.mp4, picture" "h264,1280,720" "$(probed "$clip" v:0 stream=codec_name,width,height)"

say "3. Two results of it in one job"
small="$home/clip-480p.mp4" sound="$home/clip-sound.m4a"
"$ffleet" submit "$clip" -o "$small" --preset 480p-h264 -o "$sound" --preset aac-128k --wait

say "4. What came of it"
expect "clip-480p.mp4, picture" "h264" "$(probed "$small" v:0 stream=codec_name)"
expect "clip-480p.mp4, height" "480" "$(probed "$small" v:0 stream=height)"
expect "clip-480p.mp4, sound" "aac" "$(probed "$small" a:0 stream=codec_name)"
lasts "$small" 20 v:0
expect "clip-sound.m4a, sound" "aac" "$(probed "$sound" a:0 stream=codec_name)"
expect "clip-sound.m4a, picture" "" "$(probed "$sound" v:0 stream=codec_name)"
lasts "$sound" 20 a:0
"$ffleet" jobs list

say "5. Where everything is"
printf '  results    %s\n             %s\n' "$small" "$sound"
sed -n 's/^ *dashboard  /  dashboard  /p' "$home/serve.out"
cost=$("$ffleet" jobs show 2 | sed -n 's/^  cost *//p')
[[ -n $cost ]] || die "the job does not say what it cost"
printf '  cost       %s\n' "$cost"

if [[ $keep == 1 ]]; then
    trap - EXIT
    printf '\nThe server goes on. Speak to it:  XDG_RUNTIME_DIR=%q %q jobs list\n' "$home/run" "$ffleet"
    printf 'Stop it:                          kill %s\n' "$server"
    printf 'Then remove everything:           rm -rf %q\n' "$home"
    exit 0
fi
say "6. Stopped cleanly"
stop || die "the server did not end as it should"
printf '  remove the results with: rm -rf %q\n' "$home"
