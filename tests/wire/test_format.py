"""The written format is enough: a decoder made from docs/wire-format.md alone reads the
vectors of tests/golden/wire, and any user of the public library merges their sketches.

WEIR_UPDATE_GOLDEN=1 writes the vectors anew; a change of them is a change of the format.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
import zlib
from pathlib import Path

import datasketches
import msgpack
import pytest
import zstandard

from tests.wire import samples
from wire import frame
from wire.batch import NO_ENDPOINTS, Batch, decode, encode
from wire.sketches import Distinct, Frequency, Frequent, Quantiles

GOLDEN = Path(__file__).parents[1] / "golden" / "wire"
EMPTY = Batch("agent", bytes(16), 1, 5, 5, "0.1.0", "host", endpoints=NO_ENDPOINTS)
VECTORS = {"full": samples.batch(), "empty": EMPTY}

VOLUMES = ("seen", "flows", "overflow", "non_ip", "unparsed", "filtered")
WIDE = {"class_bytes": 7, "source": 16, "destination": 16}
GRIDS = ("port_frequency", "service_frequency")
CLASSES = ("unknown", "voice", "video", "interactive", "web", "file", "background")


def numbers(data: bytes, count: int) -> list[int]:
    width = len(data) // count if count else 0
    assert width * count == len(data)
    planes = [data[plane * count : (plane + 1) * count] for plane in range(width)]
    return [
        sum(plane[row] << 8 * place for place, plane in enumerate(planes))
        for row in range(count)
    ]


def field(data: bytes, rows: int, width: int) -> list[object]:
    flat = numbers(data, rows * width)
    table = [[flat[column * rows + row] for column in range(width)] for row in range(rows)]
    return [row[0] if width == 1 else row for row in table]


def strings(pair: list[bytes], rows: int) -> list[bytes]:
    ends = list(itertools.accumulate(numbers(pair[0], rows), initial=0))
    assert ends[-1] == len(pair[1])
    return [pair[1][start:end] for start, end in itertools.pairwise(ends)]


def grids(pair: list[bytes], rows: int) -> list[bytes]:
    lengths = numbers(pair[0], rows)
    filled = sum(length > 0 for length in lengths)
    images = iter([pair[1][row::filled] for row in range(filled)])
    return [next(images) if length else b"" for length in lengths]


def table(message: dict, rows: int, names: list[str]) -> dict[str, list[object]]:
    return {name: field(message[name], rows, WIDE.get(name, 1)) for name in names}


def said_by_the_library(name: str, image: bytes) -> object:
    """What an image says, by nothing but the public package."""
    if not image:
        return None
    if name.startswith("unique_"):
        return round(datasketches.hll_sketch.deserialize(image).get_estimate(), 3)
    if name in GRIDS:
        return datasketches.count_min_sketch.deserialize(image).total_weight
    if name.startswith("top_"):
        sketch = datasketches.frequent_strings_sketch.deserialize(image)
        return [
            sketch.total_weight,
            sorted(
                [item, low]
                for item, _, low, _ in sketch.get_frequent_items(
                    datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES
                )
            ),
        ]
    sketch = datasketches.kll_floats_sketch.deserialize(image)
    return [sketch.n, sketch.get_min_value(), sketch.get_max_value()]


def read(data: bytes) -> dict:
    """Decode a frame into plain JSON values, from the written format alone."""
    magic, length, crc = struct.unpack_from("<4sII", data)
    packed = data[12:]
    assert (magic, length, crc) == (b"WEIR", len(packed), zlib.crc32(packed))
    found = msgpack.unpackb(zstandard.decompress(packed))
    assert found["version"] == 1
    found["boot"] = found["boot"].hex()
    endpoints, flows = found["endpoints"], found["flows"]
    rows, images = endpoints.pop("count"), endpoints.pop("sketches")
    ids = [item.decode() for item in strings(endpoints.pop("ids"), rows)]
    found["endpoints"] = {
        "ids": ids,
        **table(endpoints, rows, list(endpoints)),
        "sketches": {
            name: [
                said_by_the_library(name, image)
                for image in (grids if name in GRIDS else strings)(pair, rows)
            ]
            for name, pair in images.items()
        },
    }
    rows = flows.pop("count")
    found["flows"] = table(flows, rows, list(flows))
    found["quantiles"] = {
        name: said_by_the_library("rtt", image)
        for name, image in found["quantiles"].items()
    }
    return found


@pytest.mark.parametrize("name", list(VECTORS))
def test_vectors_say_what_is_written_beside_them(name):
    binary, expected = GOLDEN / f"{name}.bin", GOLDEN / f"{name}.json"
    if os.environ.get("WEIR_UPDATE_GOLDEN") == "1":
        binary.write_bytes(frame.frame(frame.compress(encode(VECTORS[name]))))
        expected.write_text(json.dumps(read(binary.read_bytes()), indent=1) + "\n")
    assert read(binary.read_bytes()) == json.loads(expected.read_text())


@pytest.mark.parametrize("name", list(VECTORS))
def test_the_product_reads_and_writes_the_vectors(name):
    taken = frame.unframe((GOLDEN / f"{name}.bin").read_bytes())
    assert taken is not None
    body = frame.decompress(taken[0])
    batch = decode(body)
    assert encode(batch) == body
    found = read((GOLDEN / f"{name}.bin").read_bytes())
    assert found["endpoints"]["ids"] == list(batch.endpoints.ids)
    for column in batch.endpoints.totals.dtype.names:
        assert found["endpoints"][column] == batch.endpoints.totals[column].tolist()
    for column in batch.flows.dtype.names:
        assert found["flows"][column] == batch.flows[column].tolist()
    for link, written in zip(batch.interfaces, found["interfaces"], strict=True):
        for volume in VOLUMES:
            assert list(getattr(link.rx, volume)) == written["rx"][volume]
            assert list(getattr(link.tx, volume)) == written["tx"][volume]
        assert set(written["rx"]["classes"]) <= set(CLASSES)


def test_the_public_library_merges_sketches_cut_from_a_batch():
    """Two endpoints' sketches, merged by the package alone and by Weir: one answer."""
    message = msgpack.unpackb(encode(samples.batch()))["endpoints"]
    images = {
        name: [
            image
            for image in (grids if name in GRIDS else strings)(pair, message["count"])
            if image
        ]
        for name, pair in message["sketches"].items()
    }
    peers = images["unique_peers"]
    union, ours = datasketches.hll_union(10), Distinct()
    for image in peers:
        union.update(datasketches.hll_sketch.deserialize(image))
        ours.merge(Distinct.from_bytes(image))
    assert ours.estimate == union.get_estimate() == pytest.approx(203, rel=0.1)

    frequency, ours_frequency = datasketches.count_min_sketch(3, 64), Frequency()
    for image in images["port_frequency"]:
        frequency.merge(datasketches.count_min_sketch.deserialize(image))
        ours_frequency.merge(Frequency.from_bytes(image))
    assert frequency.get_estimate("tcp/445") == ours_frequency.estimate("tcp/445") >= 4002
    assert frequency.serialize() == ours_frequency.to_bytes()

    top, ours_top = datasketches.frequent_strings_sketch(8), Frequent(8)
    for image in images["top_peers"]:
        top.merge(datasketches.frequent_strings_sketch.deserialize(image))
        ours_top.merge(Frequent.from_bytes(image))
    kind = datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES
    assert top.get_frequent_items(kind) == ours_top.top(1000)

    lengths, ours_lengths = datasketches.kll_floats_sketch(32), Quantiles(32)
    for image in images["packet_length"]:
        lengths.merge(datasketches.kll_floats_sketch.deserialize(image))
        ours_lengths.merge(Quantiles.from_bytes(image))
    assert lengths.n == ours_lengths.count == 23
    assert [lengths.get_quantile(0.5)] == ours_lengths.quantiles([0.5])
