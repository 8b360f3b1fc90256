#!/usr/bin/env bash
# Checks the types of the TypeScript client and runs its tests, against the fixture server too (that of
# FIXTURE, or the one it builds); prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

. ../programs.sh
. ../packages.sh
export FIXTURE="${FIXTURE:-$programs/trunkline-fixture}"
cd ../../clients/typescript
npm_packages .
# What is compiled from a test that is gone would still run.
rm -rf build
npx --no-install tsc
# Before version 22 Node has a WebSocket only when it is asked for.
websocket=$(node -p 'typeof WebSocket === "function" ? "" : "--experimental-websocket"')
status=0
output=$(node $websocket --test --test-reporter tap build/tests/*.test.js) || status=$?
if [ "$status" -ne 0 ]; then
  printf '%s\n' "$output" | grep -A 20 '^ *not ok' || true
fi
passed=$(printf '%s\n' "$output" | sed -n 's/^# pass //p')
failed=$(printf '%s\n' "$output" | sed -n 's/^# fail //p')
echo "${passed:-0} passed, ${failed:-1} failed"
exit "$status"
