"""Bad settings and poor machines: one line that says what, why and what to do."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.capture.backends import object_path
from tests.support.agents import AGENT, Agent
from tests.support.namespaces import Namespace, world
from tests.support.refusals import (
    Wrap,
    ended,
    hidden,
    left_behind,
    plain,
    replaced,
    run,
    spoil,
    without,
)

COLLECTOR = Path(sys.prefix) / "bin" / "weir-collector"
OBJECT = object_path()
HEADERS = f"/lib/modules/{platform.release()}"
LIBBPF = next(Path("/usr/lib").glob("*/libbpf.so.1"), Path("/usr/lib/libbpf.so.1"))
NEEDED = ("bpf", "net_admin", "perfmon", "sys_admin")
OVERRIDES = ("dac_override", "dac_read_search")


@pytest.fixture(scope="module")
def space() -> Iterator[Namespace]:
    """A namespace with one interface, right0."""
    with world() as made:
        yield made.pair(quiet=True)[1]


def no_change(agent: Agent) -> None:
    """The machine stays as it is."""


def read_only(name: str) -> Callable[[Agent], None]:
    def prepare(agent: Agent) -> None:
        (agent.folder / name).mkdir(mode=0o500)

    return prepare


def pins_on_disk(agent: Agent) -> None:
    agent.capture["pin_directory"] = str(agent.folder / "pins")


def no_ca_file(agent: Agent) -> None:
    agent.agent["ca_file"] = str(agent.folder / "ca.pem")


def foreign_address(agent: Agent) -> None:
    (agent.folder / "secret").write_text("secret\n")
    agent.agent["api_host"] = "192.0.2.1"
    agent.agent["api_token_file"] = str(agent.folder / "secret")


@dataclass
class Case:
    """What is wrong, and the one line that says so."""

    says: str  # a regular expression
    code: int = 2
    wrap: Wrap = plain
    capture: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Agent], None] = no_change


ALLOWED = (
    r"BPF programs \(libbpf\): Operation not permitted; "
    r"needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run as root or by the unit"
)
CASES = {
    "no interface named": Case(
        r'no interface to watch: set \[capture\] interfaces, such as \["eth0"\]',
        capture={"interfaces": []},
    ),
    "bad filter": Case(
        r"\[capture\] filter: expected .* found 'prt'; see docs/capture.md",
        capture={"filter": "tcp prt 5"},
    ),
    "no capabilities": Case(ALLOWED, wrap=without(*NEEDED)),
    "no CAP_NET_ADMIN": Case(ALLOWED, wrap=without("net_admin", "sys_admin")),
    "no BPF file system": Case(
        r"\S+/pins: not on a BPF file system; run: mount -t bpf bpf /sys/fs/bpf",
        prepare=pins_on_disk,
    ),
    "no headers for bcc": Case(
        r"BPF programs \(bcc\): no kernel headers at \S+; "
        r"run: apt-get install linux-headers-\S+; or set \[capture\] loader = \"libbpf\"",
        wrap=hidden(HEADERS),
        capture={"loader": "bcc"},
    ),
    "no object": Case(
        r"\S+/flow.bpf.o: No such file or directory; "
        r"reinstall weir-agent, or run: make bpf",
        wrap=hidden(OBJECT.parent),
        capture={"loader": "libbpf"},
    ),
    "no object, BTF or headers": Case(
        r"BPF programs \(bcc\): no kernel headers at \S+; run: apt-get install .*",
        wrap=hidden(OBJECT.parent, HEADERS, "/sys/kernel/btf"),
    ),
    "no libbpf": Case(
        r"BPF programs \(libbpf\): \S*libbpf.so.1: .*; run: apt-get install libbpf1",
        wrap=replaced(LIBBPF, "/dev/null"),
    ),
    "an object that is none": Case(
        r"BPF programs \(libbpf\): \S+/flow.bpf.o: not a BPF object; "
        r'try \[capture\] loader = "bcc"; weir-agent doctor says more',
        wrap=replaced(OBJECT, __file__),
    ),
    "data_dir not writable": Case(
        r"\S+/data/spool: Permission denied: see to data_dir",
        code=1,
        wrap=without(*OVERRIDES),
        prepare=read_only("data"),
    ),
    "runtime_dir not writable": Case(
        r"\S+/run/agent.sock: Permission denied: see to runtime_dir",
        code=1,
        wrap=without(*OVERRIDES),
        prepare=read_only("run"),
    ),
    "no such CA file": Case(
        r"ca_file \S+/ca.pem: No such file or directory", prepare=no_ca_file
    ),
    "an address of another machine": Case(
        r"api_host 192.0.2.1, api_port 8080: .*cannot assign requested address.*",
        code=1,
        prepare=foreign_address,
    ),
}


@pytest.mark.root
@pytest.mark.parametrize("name", CASES)
def test_an_agent_that_cannot_start_says_why_and_leaves_nothing(name, space, tmp_path):
    case = CASES[name]
    capture = {"interfaces": ["right0"], "xdp": "off", **case.capture}
    agent = Agent(space, tmp_path, capture=capture)
    case.prepare(agent)
    try:
        code, lines = run(agent, case.wrap)
        left = left_behind(agent, "right0")
    finally:
        agent.remove()
    assert len(lines) == 1, lines
    assert re.fullmatch("weir-agent: " + case.says, lines[0]), lines[0]
    assert code == case.code
    assert left == []
    assert not (tmp_path / "pins").exists()


@pytest.mark.root
def test_a_refusal_of_the_verifier_is_told_in_its_own_words(space, tmp_path):
    agent = Agent(space, tmp_path, capture={"interfaces": ["right0"], "xdp": "off"})
    spoil(OBJECT, tmp_path / "spoilt.o", "tc")
    try:
        code, lines = run(agent, replaced(OBJECT, tmp_path / "spoilt.o"))
        left = left_behind(agent, "right0")
    finally:
        agent.remove()
    assert lines == [
        "weir-agent: BPF programs (libbpf): the kernel refused flow.bpf.o: R5 !read_ok; "
        'try [capture] loader = "bcc"; weir-agent doctor says more'
    ]
    assert (code, left) == (2, [])


@pytest.mark.root
def test_check_tells_of_an_interface_that_is_not_there(space, tmp_path):
    agent = Agent(space, tmp_path, capture={"interfaces": ["right0", "wan*"]})
    agent.write_config()
    shown = agent.command("check")
    assert shown.stdout == "settings are good\n"
    assert shown.stderr == (
        "weir-agent: wan*: no such interface now; correct [capture] interfaces\n"
    )


SETTINGS = {
    "not TOML": ("[agent]\nsync_interval 5\n", r"c.toml: not valid TOML: .*line 2.*"),
    "an unknown key": (
        "[agent]\n\nsync_intervall = 5\n",
        r"c.toml:3: \[agent\] sync_intervall: unknown key: see config.toml.example",
    ),
    "a bad value": (
        "[capture]\nmax_flows = 1\n",
        r"c.toml:2: \[capture\] max_flows: must be between 64 and 4194304, not 1",
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_bad_file_is_refused_with_its_line(name, tmp_path):
    text, says = SETTINGS[name]
    (tmp_path / "c.toml").write_text(text)
    code, lines = ended(None, [str(AGENT), "run", "-c", str(tmp_path / "c.toml")])
    assert code == 2
    assert len(lines) == 1, lines
    assert re.fullmatch(r"weir-agent: \S+/" + says, lines[0]), lines[0]


COLLECTORS = {
    "not TOML": ("[collector]\nagent_port\n", [], 2, r"\S+/c.toml: not valid TOML: .*"),
    "an unknown key": (
        "[collector]\nagent_prt = 1\n", [], 2,
        r"\S+/c.toml:2: \[collector\] agent_prt: unknown key: see config.toml.example",
    ),
    "a bad flag": (
        "", ["--agent-port", "x"], 2, r"--agent-port: must be a whole number, not 'x'",
    ),
    "no certificate": (
        "", ["--tls-certificate", "/no.pem", "--tls-key", "/no.key"], 2,
        r"tls_certificate /no.pem, tls_key /no.key: No such file or directory: .*",
    ),
    "data_dir that cannot be": (
        "", ["--data-dir", "/proc/weir"], 1,
        r"/proc/weir: No such file or directory: give a folder that can be written .*",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COLLECTORS)
def test_a_collector_that_cannot_start_says_why(name, tmp_path):
    text, flags, expected, says = COLLECTORS[name]
    (tmp_path / "c.toml").write_text(text)
    data = [] if "--data-dir" in flags else ["--data-dir", str(tmp_path / "data")]
    command = [str(COLLECTOR), "run", "-c", str(tmp_path / "c.toml"), *data, *flags]
    code, lines = ended(None, command)
    assert len(lines) == 1, lines
    assert re.fullmatch("weir-collector: " + says, lines[0]), lines[0]
    assert code == expected
