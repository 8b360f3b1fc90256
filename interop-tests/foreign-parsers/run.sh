#!/usr/bin/env bash
# Builds, installs and runs everything here; prints "N passed, N failed", and fails if any did.
set -euo pipefail
cd "$(dirname "$0")"

target=$(cargo metadata --format-version 1 --no-deps |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
cargo build --quiet --package trunkline-websocket --example echo
echo_program=$target/debug/examples/echo

if [ ! -e .venv/installed ] || [ requirements.txt -nt .venv/installed ]; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
  touch .venv/installed
fi
. ../packages.sh
npm_packages .

server=
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
"$echo_program" >"$work/server" &
server=$!
for _ in $(seq 100); do
  address=$(sed -n 's/^listening on //p' "$work/server")
  [ -n "$address" ] && break
  sleep 0.1
done
[ -n "$address" ] || { echo "the echo server did not start"; exit 1; }

run() { "$@" | tee -a "$work/results" || true; }
run node node_ws.mjs "$address" "$echo_program"
run node chromium.mjs "$address"
run .venv/bin/python python_websockets.py "$address" "$echo_program"

passed=$(grep -c '^ok ' "$work/results" || true)
failed=$(grep -c '^not ok ' "$work/results" || true)
summaries=$(grep -c '^[0-9]* passed, [0-9]* failed$' "$work/results" || true)
if [ "$summaries" -ne 3 ]; then
  echo "$summaries of 3 programs came to their end"
  failed=$((failed + 3 - summaries))
fi
echo "foreign parsers: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
