"""Both ways of bringing the programs into the kernel, in the unit and with its rights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from balance import Balance
from guest import (
    AGENT_TOML,
    PINS,
    doctor,
    edit,
    ready,
    restart,
    run,
    say,
    show,
    start_seconds,
)
from router import traffic

SOURCE = Path("/usr/lib/weir/agent/bpf/flow.bpf.c")
PROGRAM = re.compile(r'^SEC\("\w+"\)\nint (\w+)', re.MULTILINE)
BTF = "/sys/kernel/btf"


def begin_afresh() -> None:
    """Have the agent bring everything into the kernel again."""
    run("systemctl", "stop", "weir-agent")
    run("weir-agent", "detach")
    assert not list(PINS.glob("*")), "something is pinned after detach"
    # So many starts in a short time would be refused.
    run("systemctl", "reset-failed", "weir-agent")
    run("systemctl", "start", "weir-agent")
    ready("weir-agent")


def verified(loader: str) -> None:
    """The kernel took every program of the source, and compiled it."""
    wanted = PROGRAM.findall(SOURCE.read_text())
    assert wanted, f"no program in {SOURCE}"
    sizes = {}
    for path in sorted((PINS / "programs").iterdir()):
        shown = json.loads(run("bpftool", "--json", "prog", "show", "pinned", str(path)))
        assert shown["bytes_jited"] > 0, shown
        sizes[path.name] = shown["bytes_xlated"]
    assert sorted(sizes) == sorted(wanted), f"{sorted(sizes)}, wanted {sorted(wanted)}"
    say("FACT programs by", loader, json.dumps(sizes))


def prebuilt_programs_are_accepted() -> None:
    verified("libbpf")


@contextmanager
def without_kernel_types() -> Iterator[None]:
    """As on a kernel that was built without BTF: nothing to read about its types."""
    run("mount", "-t", "tmpfs", "none", BTF)
    try:
        assert not list(Path(BTF).iterdir())
        yield
    finally:
        run("umount", BTF)


def no_kernel_types_no_difference() -> None:
    with without_kernel_types():
        begin_afresh()
        verified("libbpf without BTF")
        with Balance():
            traffic()
        assert not doctor()["failed"]


def compiled_on_the_box() -> None:
    """By the second loader; then the first one's programs take over its maps."""
    edit(AGENT_TOML, "[capture]", '[capture]\nloader = "bcc"')
    with without_kernel_types():
        begin_afresh()
        assert not doctor()["failed"]
    say("FACT ready by bcc", f"{start_seconds('weir-agent'):.1f} s")
    verified("bcc")
    with Balance():
        traffic()
        charged = int(show("weir-agent", "MemoryCurrent")) >> 20
        say("FACT cgroup by bcc", f"{charged} MiB")
        edit(AGENT_TOML, 'loader = "bcc"\n', "")
        restart()
        traffic()
    verified("libbpf over the maps of bcc")


def no_bpf_file_system() -> None:
    run("systemctl", "stop", "weir-agent")
    run("weir-agent", "detach")
    run("umount", "/sys/fs/bpf")
    run("systemctl", "reset-failed", "weir-agent")
    try:
        run("systemctl", "start", "weir-agent", check=False)
        said = run("journalctl", "-u", "weir-agent", "-n", "20", "--no-pager")
        assert "not on a BPF file system; run: mount -t bpf bpf /sys/fs/bpf" in said, said
        (finding,) = doctor()["failed"]
        assert "on no bpf file system" in finding, finding
        assert finding.endswith("mount -t bpf bpf /sys/fs/bpf"), finding
    finally:
        run("systemctl", "stop", "weir-agent", check=False)
        run("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf")
        run("systemctl", "reset-failed", "weir-agent", check=False)
    run("systemctl", "start", "weir-agent")
    ready("weir-agent")


CHECKS = (
    prebuilt_programs_are_accepted,
    no_kernel_types_no_difference,
    compiled_on_the_box,
    no_bpf_file_system,
)
