#!/usr/bin/env bash
# Builds what the test needs, and runs it against tinyproxy; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

. ../programs.sh
exec "$programs/trunkline-proxy-test" "$programs/trunkline-fixture"
