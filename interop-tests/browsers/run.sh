#!/usr/bin/env bash
# Installs what the test needs, and runs it; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

target=$(cargo metadata --format-version 1 --no-deps |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
cargo build --quiet --release --package trunkline-fixture
if [ ! -e node_modules/installed ] || [ package-lock.json -nt node_modules/installed ]; then
  npm ci --silent
  touch node_modules/installed
fi

# The pages load the TypeScript client as it is compiled.
client=../../clients/typescript
if [ ! -e $client/node_modules/installed ] || [ $client/package-lock.json -nt $client/node_modules/installed ]; then
  (cd $client && npm ci --silent && touch node_modules/installed)
fi
(cd $client && npx --no-install tsc)
exec node browsers.mjs "$target/release/trunkline-fixture"
