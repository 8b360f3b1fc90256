#!/bin/sh
# Two clients behind a real nginx count as two, and a forged header as nothing: by X-Forwarded-For and
# by the PROXY protocol. Builds the fixture server; the last line is `N passed, N failed`.
set -eu
cd "$(dirname "$0")"

target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
cargo build --release --quiet -p trunkline-fixture
exec python3 behind_nginx.py "$target/release/trunkline-fixture"
