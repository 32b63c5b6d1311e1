#!/usr/bin/env bash
# Runs one fuzz target of the asan build: fuzz_one.sh SECONDS TARGET. Prints one line; after a finding, the whole log and the
# file with the input. ./dev fuzz runs several of these at the same time.
set -euo pipefail
seconds=$1 name=$2 folder=build/asan/fuzz/$2
mkdir -p "$folder/corpus"
# The transcripts are seeds: their words lead further than chance does.
seeds=(tests/transcripts)
[ ! -d "fuzz/corpus/$name" ] || seeds+=("fuzz/corpus/$name")
if LLVM_PROFILE_FILE=/dev/null "build/asan/bin/$name" -max_total_time="$seconds" -verbosity=1 -print_final_stats=1 \
  -artifact_prefix="$folder/" "$folder/corpus" "${seeds[@]}" >"$folder/log" 2>&1; then
  printf '%s: %s runs, no finding\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log")"
else
  printf '%s: FINDING; the input is in %s\n' "$name" "$folder/"
  tail -n 100 "$folder/log"
  exit 1
fi
