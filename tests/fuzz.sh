#!/usr/bin/env bash
# fuzz.sh TARGET SECONDS: one target of tests/fuzz.rs under libFuzzer, with coverage, on the stable toolchain.
#
# The corpus is tests/__fuzz__/fuzz__TARGET/corpus: what it finds new stays there for the next run and for every `cargo test`.
# A crash is written to tests/__fuzz__/fuzz__TARGET/crashes, and `cargo test --test fuzz TARGET` repeats it. When a run is over, the
# corpus is cut down to the inputs that each reach something of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="${1:?a target of tests/fuzz.rs: filter, path, patch_body, resource_body, bulk_body, query_string, token}"
seconds="${2:?for how many seconds}"
version=0.13.5
tools="${CARGO_TARGET_DIR:-$PWD/target}/fuzz-tools"
[[ -x "$tools/bin/cargo-bolero" ]] ||
  cargo install --quiet --locked --no-default-features --version "$version" --root "$tools" cargo-bolero
export PATH="$tools/bin:$PATH"

# libFuzzer's coverage comes from flags of the stable compiler; a sanitizer of memory would say nothing of safe Rust.
bolero() { cargo bolero "$1" "$target" --rustc-bootstrap --sanitizer NONE --engine libfuzzer "${@:2}"; }
bolero test -T "${seconds}s" --timeout 5s --max-input-length 4096 --engine-args=-print_final_stats=1
bolero reduce
