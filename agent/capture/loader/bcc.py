"""The second back end: bcc compiles the programs' source on this machine.

bcc is the compiler alone. It knows neither locked map values nor functions that are handed
to helpers, so maps, types, linking and loading are done here.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import struct
import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import Final

import numpy as np

from agent.capture.layout import (
    BUCKET,
    CLASSES,
    HOOKS,
    INTERFACE_ENTRIES,
    KEY,
    LIMITS,
    MAPS,
    RECORD,
    SCRATCH_BYTES,
    SLOTS,
)
from agent.capture.loader import compiler, create
from agent.capture.loader.btf import Types
from agent.capture.loader.libbpf import PROGRAMS, Loaded, Refused, reason_of

SOURCE: Final = "flow.bcc.c"
CALLBACK: Final = "sample_entry"
TIMEOUT_S: Final = 120
"""A slow router's compiler takes a tenth of this."""

_INSTRUCTION: Final = np.dtype([("code", "u1"), ("registers", "u1"), ("offset", "<i2"),
                                ("immediate", "<i4")])  # fmt: skip
_LOAD_64: Final = 0x18
_MAP_MARK, _CALLBACK_MARK = 1, 4
_SECOND_TO_FIRST: Final = struct.pack("<BBhi", 0xBF, 0x21, 0, 0)
"""r1 = r2: bcc's functions take one argument, and the key comes second."""

KINDS: Final = {"weir_xdp": create.XDP, "weir_walk": create.FLOW_DISSECTOR}
"""What programs are, as SEC of bpf/flow.bpf.c says it; all others are for tc."""

GEOMETRY: Final = {
    "flows": (create.HASH, 65536),
    "interfaces": (create.ARRAY, INTERFACE_ENTRIES),
    "counters": (create.PERCPU_ARRAY, SLOTS * HOOKS),
    "port_classes": (create.ARRAY, 65536),
    "dscp_classes": (create.ARRAY, 64),
    "filter": (create.ARRAY, 1),
    "scratch": (create.PERCPU_ARRAY, 1),
    "closing": (create.ARRAY, 16384),
    "verdicts": (create.ARRAY, 4096),
    "samples": (create.ARRAY, 65536),
    "walked": (create.ARRAY, SLOTS * HOOKS),
    "shaping": (create.ARRAY, SLOTS * HOOKS),
    "policers": (create.ARRAY, SLOTS * HOOKS * CLASSES),
    "matches": (create.ARRAY, 1),
    "flow_limits": (create.ARRAY, LIMITS),
    "limited": (create.PERCPU_ARRAY, LIMITS),
    "cursors": (create.ARRAY, 3),
    "epoch": (create.ARRAY, 1),
    "slots": (create.ARRAY, SLOTS),
    "bookmarks": (create.ARRAY, 2),
    "reported": (create.ARRAY, 2 * 65536),
}
"""Kind and entries of every map of bpf/maps.h; a test holds the object to it."""


def identity(directory: Path) -> bytes:
    """32 bytes that change whenever the source does. Raises FileNotFoundError."""
    digest = hashlib.sha256(b"bcc")
    for path in (*sorted(directory.glob("*.h")), directory / SOURCE):
        digest.update(path.read_bytes())
    return digest.digest()


def load(
    directory: Path,
    sizes: dict[str, int],
    reuse: dict[str, int],
    constants: dict[str, int] | None = None,
) -> Loaded:
    """Compile and load the source in a directory, as libbpf.load does an object.

    Raises Refused, whose log holds the compiler's or the verifier's words;
    FileNotFoundError.
    """
    if not (directory / SOURCE).exists():
        raise FileNotFoundError(2, "no such source", str(directory / SOURCE))
    functions = _compile(directory / SOURCE, {"clock_from_frame": 0} | (constants or {}))
    maps: dict[str, int] = {}
    programs: dict[str, int] = {}
    try:
        for name in MAPS:
            maps[name] = os.dup(reuse[name]) if name in reuse else _new_map(name, sizes)
        fds = list(maps.values())
        for name in PROGRAMS:
            programs[name] = _load_program(name, functions, fds)
    except OSError:
        for fd in (*maps.values(), *programs.values()):
            os.close(fd)
        raise
    return Loaded(maps, programs)


