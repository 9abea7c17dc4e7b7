"""Which of the two back ends brings the programs into the kernel, and from where."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Final

from agent.capture.loader import bcc, libbpf
from agent.capture.loader.pins import BackEnd, CaptureError

OBJECT: Final = "flow.bpf.o"


def object_path() -> Path:
    """Where the prebuilt object is: beside the installation, or in the build folder."""
    installed = Path(sys.prefix) / "bpf" / OBJECT
    built = Path(__file__).resolve().parents[2] / "build" / "bpf" / OBJECT
    return installed if installed.exists() else built


def source_path() -> Path:
    """Where the programs' source is, for the compiler on the box."""
    installed = Path(sys.prefix) / "bpf"
    own = Path(__file__).resolve().parents[2] / "bpf"
    return installed if (installed / bcc.SOURCE).exists() else own


def compiled() -> BackEnd:
    """The bcc back end. Raises CaptureError where the source is missing."""
    path = source_path()
    try:
        identity = bcc.identity(path)
    except OSError as error:
        raise CaptureError(
            f"{path}: {error.strerror}; reinstall weir-agent: it brings the source"
        ) from error
    return BackEnd("bcc", identity, lambda sizes, reuse: bcc.load(path, sizes, reuse))


def back_end(wanted: str) -> BackEnd:
    """wanted: auto | libbpf | bcc; auto compiles where no object is. CaptureError."""
    if wanted == "bcc" or (wanted == "auto" and not object_path().exists()):
        return compiled()
    return prebuilt()


def prebuilt() -> BackEnd:
    """The libbpf back end. Raises CaptureError where the object is missing."""
    path = object_path()
    try:
        identity = hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise CaptureError(
            f"{path}: {error.strerror}; reinstall weir-agent, or run: make bpf"
        ) from error
    return BackEnd("libbpf", identity, lambda sizes, reuse: libbpf.load(path, sizes, reuse))
