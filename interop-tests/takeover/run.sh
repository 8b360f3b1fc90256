#!/usr/bin/env bash
# A server process is replaced behind nginx under load, by the example; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

. ../programs.sh
if timeout 120 "$programs/example-takeover"; then
  echo "1 passed, 0 failed"
else
  echo "0 passed, 1 failed"
  exit 1
fi
