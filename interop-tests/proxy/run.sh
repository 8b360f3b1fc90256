#!/usr/bin/env bash
# Builds what the test needs, and runs it against tinyproxy; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

target=$(cargo metadata --format-version 1 --no-deps |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
# The same packages as the step `release`, so that nothing is built twice.
cargo build --quiet --release --package example-chat --package trunkline-fixture \
  --package trunkline-proxy-test
exec "$target/release/trunkline-proxy-test" "$target/release/trunkline-fixture"
