#!/bin/sh
# Runs the tests about memory under Valgrind: no access to memory that is gone, while inferences run.
# Needs valgrind and a runtime, as the tests themselves do. An error planted on purpose must be found first.
set -eu
cd "$(dirname "$0")"

binary=$(cargo test --package npubridge-engine --test memory --no-run --message-format=json "$@" |
  sed -n 's/.*"executable":"\([^"]*memory-[^"]*\)".*/\1/p')
check() {
  valgrind --quiet --error-exitcode=99 --num-callers=24 --suppressions=valgrind.supp \
    "$binary" --test-threads=1 "$@"
}

if planted=$(check --ignored --exact planted_error 2>&1); then status=0; else status=$?; fi
case "$status:$planted" in
  99:*"Invalid read"*) echo 'the planted error was found' ;;
  *)
    echo "the planted error was not found (exit $status): nothing that follows would mean anything" >&2
    echo "$planted" >&2
    exit 1
    ;;
esac
NPUBRIDGE_REQUIRE_ALL=1 check
