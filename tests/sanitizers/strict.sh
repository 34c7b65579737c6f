#!/usr/bin/env bash
# Runs a test under a sanitizer (--run_under in .bazelrc). It fails also where a process was reported on that the test
# started and lost sight of: one that is killed in the end anyway, or started again by a supervisor when it died of it.
set -uo pipefail

# Tests must keep these in the environment of what they start.
reports="$(mktemp -d -p "${TEST_TMPDIR:-/tmp}")"
trap 'rm -rf "$reports"' EXIT
for options in ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS; do
  export "$options=${!options:+${!options}:}log_path=$reports/of"
done
status=0
"$@" || status=$?
if [ -n "$(ls "$reports")" ]; then
  cat "$reports"/*
  echo "a sanitizer reported on $(ls "$reports" | wc -l) processes: error" >&2
  [ "$status" -ne 0 ] || status=1
fi
exit "$status"
