#!/bin/sh
# Builds the programs that the tests in these folders run, all in one go: a package that is built alone
# has other features of what it depends on, and so would have everything compiled once more. The step
# `release` runs this; the tests source it from their folders, which sets `programs`, the folder of what
# was built.
cargo build --quiet --locked --release \
  --package example-arena --package example-chat --package example-takeover \
  --package trunkline-fixture --package trunkline-proxy-test || exit
programs=$(cargo metadata --format-version 1 --no-deps |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release