def _compile(source: Path, constants: dict[str, int]) -> dict[str, bytes]:
    """The code of every function, maps and callback still marks."""
    _need_headers()
    script = Path(compiler.__file__)
    flags = [f"-D{name}={value}" for name, value in constants.items()]
    command = [_python(), "-I", str(script), str(source.resolve()), *flags]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        reason = f"bcc did not finish {source.name} in {TIMEOUT_S} s"
        raise Refused(errno.ETIMEDOUT, reason, "") from error
    if done.returncode == compiler.NO_BCC:
        reason = "bcc cannot be imported; run: apt-get install python3-bpfcc"
        raise Refused(errno.ENOPKG, reason, done.stderr)
    if done.returncode:
        reason = f"bcc cannot compile {source.name}: {_first_error(done.stderr)}"
        raise Refused(errno.EINVAL, reason, done.stderr)
    lines = (line.split() for line in done.stdout.splitlines())
    return {name: bytes.fromhex(code) for name, code in lines}


def _python() -> str:
    """A Python that has bcc: this one, where its environment lets it, or Debian's own."""
    return sys.executable if util.find_spec("bcc") else "/usr/bin/python3"


def _need_headers() -> None:
    release = platform.release()
    build = Path("/lib/modules") / release / "build"
    if (
        not (build / "include").exists()
        and not Path("/sys/kernel/kheaders.tar.xz").exists()
        and "BCC_KERNEL_SOURCE" not in os.environ
    ):
        reason = (
            f"no kernel headers at {build}; run: apt-get install linux-headers-{release}"
        )
        raise Refused(errno.ENOPKG, reason, "")


def _first_error(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    named = [line for line in lines if "error:" in line]
    return (named or lines[-1:] or ["no reason given"])[0]


def _new_map(name: str, sizes: dict[str, int]) -> int:
    kind, entries = GEOMETRY[name]
    entries = sizes.get(name, entries)
    value = MAPS[name]
    value_bytes = SCRATCH_BYTES if value is None else value.itemsize
    if name not in ("flows", "policers"):
        return create.new_map(name, kind, (4, value_bytes), entries)
    # The kernel has to be told where the locks are.
    types, key_bytes = Types(), 4
    if name == "flows":
        key_bytes = KEY.itemsize
        key_type = types.structure("weir_key", KEY)
        value_type = types.structure("weir_record", RECORD)
    else:
        key_type = types.integer(4)
        value_type = types.structure("weir_bucket", BUCKET)
    btf = create.btf(types.blob())
    try:
        known = create.MapTypes(btf, key_type, value_type)
        return create.new_map(name, kind, (key_bytes, value_bytes), entries, known)
    finally:
        os.close(btf)


def link(code: bytes, fds: list[int], callback: bytes) -> tuple[bytes, int]:
    """Put fds and the callback where their marks are.

    Returns the code and where in it the callback begins, 0 where it is not asked for.
    """
    linked = np.frombuffer(code, _INSTRUCTION).copy()
    kinds = np.where(linked["code"] == _LOAD_64, linked["registers"] >> 4, 0)
    is_map = kinds == _MAP_MARK
    linked["immediate"][is_map] = np.array(fds)[linked["immediate"][is_map]]
    marks = np.flatnonzero(kinds == _CALLBACK_MARK)
    if not len(marks):
        return linked.tobytes(), 0
    # As in a call, the distance counts from the next instruction.
    linked["immediate"][marks] = len(linked) - marks - 1
    behind, _ = link(callback, fds, b"")
    return linked.tobytes() + _SECOND_TO_FIRST + behind, len(linked)


def _load_program(name: str, functions: dict[str, bytes], fds: list[int]) -> int:
    code, callback_at = link(functions[name], fds, functions[CALLBACK])
    kind = KINDS.get(name, create.SCHED_CLS)
    wanted = create.Program(name, kind, code)
    if callback_at:
        # The kernel calls back only what has a type.
        types = Types()
        info = struct.pack(
            "=IIII", 0, types.function(name), callback_at, types.function(CALLBACK)
        )
        btf = create.btf(types.blob())
        wanted = create.Program(name, kind, code, info, btf)
    try:
        return create.program(wanted)
    except OSError as error:
        if error.errno == errno.EPERM:
            raise
        log = create.verifier_log(wanted)
        reason = f"the kernel refused {name}: {reason_of(log)}"
        raise Refused(error.errno or errno.EINVAL, reason, log) from error
    finally:
        if wanted.btf:
            os.close(wanted.btf)
