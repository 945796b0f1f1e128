#!/bin/bash
# Measures what ffleet promises about speed and memory, and writes the results into
# docs/performance.md. Fails where a bound is missed, after having written by how much.
#
#   --quick     short rounds, and nothing is written: for a look, not for a verdict
#   --dir DIR   where databases and media lie while it runs: on a disk (default: target/bench)
#
# Takes more than half an hour on two CPUs. Run it on a machine that does nothing else.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"
quick=0
dir=$repo/target/bench

die() {
    printf 'bench: %s\n' "$*" >&2
    exit 2
}

while [[ $# -gt 0 ]]; do
    case $1 in
        --quick) quick=1 ;;
        --dir)
            [[ $# -gt 1 ]] || die "--dir wants a directory"
            dir=$2
            shift
            ;;
        *) die "there is no $1; there are --quick and --dir DIR" ;;
    esac
    shift
done

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
case $(stat -f -c %T "$dir") in
    tmpfs | ramfs) die "$dir is in memory, where syncing costs nothing: give a directory on a disk" ;;
esac
out=$(mktemp "${TMPDIR:-/tmp}/bench-XXXXXX")
trap 'rm -f "$out"' EXIT

# Building is not what is measured; nor may it heat up what is.
cargo bench --locked --quiet --no-run -p ffleet-store --bench life_cycle
cargo bench --locked --quiet --no-run -p ffleet-sched --bench plan
cargo bench --locked --quiet --no-run -p ffleet --bench promises
cargo build --release --locked --quiet -p ffleet-testkit --bin nasty
load=$(cut -d ' ' -f 1 /proc/loadavg)

kept=1
seconds=2
words=()
if [[ $quick == 1 ]]; then
    seconds=1
    words=(--quick)
fi
printf '| what | measured: median (lowest–highest) | must | | by |\n|---|---|---|---|---|\n' >"$out"
tail -n 2 "$out"
cargo bench --locked --quiet -p ffleet-store --bench life_cycle -- "$seconds" "$dir" |
    tee -a "$out" || kept=0
cargo bench --locked --quiet -p ffleet-sched --bench plan -- "${words[@]}" |
    tee -a "$out" || kept=0
cargo bench --locked --quiet -p ffleet --bench promises -- "${words[@]}" --dir "$dir" |
    tee -a "$out" || kept=0

if [[ $quick == 1 ]]; then
    printf 'a quick look: nothing was written\n'
elif ! grep -q 'a page of 500' "$out"; then
    die "not everything was measured; docs/performance.md is as it was"
else
    machine() {
        local cpu memory
        cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
        memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
        printf '%s × %s, %s, Linux %s, %s on %s; %s; load %s before the start.\n' \
            "$(nproc)" "${cpu:-$(uname -m)}" "$memory" "$(uname -r)" \
            "$(stat -f -c %T "$dir")" "$(df --output=source "$dir" | tail -n 1)" \
            "$(ffmpeg -version | head -n 1 | cut -d ' ' -f 1-3)" "$load"
    }
    page=docs/performance.md
    new=$(mktemp "$page.XXXXXX")
    {
        sed '/^<!-- bench: begin/q' "$page"
        printf '\nMeasured %s on %s\n\n' "$(date -u +%Y-%m-%d)" "$(machine)"
        cat "$out"
        printf '\n'
        sed -n '/^<!-- bench: end/,$p' "$page"
    } >"$new"
    chmod 644 "$new"
    mv "$new" "$page"
    printf 'written to %s\n' "$page"
fi
if [[ $kept == 0 ]]; then
    printf 'bench: a bound is missed; see the lines that say so\n' >&2
    exit 1
fi
