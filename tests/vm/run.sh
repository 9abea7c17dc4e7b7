#!/usr/bin/env bash
# Install the packages of dist/ on a stock Debian router in a virtual machine and try them
# there: run.sh 12|13 [CHECK ...]. Prints a line a check; status 1 when one fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

release=$1
shift
base=build/vm/$release
work=build/vm/run$release
"$here/image.sh" "$release" "$base"

rm -rf "$work"
mkdir -p "$work/payload/first" "$work/payload/second" "$work/unpacked"
cp "$here"/*.py "$work/payload/"
if (($# > 0)); then printf '%s\n' "$@" >"$work/payload/only"; fi
for package in agent collector; do
	deb=$(find dist -name "weir-${package}_*+deb${release}_*.deb" | sort -V | tail -n 1)
	[[ -n $deb ]] || { echo "run.sh: no weir-$package for Debian $release in dist: make deb" >&2 && exit 2; }
	ln "$deb" "$work/payload/first/" 2>/dev/null || cp "$deb" "$work/payload/first/"
	# The agent again as a newer version, to upgrade to: counting must not notice.
	[[ $package == agent ]] || continue
	dpkg-deb --raw-extract "$deb" "$work/unpacked/$package"
	sed -i '/^Version:/s/$/+second/' "$work/unpacked/$package/DEBIAN/control"
	echo "# second" >>"$work/unpacked/$package/usr/bin/weir-$package"
	dpkg-deb -Zzstd -z3 --root-owner-group --build "$work/unpacked/$package" "$work/payload/second/weir-$package.deb" >/dev/null
	rm -rf "$work/unpacked/$package"
done
truncate --size 1200M "$work/payload.img"
mke2fs -q -t ext4 -O ^has_journal -d "$work/payload" "$work/payload.img"
rm -rf "$work/payload" "$work/unpacked"
qemu-img create -q -f qcow2 -b "../$release/root.img" -F raw "$work/disk.qcow2"

echo "Debian $release boots under emulation; log in $work/console"
status=0
timeout "${WEIR_VM_SECONDS:-1500}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3072 \
	-nographic -nic none -kernel "$base/vmlinuz" -initrd "$base/initrd" \
	-append "root=/dev/vda rw console=ttyS0 panic=-1 quiet systemd.show_status=0 net.ifnames=0" \
	-drive "file=$work/disk.qcow2,if=virtio,cache=unsafe" \
	-drive "file=$work/payload.img,if=virtio,format=raw,readonly=on" \
	</dev/null 2>&1 | stdbuf -oL tr -d '\r' >"$work/console" || status=$?
grep -aE '^(BOOT|RESULT|FACT|END)' "$work/console" || true
rm -f "$work/disk.qcow2" "$work/payload.img"
if ((status != 0)) || grep -aq '^RESULT FAIL' "$work/console" || ! grep -aqx END "$work/console"; then
	sed -n '/^BOOT/,$p' "$work/console" >&2
	echo "Debian $release: failed" >&2
	exit 1
fi
echo "Debian $release: all passed"
