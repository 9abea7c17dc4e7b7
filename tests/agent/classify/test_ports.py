"""The first guess at a class, port by port and code point by code point."""

import pytest

from agent.classify.ports import by_code_point, by_port
from agent.records import CLASS_NAMES

VIDEO = (1935, 3478, 3479, 5004, 5005, 8554, 1755, *range(6970, 6980))
VOICE = (*range(5060, 5063), *range(16384, 16397))
FILE = (20, 21, 22, 25, 110, 143, 445, 3389, 8080, 8443)
BACKGROUND = (53, 123, 161, 162, 389, 636, 3306, 5432)


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("video", VIDEO),
        ("voice", VOICE),
        ("web", (80,)),
        ("file", FILE),
        ("background", BACKGROUND),
        ("unknown", (0, 443, 1024, 5063, 6969, 6980, 16383, 16397, 65535)),
    ],
)
def test_class_of_a_port(name, ports):
    classes = by_port()
    assert {CLASS_NAMES[classes[port]] for port in ports} == {name}


def test_every_other_port_is_unknown():
    assert int((by_port() != 0).sum()) == len({*VIDEO, *VOICE, *FILE, *BACKGROUND, 80})


@pytest.mark.parametrize(
    ("point", "name"),
    [(46, "voice"), (34, "video"), (18, "interactive"), (10, "file"), (1, "background"),
     (8, "background"), (0, "unknown"), (48, "unknown")],
)  # fmt: skip
def test_class_of_a_code_point(point, name):
    assert CLASS_NAMES[by_code_point()[point]] == name
