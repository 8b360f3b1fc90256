#!/usr/bin/env bash
# A server process is replaced behind nginx under load, by the example: once left by its clients in time,
# once only at its deadline. Prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

. ../programs.sh
passed=0
failed=0
for options in "" "--late --deadline 5 --clients 200"; do
  # Each option is a word of its own.
  # shellcheck disable=SC2086
  if timeout 120 "$programs/example-takeover" $options; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
