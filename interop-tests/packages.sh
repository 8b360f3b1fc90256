#!/bin/sh
# To be sourced by the tests from their folders.

# Installs a folder's packages from npm, if they are not there as its lock file says.
npm_packages() {
  if [ ! -e "$1/node_modules/installed" ] || [ "$1/package-lock.json" -nt "$1/node_modules/installed" ]; then
    (cd "$1" && npm ci --silent && touch node_modules/installed)
  fi
}
