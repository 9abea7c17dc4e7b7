"""The one error of everything that reads bytes off the wire."""

from __future__ import annotations


class Malformed(Exception):
    """Input that is not what its format says: the message is the reason, in one line."""


class UnknownVersion(Malformed):
    """A batch of a version that this program does not read.

    version is what was found, understood what can be read.
    """

    def __init__(self, version: int, understood: tuple[int, ...]) -> None:
        readable = ", ".join(str(number) for number in understood)
        super().__init__(
            f"batch version {version} is not understood (understood: {readable})"
        )
        self.version = version
        self.understood = understood
