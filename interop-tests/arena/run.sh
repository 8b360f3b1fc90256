#!/usr/bin/env bash
# Builds and installs what the test needs, and runs it; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

. ../programs.sh
. ../packages.sh
npm_packages .
exec node arena.mjs "$programs/example-arena"
