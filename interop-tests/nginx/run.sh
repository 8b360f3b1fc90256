#!/bin/sh
# Two clients behind a real nginx count as two, and a forged header as nothing: by X-Forwarded-For and
# by the PROXY protocol. Builds the fixture server; the last line is `N passed, N failed`.
set -eu
cd "$(dirname "$0")"

. ../programs.sh
exec python3 behind_nginx.py "$programs/trunkline-fixture"
