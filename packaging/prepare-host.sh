#!/usr/bin/env bash
# Mount the BPF file system and show bcc its headers, where root may and they are not there.
set -euo pipefail

((EUID == 0)) || exit 0

if ! grep -qs ' /sys/fs/bpf bpf ' /proc/mounts; then
	mount -t bpf bpf /sys/fs/bpf || echo "cannot mount /sys/fs/bpf: root tests will skip" >&2
fi

modules=/lib/modules/$(uname -r)
if [[ ! -e $modules/build ]]; then
	# A kernel without packaged headers: Debian's own serve to compile against.
	headers=$(find /usr/src -maxdepth 1 -name 'linux-headers-*-amd64' | sort -V | tail -n 1)
	if [[ -n $headers ]]; then
		mkdir -p "$modules"
		ln -sfn "$headers" "$modules/build"
		ln -sfn "${headers%-amd64}-common" "$modules/source"
	fi
fi
