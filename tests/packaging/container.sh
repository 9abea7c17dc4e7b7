#!/usr/bin/env bash
# Build both images on a base made here and run them as containers: container.sh
# The agent shares a network namespace made here, counts what comes over its link and reports
# to the collector. Needs root, podman, docker-compose, and packages for Debian 12 in dist.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Processes, mounts and network of our own: what is left behind ends with this script.
if [[ -z ${WEIR_ALONE:-} ]]; then
	packaging/base-system.sh 12
	test -x build/schemas/bin/kubernetes-validate || { python3 -m venv build/schemas &&
		build/schemas/bin/pip install --quiet --disable-pip-version-check kubernetes-validate==1.37.0; }
	build/schemas/bin/kubernetes-validate --strict packaging/kubernetes/*.yaml
	WEIR_ALONE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc "$PWD/tests/packaging/container.sh"
fi
fail() {
	echo "FAIL $*" >&2
	exit 1
}
images=$PWD/build/images
settings=$(mktemp -d)
export CONTAINERS_CONF=$settings/containers.conf TMPDIR=$settings
# No container asks for more than this shell may have, nor for control groups.
cat >"$CONTAINERS_CONF" <<-END
	[containers]
	cgroups = "disabled"
	default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "file"
END
podman() { command podman --storage-driver vfs --root "$images/root" --runroot "$images/run" --tmpdir "$images/tmp" "$@"; }
tidy() {
	podman rm --all --force --time 20 >/dev/null 2>&1 || true
	podman volume rm --all --force >/dev/null 2>&1 || true
	rm -rf "$settings"
}
trap tidy EXIT
mkdir -p "$images"
rm -rf "$images/run" "$images/tmp" "$images/root/libpod" # what an interrupted run left
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs tmpfs /run/netns 2>/dev/null || { mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns; }

compose="docker-compose --file packaging/containers/compose.yaml --profile agent --profile relay"
$compose config --quiet || fail "compose.yaml is none"
[ "$($compose config --services | sort | tr '\n' ' ')" = "agent collector relay " ] || fail "compose: services"
echo "compose.yaml: as docker-compose wants it"

podman image exists localhost/weir-base || podman import --quiet build/chroot/12.tar localhost/weir-base >/dev/null
for program in agent collector; do
	podman build --quiet --format docker --isolation chroot --network host --build-arg BASE=localhost/weir-base \
		--file packaging/containers/$program.Containerfile --tag localhost/weir-$program . >/dev/null
	echo "weir-$program: built"
done

# A link to a neighbour without an address of IPv6, so that nothing but our packets is on it.
ip link set lo up
ip netns add far
ip link add eth0 type veth peer name eth0 netns far
for place in "" "ip netns exec far"; do
	$place sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	$place ip link set eth0 up
done
ip address add 192.0.2.1/24 dev eth0
ip netns exec far ip address add 192.0.2.2/24 dev eth0

common=(--detach --read-only --cap-drop all --security-opt no-new-privileges --network host --tmpfs /tmp)
podman run --name collector "${common[@]}" --volume weir-collector:/var/lib/weir-collector \
	--env WEIR_COLLECTOR_BIND_HOST=127.0.0.1 localhost/weir-collector >/dev/null
healthy() {
	for attempt in $(seq 90); do
		if podman healthcheck run "$1" >/dev/null 2>&1; then return; fi
		sleep 1
	done
	podman logs --tail 20 "$1" >&2
	fail "$1: not healthy"
}
healthy collector
[ "$(podman exec collector id -un)" = weir-collector ] || fail "the collector is root"
token=$(podman exec collector weir-collector token add --agent box)
reader=$(podman exec collector weir-collector token add --api reader --role viewer)
echo "collector: healthy as its own user, on a read-only file system"

# As in compose.yaml: Debian's profile allows bpf(2) to CAP_SYS_ADMIN alone.
agent=("${common[@]}" --security-opt seccomp=unconfined --cap-add "BPF,NET_ADMIN,PERFMON" --tmpfs /run/weir
	--volume weir-agent:/var/lib/weir-agent --volume /sys/fs/bpf:/sys/fs/bpf
	--env WEIR_AGENT_SWITCH_ID=box --env WEIR_AGENT_INTERFACES=eth0 --env WEIR_AGENT_SYNC_INTERVAL=10
	--env WEIR_AGENT_BACKEND_URL=http://127.0.0.1:8080 --env "WEIR_AGENT_TOKEN=$token")
podman run --name agent "${agent[@]}" localhost/weir-agent >/dev/null
healthy agent
ip netns exec far python3 -c '
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(5000):
    sender.sendto(bytes(200), ("192.0.2.1", 9))'
sleep 2
podman exec agent weir-agent status --json >"$settings/status"
python3 - "$settings/status" <<'PYTHON' || fail "the agent's counts: $(cat "$settings/status")"
import json, sys
(interface,) = json.load(open(sys.argv[1]))["interfaces"]
received = interface["direction"]["rx"]
kinds = ("flows", "overflow", "non_ip", "unparsed", "filtered")
for unit in ("frames", "packets", "bytes"):
    assert sum(received[kind][unit] for kind in kinds) == received["seen"][unit], unit
assert received["flows"]["packets"] == 5000, received["flows"]
assert received["flows"]["bytes"] == 5000 * (200 + 8 + 20 + 14), received["flows"]
PYTHON
echo "agent: 5,000 packets sent, 5,000 counted"
for attempt in $(seq 60); do
	curl --silent --fail --header "Authorization: Bearer $reader" \
		'http://127.0.0.1:3000/api/totals?from=-600&group=agent' >"$settings/totals" || true
	if grep -q '"box"' "$settings/totals"; then break; fi
	[ "$attempt" -lt 60 ] || fail "nothing of the agent in the store: $(cat "$settings/totals")"
	sleep 1
done
echo "collector: has stored what the agent reported"

# Another agent takes the programs over; the last one takes them away.
podman stop --time 30 agent >/dev/null
[ "$(podman inspect --format '{{.State.ExitCode}}' agent)" = 0 ] || fail "the agent's end"
find /sys/fs/bpf/weir -mindepth 1 | grep -q . || fail "a stop took the programs away"
podman rm agent >/dev/null
podman run --name agent "${agent[@]}" localhost/weir-agent >/dev/null
healthy agent
podman exec agent weir-agent status --json | grep -q '"packets": *5000' || fail "a new container forgot"
podman stop --time 30 agent collector >/dev/null
[ "$(podman inspect --format '{{.State.ExitCode}}' collector)" = 0 ] || fail "the collector's end"
podman run --name detach "${agent[@]/--detach/--rm}" localhost/weir-agent detach >/dev/null
[ ! -e /sys/fs/bpf/weir ] || fail "pins are left: $(find /sys/fs/bpf/weir)"
! bpftool net show dev eth0 | grep -q eth0 || fail "programs are left: $(bpftool net show dev eth0)"
tc qdisc show dev eth0 | grep -qv noqueue && fail "a qdisc is left: $(tc qdisc show dev eth0)"
echo "containers: build, count, report, stop and leave nothing"
