from __future__ import annotations

import platform
import socket
from pathlib import Path

import pytest

from agent.config import Agent, Capture, Config
from agent.status.facts import bpf_mounts, capabilities, gather, lockdown, qdiscs

SYMBOLS = """\
ffffffff81ef0a40 t pfifo_enqueue
ffffffff81ef47a0 t htb_enqueue
ffffffff81ef6190 t clsact_init
ffffffff81ef6190 t my_htb_enqueue
ffffffffc0a01234 t fq_codel_enqueue\t[sch_fq_codel]
"""


def test_capabilities_come_from_the_effective_set():
    assert capabilities("CapPrm:\tffff\nCapEff:\t000000c000001000\n") == {
        "CAP_NET_ADMIN", "CAP_PERFMON", "CAP_BPF",
    }  # fmt: skip
    assert capabilities("") == frozenset()


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("none [integrity] confidentiality", "integrity"),
        ("[none] integrity", "none"),
        ("", "none"),
    ],
)
def test_lockdown(text, mode):
    assert lockdown(text) == mode


def test_bpf_mounts():
    mounts = "proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\nx /y bpffs rw 0 0\n"
    assert bpf_mounts(mounts) == ("/sys/fs/bpf",)


def test_queueing_disciplines_are_built_in_loaded_or_on_disk():
    assert qdiscs(SYMBOLS, frozenset({"sch_cake", "sch_ingress", "ifb"})) == {
        "pfifo", "htb", "clsact", "fq_codel", "cake", "ingress",
    }  # fmt: skip


def test_this_machine_can_be_read(tmp_path):
    config = Config(Agent(data_dir=str(tmp_path / "a" / "b")), Capture(interfaces=("l*",)))
    facts = gather(config, (), False, Path("/"))
    assert facts.kernel == platform.release()
    assert "lo" in facts.matching
    assert facts.free_bytes > 0
    assert facts.data_directory_error == ""
    assert facts.jit in ("", "0", "1", "2")


def test_a_machine_with_nothing_is_read_too(tmp_path):
    config = Config(Agent(data_dir=str(tmp_path / "file" / "b")))
    (tmp_path / "file").touch()
    facts = gather(config, (), False, tmp_path)
    assert (facts.kernel, facts.has_headers) == ("", False)
    assert facts.capabilities == facts.qdiscs == frozenset()
    assert facts.data_directory_error == f"{tmp_path}/file is not a directory"


def test_modules_on_disk_count(tmp_path):
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("6.1.0-9\n")
    modules = tmp_path / "lib/modules/6.1.0-9/kernel/net/sched"
    modules.mkdir(parents=True)
    for name in ("sch_cake.ko", "sch_fq_codel.ko.xz", "cls_u32.ko", "ifb.ko"):
        (modules / name).touch()
    facts = gather(Config(Agent(data_dir=str(tmp_path))), (), False, tmp_path)
    assert facts.qdiscs == {"cake", "fq_codel"}
    assert facts.has_ifb


def test_a_port_that_is_taken_is_found_unless_the_agent_has_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = Config(Agent(api_host="127.0.0.1", api_port=port, data_dir=str(tmp_path)))
        assert "in use" in gather(config, (), False, tmp_path).api_port_error
        assert gather(config, (), True, tmp_path).api_port_error == ""


def test_bcc_of_the_system_is_found_from_a_private_environment(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    config = Config(Agent(data_dir=str(tmp_path)))
    assert not gather(config, (), False, tmp_path).has_bcc
    (tmp_path / "usr/lib/python3/dist-packages/bcc").mkdir(parents=True)
    assert gather(config, (), False, tmp_path).has_bcc
