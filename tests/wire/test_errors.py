"""Errors say what was found and what can be read."""

from __future__ import annotations

from wire.errors import Malformed, UnknownVersion


def test_an_unknown_version_names_what_is_understood():
    error = UnknownVersion(7, (1, 2))
    assert isinstance(error, Malformed)
    assert (error.version, error.understood) == (7, (1, 2))
    assert str(error) == "batch version 7 is not understood (understood: 1, 2)"
