#!/usr/bin/env bash
# Build both images on a base image made here, without a registry, and run what they start:
# images.sh. Needs root, buildah, and packages for Debian 12 in dist.
# shellcheck disable=SC2016  # what runs in the container expands there
set -euo pipefail
cd "$(dirname "$0")/../.."

# A network of its own without a way out: nothing is fetched, and no port of ours is taken.
if [[ -z ${WEIR_ALONE:-} ]]; then WEIR_ALONE=1 exec unshare --net "$PWD/tests/packaging/images.sh"; fi
ip link set lo up

store=(--storage-driver vfs --root "$PWD/build/images/root" --runroot "$PWD/build/images/run")
buildah() { command buildah "${store[@]}" "$@"; }
mkdir -p build/images
if ! buildah inspect --type image localhost/weir-base >/dev/null 2>&1; then
	empty=$(buildah from scratch)
	buildah add --quiet "$empty" build/chroot/12.tar / >/dev/null
	buildah commit --quiet "$empty" localhost/weir-base >/dev/null
	buildah rm "$empty" >/dev/null
fi
for program in agent collector; do
	buildah bud --quiet --format docker --isolation chroot --network host --build-arg BASE=localhost/weir-base \
		--file packaging/containers/$program.Containerfile --tag localhost/weir-$program . >/dev/null
	echo "weir-$program: built"
done
container=$(buildah from --pull-never localhost/weir-collector)
trap 'buildah rm "$container" >/dev/null' EXIT
buildah run --isolation chroot --network host "$container" -- sh -euc '
	[ "$(id -un)" = weir-collector ]
	weir-collector run --bind-host 127.0.0.1 2>/tmp/log & pid=$!
	for attempt in $(seq 60); do
		sleep 1
		if python3 -IB /usr/lib/weir/healthy.py 2>/dev/null; then kill $pid; wait $pid; exit 0; fi
	done
	cat /tmp/log
	exit 1'
echo "weir-collector: healthy as its own user"
