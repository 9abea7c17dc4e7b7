# shellcheck shell=bash
# Packages for the machine, from dist/. Sourced by the scripts beside it.

built() { # NAME RELEASE: the newest
	find dist -name "weir-$1_*+deb$2_*.deb" | sort -V | tail -n 1 | grep . ||
		{ echo "no weir-$1 for Debian $2 in dist: make deb" >&2 && exit 2; }
}

pack() { # FOLDER PACKAGE: under emulation xz takes minutes
	dpkg-deb -Zzstd -z1 --root-owner-group --build "$1" "$2" >/dev/null
}

repack() { # PACKAGE FOLDER COPY: the same files, packed otherwise; FOLDER keeps them
	dpkg-deb --raw-extract "$1" "$2"
	pack "$2" "$3"
}
