#!/usr/bin/env bash
# Install the packages of dist/ on a stock Debian router in a virtual machine and try them
# there: run.sh 12|13 [CHECK|MODULE ...]. Prints a line a check; status 1 when one fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

release=$1
shift
base=build/vm/$release
work=build/vm/run$release
"$here/image.sh" "$release" "$base"

rm -rf "$work"
payload=$work/payload
mkdir -p "$payload"/{first,second,foreign} "$work/parts"
cp "$here"/*.py "$payload/"
if (($# > 0)); then printf '%s\n' "$@" >"$payload/only"; fi

built() {
	find dist -name "weir-$1_*+deb${release}_*.deb" | sort -V | tail -n 1 | grep . ||
		{ echo "run.sh: no weir-$1 for Debian $release in dist: make deb" >&2 && exit 2; }
}
pack() {
	dpkg-deb -Zzstd -z1 --root-owner-group --build "$1" "$2" >/dev/null
}
agent=$(built agent) collector=$(built collector)
cp "$agent" "$payload/first/"
# Under emulation xz takes minutes for the collector: the same files, packed otherwise.
dpkg-deb --raw-extract "$collector" "$work/parts/collector"
pack "$work/parts/collector" "$payload/first/weir-collector.deb"
# The agent again as a newer version with other settings, to upgrade to; and for a machine of
# another kind.
dpkg-deb --raw-extract "$agent" "$work/parts/agent"
sed -i '/^Version:/s/$/+second/' "$work/parts/agent/DEBIAN/control"
echo "# second" | tee -a "$work/parts/agent/usr/bin/weir-agent" >>"$work/parts/agent/etc/weir/agent.toml"
pack "$work/parts/agent" "$payload/second/weir-agent.deb"
sed -i '/^Architecture:/s/amd64/arm64/' "$work/parts/agent/DEBIAN/control"
rm -r "$work/parts/agent/usr/lib/weir"
pack "$work/parts/agent" "$payload/foreign/weir-agent.deb"
truncate --size 1200M "$work/payload.img"
mke2fs -q -t ext4 -O ^has_journal -d "$payload" "$work/payload.img"
rm -rf "$payload" "$work/parts"
qemu-img create -q -f qcow2 -b "../$release/root.img" -F raw "$work/disk.qcow2"

# Without AVX2: QEMU 7.2 emulates its gathers wrongly now and then, and numpy sorts by them.
# Its clock counts instructions and jumps to the next event when there is nothing to do: waits
# cost no time, and no deadline is missed because the host is busy.
echo "Debian $release boots under emulation; log in $work/console"
status=0
timeout "${WEIR_VM_SECONDS:-3600}" qemu-system-x86_64 -accel tcg,thread=single -cpu max,avx2=off -smp 1 -m 3072 \
	-icount shift=0,sleep=off,align=off -rtc clock=vm \
	-nographic -nic none -kernel "$base/vmlinuz" -initrd "$base/initrd" \
	-append "root=/dev/vda rw console=ttyS0 panic=-1 quiet systemd.show_status=0 net.ifnames=0" \
	-drive "file=$work/disk.qcow2,if=virtio,cache=unsafe" \
	-drive "file=$work/payload.img,if=virtio,format=raw,readonly=on" \
	</dev/null 2>&1 | stdbuf -oL tr -d '\r' | sed -u 's/^.*\(BOOT [0-9]\)/\1/' | tee "$work/console" |
	sed -un "s/^\(BOOT\|RESULT\|FACT\|END\)/$release: &/p" || status=$?
rm -f "$work/disk.qcow2" "$work/payload.img"
if ((status != 0)) || grep -aq '^RESULT FAIL' "$work/console" || ! grep -aqx END "$work/console"; then
	sed -n '/^BOOT/,$p' "$work/console" >&2
	echo "Debian $release: failed" >&2
	exit 1
fi
echo "Debian $release: all passed"
