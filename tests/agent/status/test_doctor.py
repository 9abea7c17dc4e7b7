from __future__ import annotations

import pytest

from agent.config import Agent, Capture, Config
from agent.status.doctor import Level, as_json, examine, lines, worst
from agent.status.facts import Facts, Reach

CONFIG = Config(Agent(backend_url=("http://a:1",)), Capture(interfaces=("eth*",)))
WELL = {
    "kernel": "6.12.1",
    "qdiscs": frozenset({"htb", "fq_codel", "clsact"}),
    "interfaces": ("eth0", "lo"),
    "matching": ("eth0",),
    "collectors": (Reach("http://a:1", 200, ahead_seconds=1.0),),
}


def findings(config: Config = CONFIG, **faults):
    return examine(Facts(**{**WELL, **faults}), config)


def test_a_healthy_machine_has_nothing_to_mend():
    found = findings()
    assert worst(found) is Level.OK
    assert [finding.remedy for finding in found] == [""] * len(found)
    assert {f.subject for f in found} == {
        "kernel", "loader", "capabilities", "pins", "shaping", "interfaces", "disk",
        "collector", "clock",
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["integrity", "confidentiality"])
def test_a_kernel_that_is_locked_down_takes_the_programs(mode):
    (lockdown,) = [f for f in findings(lockdown=mode) if f.subject == "lockdown"]
    assert lockdown.level is Level.OK
    assert mode in lockdown.text


FAULTS = [
    ({"kernel": "5.10.0"}, "kernel", Level.FAILED, "5.10.0 is too old"),
    ({"kernel": ""}, "kernel", Level.FAILED, "unknown is too old"),
    ({"has_libbpf": False}, "loader", Level.FAILED, "no libbpf.so.1"),
    (
        {"capabilities": frozenset({"CAP_NET_ADMIN"})},
        "capabilities",
        Level.FAILED,
        "this process lacks CAP_BPF, CAP_PERFMON",
    ),
    ({"capabilities": frozenset()}, "capabilities", Level.FAILED, "this process lacks"),
    ({"bpf_mounts": ()}, "pins", Level.FAILED, "/sys/fs/bpf/weir is on no bpf file system"),
    ({"bpf_mounts": ("/sys/fs/b",)}, "pins", Level.FAILED, "/sys/fs/bpf/weir is on no"),
    ({"jit": "0"}, "jit", Level.DEGRADED, "BPF programs are interpreted"),
    (
        {"qdiscs": WELL["qdiscs"] - {"clsact"}, "kernel": "6.1.0"},
        "tc",
        Level.FAILED,
        "no clsact: packets that leave cannot be counted",
    ),
    ({"qdiscs": frozenset({"htb"})}, "shaping", Level.DEGRADED, "htb; queues: plain ones"),
    ({"qdiscs": frozenset()}, "shaping", Level.DEGRADED, "neither htb nor cake"),
    ({"has_ifb": False}, "shaping", Level.DEGRADED, "htb; queues: fq_codel"),
    ({"matching": ()}, "interfaces", Level.DEGRADED, "eth*: not there now; there are eth0"),
    ({"data_directory_error": "/x is not writable"}, "disk", Level.FAILED, "/x is not"),
    ({"free_bytes": 100 << 20}, "disk", Level.DEGRADED, "100 MB free in /var/lib"),
    ({"api_port_error": "Address already in use"}, "port", Level.FAILED, " 8080: Address"),
    (
        {"collectors": (Reach("http://a:1", 0, "http://a:1/health: no answer"),)},
        "collector",
        Level.DEGRADED,
        "http://a:1/health: no answer",
    ),
    (
        {"collectors": (Reach("http://a:1", 503),)},
        "collector",
        Level.DEGRADED,
        "http://a:1: answers 503",
    ),
    (
        {"collectors": (Reach("http://a:1", 200, ahead_seconds=-90.0),)},
        "clock",
        Level.DEGRADED,
        "90 s ahead of http://a:1",
    ),
    (
        {"collectors": (Reach("http://a:1", 200, ahead_seconds=7.0),)},
        "clock",
        Level.DEGRADED,
        "7 s behind http://a:1",
    ),
    ({"keeps_time": False}, "clock", Level.DEGRADED, "no sign of a time service"),
]


@pytest.mark.parametrize(("fault", "subject", "level", "text"), FAULTS)
def test_each_fault_is_found_alone_and_has_a_remedy(fault, subject, level, text):
    found = [f for f in findings(**fault) if f.level is not Level.OK]
    assert [(f.subject, f.level) for f in found] == [(subject, level)]
    assert found[0].text.startswith(text)
    assert found[0].remedy


def test_settings_decide_what_is_missed():
    bare = Config(Agent(), Capture())
    subjects = {f.subject: f for f in findings(bare, matching=(), collectors=())}
    assert subjects["interfaces"].level is Level.FAILED
    assert subjects["interfaces"].remedy == "set [capture] interfaces: there are eth0, lo"
    assert subjects["collector"].text == "none: what is counted stays here"
    bcc = Config(CONFIG.agent, Capture(interfaces=("eth*",), loader="bcc"))
    (loader,) = [f for f in findings(bcc, has_bcc=False) if f.subject == "loader"]
    assert (loader.level, loader.text) == (
        Level.FAILED,
        "bcc or kernel headers are missing",
    )


def test_a_running_agent_is_told():
    assert ("agent", "running") in {
        (f.subject, f.text) for f in findings(agent_answers=True)
    }


def test_lines_and_json_say_the_same():
    found = findings(jit="0")
    told = lines(found)
    assert (
        told[4]
        == "degraded  jit          BPF programs are interpreted: several times slower"
    )
    assert told[5] == f"{'':<22} -> sysctl net.core.bpf_jit_enable=1"
    body = as_json(found)
    assert body["status"] == "degraded"
    assert len(body["findings"]) == len(found)
