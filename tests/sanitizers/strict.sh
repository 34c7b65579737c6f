#!/usr/bin/env bash
# Runs a test under a sanitizer (--run_under in .bazelrc). It fails also where a process was reported on that the test
# started and lost sight of: one that is killed in the end anyway, or started again by a supervisor when it died of it.
set -uo pipefail

reports="$(mktemp -d "${TEST_TMPDIR:-/tmp}/reports.XXXXXX")"
export ASAN_OPTIONS="log_path=$reports/of" UBSAN_OPTIONS="log_path=$reports/of" TSAN_OPTIONS="log_path=$reports/of"
status=0
"$@" || status=$?
if [ -n "$(ls "$reports")" ]; then
  cat "$reports"/*
  echo "a sanitizer reported on $(ls "$reports" | wc -l) processes: error" >&2
  [ "$status" -ne 0 ] || status=1
fi
exit "$status"
