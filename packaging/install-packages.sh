#!/usr/bin/env bash
# Install the Debian packages named in a list, where one is missing.
set -euo pipefail

missing=()
while read -r package _; do
	[[ -z $package || $package == \#* ]] && continue
	state=$(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null || true)
	[[ $state == ii* ]] || missing+=("$package")
done <"$1"

if ((${#missing[@]} == 0)); then
	exit 0
fi
if ((EUID != 0)); then
	echo "missing packages: run as root: apt-get install ${missing[*]}" >&2
	exit 1
fi
echo "installing ${#missing[@]} Debian packages"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
