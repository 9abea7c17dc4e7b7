#!/usr/bin/env bash
# Boot a stock Debian router with FOLDER/payload as its /payload, print what its checks say
# and judge them: boot.sh 12|13 FOLDER. Status 1 where one failed or the machine did not end.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

release=$1 work=$2
base=build/vm/$release
"$here/image.sh" "$release" "$base"
megabytes=$(du -sm "$work/payload" | cut -f1)
truncate --size "$((megabytes * 5 / 4 + 32))M" "$work/payload.img"
mke2fs -q -t ext4 -O ^has_journal -d "$work/payload" "$work/payload.img"
rm -rf "$work/payload"
qemu-img create -q -f qcow2 -b "$PWD/$base/root.img" -F raw "$work/disk.qcow2"

# Its clock counts instructions and jumps to the next event when there is nothing to do: how
# busy the host is changes how long this takes, and no figure and no deadline.
# Left out is what a processor does fast and QEMU slowly: copying by bytes, deep page tables,
# fences against speculation. numpy does without AVX2, whose gathers QEMU 7.2 emulates wrongly
# now and then; chDB cannot.
echo "Debian $release boots under emulation; log in $work/console"
kernel=(root=/dev/vda rw console=ttyS0 panic=-1 quiet net.ifnames=0 mitigations=off clearcpuid=rep_good
	systemd.show_status=0 systemd.setenv=NPY_DISABLE_CPU_FEATURES=X86_V3)
status=0
timeout "${WEIR_VM_SECONDS:-3600}" qemu-system-x86_64 -accel tcg,thread=single -cpu max,erms=off,la57=off -smp 1 -m 3072 \
	-icount shift=0,sleep=off,align=off -rtc clock=vm \
	-nographic -vga none -nic none -kernel "$base/vmlinuz" -initrd "$base/initrd" \
	-append "${kernel[*]}" \
	-drive "file=$work/disk.qcow2,if=virtio,cache=unsafe" \
	-drive "file=$work/payload.img,if=virtio,format=raw,readonly=on" \
	</dev/null 2>&1 | stdbuf -oL tr -d '\r' | sed -u 's/^.*\(BOOT [0-9]\)/\1/' | tee "$work/console" |
	sed -un "s/^\(BOOT\|RESULT\|FACT\|TABLE\|END\)/$release: &/p" || status=$?
rm -f "$work/disk.qcow2" "$work/payload.img"
if ((status != 0)) || grep -aq '^RESULT FAIL' "$work/console" || ! grep -aqx END "$work/console"; then
	sed -n '/^BOOT/,$p' "$work/console" >&2
	echo "Debian $release: failed" >&2
	exit 1
fi
echo "Debian $release: all passed"
