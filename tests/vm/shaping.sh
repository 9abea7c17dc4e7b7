#!/usr/bin/env bash
# Shape traffic on a stock Debian router in a virtual machine: shaping.sh 12|13 [CHECK ...]
# or, for the figures of docs/benchmarks.md, shaping.sh 12|13 table RUNS.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
source tests/vm/packages.sh

release=$1
shift
work=build/vm/shaping$release
agent=$(built agent "$release")
rm -rf "$work"
mkdir -p "$work/payload/first"
cp "$here"/{guest,router,shaping*}.py "$work/payload/"
mv "$work/payload/shaping.py" "$work/payload/acceptance.py"
if (($# > 0)); then printf '%s\n' "$@" >"$work/payload/only"; fi
repack "$agent" "$work/parts" "$work/payload/first/weir-agent.deb"
rm -r "$work/parts"

exec "$here/boot.sh" "$release" "$work"
