#!/usr/bin/env bash
# Build weir-agent and weir-collector for one Debian release: build-deb.sh 12|13
# Wheels are chosen by the release's Python, which compiles every module in a chroot; the BPF
# object fits any kernel. So both are built on either.
set -euo pipefail
cd "$(dirname "$0")/.."

release=$1
case $release in
12) python=3.11 next=3.12 ;;
13) python=3.13 next=3.14 ;;
*) echo "build-deb.sh: $release: know Debian 12 and 13" >&2 && exit 2 ;;
esac
run=.venv/bin/python
wheels=build/wheels/$python
top=build/deb/$release
source=$top/weir
version=$($run -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')${WEIR_DEB_SUFFIX:-}
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y pyproject.toml)

rm -rf "$top"
mkdir -p "$source" "$wheels" dist

for program in agent collector; do
	$run packaging/closure.py $program "$python" <requirements.lock >"$top/$program.lock"
done
sort -u "$top"/*.lock >"$top/all.lock"
if ! cmp -s "$top/all.lock" "$wheels/all.lock"; then
	$run -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--implementation cp --python-version "$python" --abi "cp${python/./}" --abi abi3 --abi none \
		--platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 \
		--platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
		--platform manylinux2014_x86_64 --platform manylinux_2_12_x86_64 \
		--platform manylinux2010_x86_64 --platform manylinux_2_5_x86_64 \
		--dest "$wheels" --requirement "$top/all.lock" 2>&1 | { grep -v 'WARNING: Location' || true; }
	cp "$top/all.lock" "$wheels/all.lock"
fi

# A private environment: Debian's interpreter, our libraries, nothing of the system's.
environment() {
	local program=$1 room
	local target=$source/stage/$program/usr/lib/weir/$program
	local site=$target/lib/python$python/site-packages
	mkdir -p "$target/bin" "$site"
	ln -s "/usr/bin/python$python" "$target/bin/python3"
	printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$python" >"$target/pyvenv.cfg"
	# Wheels are unpacked as they are: their own scripts and their tests are not wanted.
	while IFS= read -r line; do
		$run packaging/unpack.py "$wheels" "$line" "$site"
	done <"$top/$program.lock"
	for room in wire "$program"; do
		tar --create --exclude=__pycache__ --exclude="collector/console" "$room" | tar --extract --directory "$site"
	done
	mkdir "$site/weir.dist-info"
	printf 'Metadata-Version: 2.1\nName: weir\nVersion: %s\n' "$version" >"$site/weir.dist-info/METADATA"
}

common() {
	local program=$1 root=$source/stage/$1
	local name=weir-$program
	mkdir -p "$root"/etc/weir "$root"/usr/{bin,lib/tmpfiles.d} "$root/usr/share/doc/$name" \
		"$root"/usr/share/{bash-completion/completions,zsh/vendor-completions,lintian/overrides}
	printf '#!/bin/sh\nexec /usr/lib/weir/%s/bin/python3 -IB -m %s "$@"\n' "$program" "$program" >"$root/usr/bin/$name"
	chmod 755 "$root/usr/bin/$name"
	install -m 644 "packaging/$program.toml" "$root/etc/weir/"
	install -m 644 config.toml.example "$root/usr/share/doc/$name/"
	install -m 644 "systemd/$name.tmpfiles" "$root/usr/lib/tmpfiles.d/$name.conf"
	install -m 644 "packaging/debian/$name.overrides" "$root/usr/share/lintian/overrides/$name"
	PYTHONPATH=. $run packaging/manual.py "$name" "$version" "$(date --utc --date "@$SOURCE_DATE_EPOCH" +%F)" >"$source/$name.8"
	PYTHONPATH=. $run packaging/completion.py "$name" bash >"$root/usr/share/bash-completion/completions/$name"
	PYTHONPATH=. $run packaging/completion.py "$name" zsh >"$root/usr/share/zsh/vendor-completions/_$name"
}

for program in agent collector; do
	environment $program
	common $program
done
bpf=$source/stage/agent/usr/lib/weir/agent/bpf
mkdir "$bpf"
install -m 644 bpf/*.[ch] build/bpf/flow.bpf.o "$bpf/"
console=$source/stage/collector/usr/lib/weir/collector/lib/python$python/site-packages/collector/console
mkdir -p "$console"
cp -r collector/console/dist "$console/"
# Bytecode comes with the packages, so that nothing is compiled, and nothing left behind, on
# the router. The release's own interpreter makes it: what it writes fits no other.
packaging/base-system.sh "$release"
mkdir "$top/root"
tar --extract --directory "$top/root" --file "build/chroot/$release.tar"
# shellcheck disable=SC2016  # the shell inside expands its own arguments
unshare --mount --net sh -euc '
	mount --bind "$1" "$2/srv"
	mount -t tmpfs shm "$2/dev/shm"
	for program in agent collector; do
		chroot "$2" "$3" -m compileall -q -j 0 --invalidation-mode unchecked-hash \
			-s "/srv/$program" -p / "/srv/$program"
	done' - "$source/stage" "$top/root" "/usr/bin/python$python"
rm -rf "$top/root"
chmod -R u=rwX,go=rX "$source/stage"

cp -r packaging/debian "$source/debian"
for program in agent collector; do
	echo "weir-$program.8" >"$source/debian/weir-$program.manpages"
	cp "systemd/weir-$program".{service,sysusers} "$source/debian/"
done
sed -i "1s/([^)]*)/($version+deb$release)/" "$source/debian/changelog"
export WEIR_PYTHON=$python WEIR_PYTHON_NEXT=$next
(cd "$source" && dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >../log 2>&1) ||
	{ tail -n 40 "$top/log" >&2 && exit 1; }
rm -f dist/weir-{agent,collector}_"$version+deb$release"_*.deb
mv "$top"/*.deb dist/
rm -rf "$source"
ls -l dist/*"$version+deb$release"*.deb
