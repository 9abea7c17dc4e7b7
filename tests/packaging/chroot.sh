#!/usr/bin/env bash
# Install, use, upgrade, remove and purge the packages of dist/ in a fresh Debian chroot that
# has no network: chroot.sh 12|13
set -euo pipefail
cd "$(dirname "$0")/../.."

release=$1
base=build/chroot/$release.tar
root=build/chroot/root$release
packaging/base-system.sh "$release"
rm -rf "$root"
mkdir -p "$root"
tar --extract --directory "$root" --file "$base"
cp dist/weir-*+deb"$release"_*.deb "$root/srv/"
cp tests/packaging/inside.sh "$root/srv/"
# Its own network without a way out, its own processes, its own mounts.
unshare --net --pid --fork --mount --mount-proc="$root/proc" \
	chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
	sh /srv/inside.sh
rm -rf "$root"
echo "Debian $release: packages install, work, upgrade and go"
