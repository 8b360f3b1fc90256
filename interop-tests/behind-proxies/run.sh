#!/usr/bin/env bash
# The guide's configurations of nginx and HAProxy, run; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"
exec python3 behind_proxies.py
