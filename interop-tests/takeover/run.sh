#!/usr/bin/env bash
# A server process is replaced behind nginx under load, by the example; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

cargo build --quiet --release --package example-takeover
target=$(cargo metadata --format-version 1 --no-deps |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
if timeout 120 "$target/release/example-takeover"; then
  echo "1 passed, 0 failed"
else
  echo "0 passed, 1 failed"
  exit 1
fi
