#!/usr/bin/env bash
# The link between two network namespaces, and players over it; prints "N passed, N failed". Exits with
# 77 where this machine lets nobody make network namespaces or TUN devices.
set -euo pipefail
cd "$(dirname "$0")/../.."

# As the step of all tests builds them, so that nothing is built anew.
test=(cargo test --quiet --locked --workspace --features trunkline-bench/socketioxide)
output=$("${test[@]}" --test tun_link --test lossy -- --ignored --nocapture --test-threads 1 2>&1) &&
  status=0 || status=$?
echo "$output"
if why=$(grep --max-count 1 --only-matching 'SKIPPED: .*' <<<"$output"); then
  echo "$why"
  exit 77
fi
# One line for each of the two programs of tests.
awk '/^test result: / { passed += $4; failed += $6 }
     END { print passed + 0 " passed, " failed + 0 " failed" }' <<<"$output"
exit "$status"
