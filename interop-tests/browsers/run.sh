#!/usr/bin/env bash
# Installs what the test needs, and runs it; prints "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"

. ../programs.sh
npm_packages .

# The pages load the TypeScript client as it is compiled.
client=../../clients/typescript
npm_packages $client
(cd $client && npx --no-install tsc)
exec node browsers.mjs "$programs/trunkline-fixture"
