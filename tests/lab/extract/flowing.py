"""Captures through the engine, as tests want the outcome: rows by name."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.extract.columns import table
from lab.extract.engine import Engine, Settings
from lab.extract.labels import Labels
from lab.extract.layout import CIC_FLOW, FLOW
from lab.extract.read import Reading, read
from lab.extract.schemas import SCHEMAS
from lab.extract.source import Source
from lab.extract.text import Writer
from tests.lab.extract.frames import Frame, pcap, pcapng

Row = dict[str, str]


def flows_of(
    path: Path, settings: Settings | None = None
) -> tuple[npt.NDArray[np.void], str]:
    """Every flow in order, and what was wrong with the capture."""
    reading, pieces = Reading(), []
    with Source(path) as source, Engine(settings or Settings()) as engine:
        for flows in read(source, engine, reading):
            pieces.append(flows.view(np.uint8).copy().view(flows.dtype))
    empty = np.empty(0, FLOW if engine.own else CIC_FLOW)
    return np.concatenate([empty, *pieces]), reading.problem


def settings_for(schema_name: str, **changes: Any) -> Settings:
    schema = SCHEMAS[schema_name]
    idle, active = schema.defaults
    values: dict[str, Any] = {
        "mode": schema.mode, "idle_timeout": idle, "active_timeout": active
    } | changes  # fmt: skip
    return Settings(**values)


def lines_of(path: Path, schema_name: str = "weir", **changes: Any) -> list[str]:
    """The flow file's lines, without the header."""
    schema, labels, writer = SCHEMAS[schema_name], Labels(), Writer()
    flows, _ = flows_of(path, settings_for(schema_name, **changes))
    cells = [cell for _, cell in table(flows, schema, labels)]
    return b"".join(writer.lines(cells)).decode().splitlines()


def rows_of(path: Path, schema_name: str = "weir", **changes: Any) -> list[Row]:
    names = [name for name, _ in SCHEMAS[schema_name].columns]
    return [
        dict(zip(names, row, strict=True))
        for row in csv.reader(lines_of(path, schema_name, **changes))
    ]


def rows(frames: Iterable[Frame], schema_name: str = "weir", **changes: Any) -> list[Row]:
    """Frames through a capture file and the engine."""
    given = list(frames)
    one_link = len({frame.link for frame in given}) == 1
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.pcap"
        path.write_bytes(pcap(given, nanoseconds=True) if one_link else pcapng(given))
        return rows_of(path, schema_name, **changes)


def flows(frames: Iterable[Frame], **changes: Any) -> npt.NDArray[np.void]:
    """Frames through a capture file and the engine: the flows themselves."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "made.pcap"
        path.write_bytes(pcap(frames, nanoseconds=True))
        return flows_of(path, Settings(**changes))[0]
