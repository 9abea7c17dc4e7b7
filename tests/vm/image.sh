#!/usr/bin/env bash
# Make the disk of a stock Debian router, without Weir: image.sh 12|13 FOLDER
# Kept in FOLDER until this file or the unit changes: root.img, vmlinuz, initrd.
# shellcheck disable=SC2016  # $1 in a hook is the new root
set -euo pipefail

release=$1 folder=$2
case $release in
12) suite=bookworm ;;
13) suite=trixie ;;
*) echo "image.sh: $release: know Debian 12 and 13" >&2 && exit 2 ;;
esac
stamp=$folder/stamp
recipe=$(cat "$0" "$(dirname "$0")/acceptance.service" | sha256sum)
if [[ -e $stamp && $(<"$stamp") == "$recipe" ]]; then exit 0; fi

packages=(
	systemd systemd-sysv udev dbus kmod procps iproute2 iputils-ping ethtool bpftool
	linux-image-amd64 zstd
	# What the packages depend on, so that they install without a network.
	python3 libbpf1 libstdc++6 tzdata ca-certificates
	# What the second loader needs.
	linux-headers-amd64 python3-bpfcc
)
rm -rf "$folder"
mkdir -p "$folder"
# What the machine has and no more: under emulation a large initrd takes longer than the boot.
small_initrd='
	mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
	echo MODULES=list >"$1/etc/initramfs-tools/conf.d/driver-policy"
	printf "%s\n" virtio_pci virtio_blk ext4 >"$1/usr/share/initramfs-tools/modules.d/router"'
mmdebstrap --quiet --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" \
	--essential-hook="$small_initrd" \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--customize-hook="copy-out /boot $folder" \
	--customize-hook="upload $(dirname "$0")/acceptance.service /etc/systemd/system/acceptance.service" \
	--customize-hook='systemctl --root "$1" enable acceptance.service' \
	--customize-hook='systemctl --root "$1" mask getty.target serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer' \
	--customize-hook='rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"; echo router >"$1/etc/hostname"' \
	--customize-hook='rm -rf "$1"/boot/initrd* "$1"/var/lib/apt/lists/*' \
	"$suite" "$folder/root.tar" ${WEIR_DEBIAN_MIRROR:+"$WEIR_DEBIAN_MIRROR"}
mv "$folder"/boot/vmlinuz-* "$folder/vmlinuz"
mv "$folder"/boot/initrd.img-* "$folder/initrd"
rm -rf "${folder:?}/boot"
mkdir "$folder/root"
tar --extract --directory "$folder/root" --file "$folder/root.tar"
rm "$folder/root.tar"
truncate --size 6G "$folder/root.img"
mke2fs -q -t ext4 -L root -O ^has_journal -d "$folder/root" "$folder/root.img"
rm -rf "$folder/root"
echo "$recipe" >"$stamp"
