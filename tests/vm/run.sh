#!/usr/bin/env bash
# Install the packages of dist/ on a stock Debian router in a virtual machine and try them
# there: run.sh 12|13 [CHECK|MODULE ...]. Prints a line a check; status 1 when one fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
source tests/vm/packages.sh

release=$1
shift
work=build/vm/run$release
agent=$(built agent "$release") collector=$(built collector "$release")
payload=$work/payload
rm -rf "$work"
mkdir -p "$payload"/{first,second,foreign} "$work/parts"
cp "$here"/*.py "$payload/"
if (($# > 0)); then printf '%s\n' "$@" >"$payload/only"; fi

repack "$collector" "$work/parts/collector" "$payload/first/weir-collector.deb"
repack "$agent" "$work/parts/agent" "$payload/first/weir-agent.deb"
# The agent again as a newer version with other settings, to upgrade to; and for a machine of
# another kind.
sed -i '/^Version:/s/$/+second/' "$work/parts/agent/DEBIAN/control"
echo "# second" | tee -a "$work/parts/agent/usr/bin/weir-agent" >>"$work/parts/agent/etc/weir/agent.toml"
pack "$work/parts/agent" "$payload/second/weir-agent.deb"
sed -i '/^Architecture:/s/amd64/arm64/' "$work/parts/agent/DEBIAN/control"
rm -r "$work/parts/agent/usr/lib/weir"
pack "$work/parts/agent" "$payload/foreign/weir-agent.deb"
rm -r "$work/parts"

exec "$here/boot.sh" "$release" "$work"
