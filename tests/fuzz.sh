#!/usr/bin/env bash
# tests/fuzz.sh [SECONDS [TARGET]...]: runs the targets of tests/fuzz.rs in a coverage-guided fuzzer (libFuzzer, on stable Rust), one
# after another, 600 seconds each by default. Of what a target learns, the inputs that reach what its corpus under tests/__fuzz__ does not
# are added to it. The first input that breaks a law ends the script; it is in the target's `crashes`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds="${1:-600}"
targets=("${@:2}")
((${#targets[@]})) || targets=(filter path patch_body resource_body bulk_body query_string token)
host="$(rustc -vV | sed -n 's/^host: //p')"
folder="${CARGO_TARGET_DIR:-$PWD/target}/fuzz"

# The program itself is linked as well, without the fuzzer that would resolve what the instrumentation calls.
export BOLERO_FUZZER=libfuzzer
export RUSTFLAGS="--cfg fuzzing --cfg fuzzing_libfuzzer -Clink-arg=-Wl,--unresolved-symbols=ignore-all -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-sanitizer-coverage-stack-depth"
build=(cargo test --quiet --test fuzz --no-run --profile fuzz --target "$host" --target-dir "$folder" --message-format json)
program="$("${build[@]}" | sed -n 's/.*"executable":"\([^"]*\/deps\/fuzz-[^"]*\)".*/\1/p')"

run() { # run TARGET LIBFUZZER_ARGUMENTS
  BOLERO_TEST_NAME="$1" BOLERO_LIBFUZZER_ARGS="$2" RUST_BACKTRACE=1 \
    "$program" "$1" --exact --nocapture --quiet --test-threads 1
}

for target in "${targets[@]}"; do
  place="tests/__fuzz__/$target"
  learnt="$(mktemp -d)"
  mkdir -p "$place/crashes"
  echo "==> $target, $seconds seconds"
  run "$target" "$learnt $place/corpus -artifact_prefix=$place/crashes/ -max_total_time=$seconds -timeout=10 -max_len=4096 -dict=tests/fuzz.dict -print_final_stats=1" 2>&1 |
    grep -E '^(Done|stat::|ERROR|SUMMARY|thread|==)|panicked|Test unit' || { echo "see $place/crashes" >&2; exit 1; }
  [[ -z "$(ls -A "$place/crashes")" ]] || { echo "see $place/crashes" >&2; exit 1; }
  run "$target" "-merge=1 $place/corpus $learnt" >/dev/null 2>&1
  rm -r "$learnt" "$place/crashes"
  echo "    $(find "$place/corpus" -type f | wc -l) inputs in the corpus"
done
