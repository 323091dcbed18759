#!/bin/sh
# Runs a test on one processor, for nextest, which runs as many at once as there are processors.
#
# SQLite's driver hands every statement to a thread and back, and to wake a thread on another processor costs more than
# most statements do. Only long tests in which nothing happens at once are named: who is forgotten is slower, not weaker.
case "${NEXTEST_TEST_NAME-}" in
  reconciliation* | crashes::* | wall::* | withdrawal::* | succession* | store_* | nested::* | holds::* | conflicts::*) ;;
  *) exec "$@" ;;
esac
slot="${NEXTEST_TEST_GLOBAL_SLOT-}"
if [ -n "$slot" ] && command -v taskset >/dev/null && [ "$(nproc)" = "$(nproc --all)" ]; then
  exec taskset -c "$((slot % $(nproc)))" "$@"
fi
exec "$@"
