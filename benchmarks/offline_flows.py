"""The offline flow tool against its peers, on one generated mix: packets a second.

The mix is WEIR_BENCH_PACKETS packets (a million): TCP conversations of mixed length with
timestamps, and DNS exchanges, of 85 thousand flows in ten minutes; or WEIR_BENCH_PCAP.
Peers run where they are installed: softflowd, argus, tshark from Debian; nfstream in the
Python that WEIR_NFSTREAM_PYTHON names.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lab.extract.build import build, is_current
from lab.extract.engine import Engine, Settings
from lab.extract.source import Source
from tests.lab.extract.frames import ACK, FIN, PSH, SYN, ethernet, ip, tcp, timestamps, udp

PACKETS = int(os.environ.get("WEIR_BENCH_PACKETS", "1000000"))
RUNS = 3
ROOT = Path(__file__).resolve().parents[1]
NFSTREAM = """
import sys
from nfstream import NFStreamer
NFStreamer(source=sys.argv[1], statistical_analysis=True, n_dissections=0, n_meters=1,
           idle_timeout=120, active_timeout=1800).to_csv(sys.argv[2])
"""


def conversation(dice: random.Random, number: int) -> list[tuple[float, bytes]]:
    """Frames of one flow, with times from its beginning."""
    client = f"10.{number >> 14 & 63}.{number >> 7 & 127}.{number & 127 | 1}"
    server = f"93.184.{number % 251}.{number % 7 + 1}"
    port = 1024 + number % 60_000
    if dice.random() < 0.5:
        there = ip(client, server, 17, udp(port, 53, bytes(40)), number & 0xFFFF)
        back = ip(
            server, client, 17, udp(53, port, bytes(dice.randint(60, 400))), number & 0xFFFF
        )
        return [(0, ethernet(there)), (dice.uniform(0.001, 0.2), ethernet(back))]
    steps = [(">", SYN, 0), ("<", SYN | ACK, 0), (">", ACK, 0)]
    for _ in range(min(int(dice.paretovariate(0.9)), 400)):
        steps += [(">", PSH | ACK, dice.randint(50, 900))]
        steps += [("<", PSH | ACK, dice.choice((1400, 1400, 300)))] * dice.randint(1, 3)
    steps += [(">", FIN | ACK, 0), ("<", FIN | ACK, 0), (">", ACK, 0)]
    out, now, sent = [], 0.0, {">": 1, "<": 1}
    for at, (way, flags, size) in enumerate(steps):
        now += dice.expovariate(8)
        ends, ports = (
            ((client, server), (port, 443))
            if way == ">"
            else ((server, client), (443, port))
        )
        other = "<" if way == ">" else ">"
        segment = tcp(
            *ports, flags, bytes(size), sent[way], sent[other], 500, timestamps(at + 1, at)
        )
        sent[way] += size + bool(flags & (SYN | FIN))
        out.append((now, ethernet(ip(*ends, 6, segment, at & 0xFFFF))))
    return out


def mix(path: Path, packets: int) -> None:
    """Write the mix, in order of time; the same one every time."""
    dice, number = random.Random(7), 0
    frames: list[tuple[float, bytes]] = []
    while len(frames) < packets:
        begin = dice.uniform(0, 590)
        frames += [(begin + at, data) for at, data in conversation(dice, number)]
        number += 1
    frames.sort(key=lambda row: row[0])
    with path.open("wb") as file:
        head = np.array([0xA1B2C3D4, 2 | 4 << 16, 0, 0, 262_144, 1], "<u4")
        file.write(head.tobytes())
        for at, data in frames[:packets]:
            micro = 1_700_000_000_000_000 + int(at * 1e6)
            words = (micro // 10**6, micro % 10**6, len(data), len(data))
            file.write(np.array(words, "<u4").tobytes() + data)


MEASURE = """
import os, subprocess, sys, time
begun = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(status, time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""In a small process of its own: a child's peak begins at its parent's size."""


def spent(words: list[str | Path], **environment: str) -> tuple[float, float, int] | None:
    """Best of three: wall and CPU seconds, and the largest resident kB; None: it fails."""
    best: tuple[float, float, int] | None = None
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-S", "-c", MEASURE, *map(str, words)],
            env=os.environ | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )  # fmt: skip
        status, wall, cpu, peak = done.stdout.split()
        if int(status):
            return None
        if best is None or float(wall) < best[0]:
            best = (float(wall), float(cpu), int(peak))
    return best


def engine_rate(path: Path) -> float:
    """Packets a CPU second of the engine alone, in the pieces that the tool feeds it.

    Reading the file is apart: it costs as much for whoever reads it.
    """
    best = 0.0
    for _ in range(RUNS):
        reading = 0.0
        with Engine(Settings()) as engine, Source(path) as source:
            begun, more = time.thread_time(), True
            while more:
                outcome = 1
                while outcome == 1:
                    outcome, used = engine.feed(source.window())
                    source.drop(used)
                    while len(engine.take()):
                        pass
                before = time.thread_time()
                more = source.fill()
                reading += time.thread_time() - before
            engine.finish()
            while len(engine.take()):
                pass
            spent_s = time.thread_time() - begun - reading
            best = max(best, engine.frames() / spent_s)
    return best


def say(
    name: str, value: float, unit: str, peer: str = "", ratio: float | None = None
) -> None:
    row = {"name": name, "value": round(value, 3), "unit": unit, "peer": peer or None}
    print(
        json.dumps(row | {"ratio": None if ratio is None else round(ratio, 2)}), flush=True
    )


def peers(path: Path, out: Path) -> dict[str, list[str | Path]]:
    """Commands of what is installed."""
    found: dict[str, list[str | Path]] = {
        "softflowd": ["softflowd", "-v", "9", "-d", "-r", path],
        "argus": ["argus", "-X", "-r", path, "-w", out / "argus.out"],
        "tshark": [
            "tshark",
            "-n",
            "-r",
            path,
            "-T",
            "fields",
            "-e",
            "ip.src",
            "-e",
            "ip.dst",
        ],
    }
    found = {name: words for name, words in found.items() if shutil.which(str(words[0]))}
    if python := os.environ.get("WEIR_NFSTREAM_PYTHON"):
        found["nfstream"] = [python, "-c", NFSTREAM, path, out / "nfstream.csv"]
    return found


def main() -> None:
    if not is_current():
        build()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        named = os.environ.get("WEIR_BENCH_PCAP")
        path = Path(named) if named else out / "mix.pcap"
        if not named:
            mix(path, PACKETS)
        say("engine", engine_rate(path), "packets/CPU s")
        words: list[str | Path] = [
            sys.executable,
            "-m",
            "lab",
            "flows",
            path,
            "--out",
            out / "flows",
        ]
        ours = spent(words, OPENBLAS_NUM_THREADS="1")
        assert ours is not None
        packets = count_packets(path)
        say("weir-lab flows, 84 columns, CSV", packets / ours[0], "packets/s")
        say("weir-lab flows, 84 columns, CSV", packets / ours[1], "packets/CPU s")
        say("weir-lab flows, peak memory", ours[2] / 1024, "MiB")
        for name, command in peers(path, out).items():
            theirs = spent(command)
            if theirs is None:
                print(f"{name}: failed", file=sys.stderr)
                continue
            say(
                f"{name}, wall", packets / theirs[0], "packets/s", name, theirs[0] / ours[0]
            )
            say(
                f"{name}, CPU",
                packets / theirs[1],
                "packets/CPU s",
                name,
                theirs[1] / ours[1],
            )


def count_packets(path: Path) -> int:
    """How many packets the capture has."""
    with Engine(Settings()) as engine:
        data, at, outcome = np.fromfile(path, np.uint8), 0, 1
        while outcome == 1:
            outcome, used = engine.feed(data[at:])
            at += used
            while len(engine.take()):
                pass
        return engine.frames()


if __name__ == "__main__":
    main()
