#!/usr/bin/env bash
# run.sh DIR [SECONDS]: builds every fuzz target in DIR, with coverage feedback, and runs each for so long (60 s), as many at once as there are
# cores. What it finds stays in DIR/work/<target>; the seeds in corpus/ are read only. The toolchain is the stable one.
set -euo pipefail
dir=$(mkdir -p "$1" && cd "$1" && pwd) seconds=${2:-60}
cd "$(dirname "${BASH_SOURCE[0]}")"

host=$(rustc -vV | sed -n 's/^host: //p')
flags=(-Cpasses=sancov-module -Ccodegen-units=1 --cfg=fuzzing)
for arg in level=4 inline-8bit-counters pc-table trace-compares; do
  flags+=("-Cllvm-args=-sanitizer-coverage-$arg")
done
# Naming the target keeps build scripts free of instrumentation.
# `seeds` has no main loop of the fuzzer's, so it is not among them.
mapfile -t targets < <(basename -s .rs targets/*.rs)
RUSTFLAGS="${flags[*]}" cargo build --locked --package hopguard-fuzz "${targets[@]/#/--bin=}" --profile fuzz --target "$host" --target-dir "$dir/target"

run() {
  local work="$dir/work/$1"
  mkdir -p "$work/corpus"
  if ! "$dir/target/$host/fuzz/$1" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
    -artifact_prefix="$work/" "$work/corpus" "corpus/$1" > "$work/log" 2>&1; then
    tail -n 40 "$work/log" >&2
    echo "$1: failed; the input is in $work" >&2
    return 1
  fi
  echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") runs in $seconds s, none of them wrong"
}
export -f run
export dir host seconds

printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run {}'
