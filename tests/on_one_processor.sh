#!/bin/sh
# Runs a test on one processor, for nextest, which runs as many at once as there are processors.
#
# SQLite's driver hands every statement to a thread and back, and to wake a thread on another processor costs more than
# most statements do. What is about things that happen at once keeps all processors.
name="${NEXTEST_TEST_NAME-}" slot="${NEXTEST_TEST_GLOBAL_SLOT-}"
case "$name" in
  "" | concurrency_* | *at_once* | *_race_*) exec "$@" ;;
esac
if [ -n "$slot" ] && command -v taskset >/dev/null && [ "$(nproc)" = "$(nproc --all)" ]; then
  exec taskset -c "$((slot % $(nproc)))" "$@"
fi
exec "$@"
