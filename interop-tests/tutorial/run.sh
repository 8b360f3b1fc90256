#!/usr/bin/env bash
# The guide's tutorial, done as a newcomer would, in a fresh folder; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"
exec python3 tutorial.py
