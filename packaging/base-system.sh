#!/usr/bin/env bash
# A small Debian as build/chroot/RELEASE.tar, kept until this file changes: base-system.sh 12|13
# It has what the packages depend on, so that they are compiled and tried without a network.
set -euo pipefail
cd "$(dirname "$0")/.."

release=$1
case $release in
12) suite=bookworm ;;
13) suite=trixie ;;
*) echo "base-system.sh: $release: know Debian 12 and 13" >&2 && exit 2 ;;
esac
base=build/chroot/$release.tar
recipe=$(sha256sum <packaging/base-system.sh)
if [[ -e $base && -e $base.stamp && $(<"$base.stamp") == "$recipe" ]]; then exit 0; fi
mkdir -p build/chroot
mmdebstrap --quiet --variant=minbase \
	--include=python3,libbpf1,libstdc++6,systemd,tzdata,ca-certificates,iproute2 \
	--format=tar "$suite" "$base.new" ${WEIR_DEBIAN_MIRROR:+"$WEIR_DEBIAN_MIRROR"}
mv "$base.new" "$base"
echo "$recipe" >"$base.stamp"
