#!/bin/sh
# Runs in a fresh Debian without a network, as root. The packages are in /srv.
set -eu
export DEBIAN_FRONTEND=noninteractive

fail() {
	echo "FAIL $*" >&2
	exit 1
}

# Every file with its kind, owner and size, without what dpkg and logs keep about packages.
picture() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /srv -o -path /tmp -o -path /run \
		-o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt \
		-o -name '*.pyc' -o -name __pycache__ -o -path '/etc/*-' -o -path /etc/.pwd.lock \) -prune \
		-o \( ! -type d -printf '%p %M %U:%G %s\n' \) -o -type d -printf '%p %M %U:%G\n' | sort
	cat /etc/passwd /etc/group /etc/shadow /etc/gshadow
}

ip link set lo up
picture >/srv/before

apt-get install -y --no-install-recommends /srv/weir-agent_*.deb /srv/weir-collector_*.deb >/srv/log 2>&1 ||
	{ cat /srv/log && fail "install"; }
[ "$(du -sm /usr/lib/weir/agent | cut -f1)" -le 250 ] || fail "the agent takes more than 250 MB"
du -sm /usr/lib/weir/agent /usr/lib/weir/collector

# Commands run, and say what is wrong in one line.
for command in "weir-agent --help" "weir-agent check" "weir-collector --help" "weir-collector check"; do
	$command >/srv/out 2>&1 || { cat /srv/out && fail "$command"; }
done
weir-agent status >/srv/out 2>&1 && fail "status without an agent"
[ "$(wc -l </srv/out)" = 1 ] || { cat /srv/out && fail "status: more than a line"; }
weir-agent doctor >/srv/out 2>&1 || true
grep -q loader /srv/out || { cat /srv/out && fail "doctor"; }
find /usr/share/man/man8 /usr/share/doc/weir-agent /usr/share/doc/weir-collector \
	/usr/share/bash-completion/completions/weir-agent >/dev/null
for program in agent collector; do
	# Every module has what it imports.
	/usr/lib/weir/$program/bin/python3 -IB - $program 2>/srv/out <<-'PYTHON' || { tail -n 3 /srv/out && fail "a module of $program"; }
		import importlib, pkgutil, sys
		root = importlib.import_module(sys.argv[1])
		for package in ("wire", sys.argv[1]):
		    module = importlib.import_module(package)
		    for found in pkgutil.walk_packages(module.__path__, package + "."):
		        if not found.name.endswith("__main__"):
		            importlib.import_module(found.name)
	PYTHON
done
object=$(/usr/lib/weir/agent/bin/python3 -IB -c 'from agent.capture import backends; print(backends.object_path())')
[ "$object" = /usr/lib/weir/agent/bpf/flow.bpf.o ] || fail "the BPF object is sought at $object"
[ -e "$object" ] || fail "no BPF object"

# The collector as its own user: API and console answer, and what it keeps is its own.
[ "$(stat -c %U:%a /etc/weir/agent.toml)" = root:644 ] || fail "agent.toml"
rm -rf /var/lib/weir-collector
install -d -o weir-collector -g weir-collector -m 750 /var/lib/weir-collector
setpriv --reuid weir-collector --regid weir-collector --clear-groups weir-collector run \
	>/srv/collector.log 2>&1 &
pid=$!
/usr/bin/python3 -IB - <<'PYTHON' || { cat /srv/collector.log && fail "collector"; }
import time, urllib.request
for attempt in range(120):
    try:
        with urllib.request.urlopen("http://127.0.0.1:3000/health", timeout=5) as answer:
            assert answer.status == 200
            break
    except OSError:
        time.sleep(0.5)
else:
    raise SystemExit("never healthy")
with urllib.request.urlopen("http://127.0.0.1:3000/", timeout=5) as answer:
    assert b"<script" in answer.read()
PYTHON
echo "a long enough secret" | weir-collector user add admin --role admin
weir-collector token add --agent router >/srv/token
[ -s /srv/token ] || fail "token"
kill $pid
wait $pid || fail "the collector's end"

# An edited conffile survives; so do its folders.
echo "# edited" >>/etc/weir/agent.toml
apt-get install -y --reinstall -o Dpkg::Options::=--force-confold /srv/weir-agent_*.deb >/srv/log 2>&1 ||
	{ cat /srv/log && fail "reinstall"; }
grep -q "# edited" /etc/weir/agent.toml || fail "conffile lost"
[ -e /etc/systemd/system/multi-user.target.wants/weir-agent.service ] || fail "not enabled"

apt-get remove -y weir-agent weir-collector >/srv/log 2>&1 || { cat /srv/log && fail "remove"; }
[ -e /etc/weir/agent.toml ] || fail "remove took the settings"
[ -d /var/lib/weir-collector ] || fail "remove took the data"
[ ! -e /usr/lib/weir ] || { find /usr/lib/weir | head && fail "remove left files"; }
apt-get purge -y weir-agent weir-collector >/srv/log 2>&1 || { cat /srv/log && fail "purge"; }
picture >/srv/after
diff /srv/before /srv/after || fail "purge left something"
