#!/usr/bin/env bash
# Shape traffic on a stock Debian router in a virtual machine: shaping.sh 12|13 [CHECK ...]
# or, for the figures of docs/benchmarks.md, shaping.sh 12|13 table RUNS.
# Its clock counts instructions and jumps to the next event when there is nothing to do: how
# busy the host is changes how long this takes, and no figure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

release=$1
shift
base=build/vm/$release
work=build/vm/shaping$release
"$here/image.sh" "$release" "$base"

rm -rf "$work"
mkdir -p "$work/payload/first" "$work/parts"
cp "$here"/{guest,router,shaping*}.py "$work/payload/"
mv "$work/payload/shaping.py" "$work/payload/acceptance.py"
if (($# > 0)); then printf '%s\n' "$@" >"$work/payload/only"; fi
deb=$(find dist -name "weir-agent_*+deb${release}_*.deb" | sort -V | tail -n 1)
[[ -n $deb ]] || { echo "shaping.sh: no weir-agent for Debian $release in dist: make deb" >&2 && exit 2; }
# Under emulation xz takes minutes: the same files, packed otherwise.
dpkg-deb --raw-extract "$deb" "$work/parts"
dpkg-deb -Zzstd -z1 --root-owner-group --build "$work/parts" "$work/payload/first/$(basename "$deb")" >/dev/null
truncate --size 200M "$work/payload.img"
mke2fs -q -t ext4 -O ^has_journal -d "$work/payload" "$work/payload.img"
rm -rf "$work/payload" "$work/parts"
qemu-img create -q -f qcow2 -b "../$release/root.img" -F raw "$work/disk.qcow2"

echo "Debian $release shapes under emulation; log in $work/console"
status=0
# Without AVX2: QEMU 7.2 emulates its gathers wrongly now and then, and numpy sorts by them.
timeout "${WEIR_VM_SECONDS:-3000}" qemu-system-x86_64 -accel tcg,thread=single -cpu max,avx2=off -smp 1 -m 2048 \
	-icount shift=0,sleep=off,align=off -rtc clock=vm \
	-nographic -nic none -kernel "$base/vmlinuz" -initrd "$base/initrd" \
	-append "root=/dev/vda rw console=ttyS0 panic=-1 quiet systemd.show_status=0 net.ifnames=0" \
	-drive "file=$work/disk.qcow2,if=virtio,cache=unsafe" \
	-drive "file=$work/payload.img,if=virtio,format=raw,readonly=on" \
	</dev/null 2>&1 | stdbuf -oL tr -d '\r' | sed -u 's/^.*\(BOOT [0-9]\)/\1/' | tee "$work/console" |
	sed -un "s/^\(BOOT\|RESULT\|FACT\|TABLE\|END\)/$release: &/p" || status=$?
rm -f "$work/disk.qcow2" "$work/payload.img"
if ((status != 0)) || grep -aq '^RESULT FAIL' "$work/console" || ! grep -aqx END "$work/console"; then
	sed -n '/^BOOT/,$p' "$work/console" >&2
	echo "Debian $release: shaping failed" >&2
	exit 1
fi
echo "Debian $release: shaping passed"
