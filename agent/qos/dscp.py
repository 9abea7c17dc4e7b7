"""Code points: what a class is marked with, and what an arriving mark says of a class."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agent.records import CLASS_NAMES

CODE_POINTS: Final = 64
DEFAULT_FORWARDING: Final = 0
NOT_QUEUE_BUILDING: Final = 45

PROFILES: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        # RFC 4594 service classes, RFC 8622 for background. web is the default, so it is 0.
        "standard": MappingProxyType(
            {
                "unknown": 0,
                "voice": 46,  # EF
                "video": 34,  # AF41
                "interactive": 18,  # AF21
                "web": 0,
                "file": 10,  # AF11
                "background": 1,  # LE, not CS1: networks that know only CS1 may favour it
            }
        ),
        # What the predecessor set. Video as EF is not RFC 4594 practice: a network that
        # polices EF to a voice-sized rate drops video.
        "predecessor": MappingProxyType(
            {
                "unknown": 0,
                "voice": 46,
                "video": 46,
                "interactive": 0,
                "web": 0,
                "file": 10,
                "background": 0,
            }
        ),
    }
)
"""Profile name -> class -> code point."""

_VOICE = (40, 44, 46)  # CS5 (signalling), VOICE-ADMIT, EF
_VIDEO = (24, 26, 28, 30, 32, 34, 36, 38)  # CS3 AF3x CS4 AF4x
_INTERACTIVE = (16, 18, 20, 22, NOT_QUEUE_BUILDING, 48, 56)  # CS2 AF2x NQB CS6 CS7
_FILE = (10, 12, 14)  # AF1x
_BACKGROUND = (1, 8)  # LE CS1


def class_of_mark(dscp: int) -> str:
    """Return the class that an arriving code point speaks for; `unknown`: it says nothing.

    RFC 4594 table 3, RFC 8622, RFC 9956. Default forwarding is no evidence of anything.
    """
    for name, marks in (
        ("voice", _VOICE),
        ("video", _VIDEO),
        ("interactive", _INTERACTIVE),
        ("file", _FILE),
        ("background", _BACKGROUND),
    ):
        if dscp in marks:
            return name
    return "unknown"


def marks(profile: str, overrides: Mapping[str, int] | None = None) -> tuple[int, ...]:
    """Return the code point of every class, in the order of CLASS_NAMES.

    overrides: class -> code point, from the operator's rules.
    Raises ValueError for an unknown profile, an unknown class or a code point outside 0-63.
    """
    known = PROFILES.get(profile)
    if known is None:
        raise ValueError(
            f"dscp profile {profile!r} is unknown: choose one of {', '.join(PROFILES)}"
        )
    chosen = dict(known)
    for name, dscp in (overrides or {}).items():
        if name not in chosen:
            raise ValueError(
                f"class {name!r} is unknown: choose one of {', '.join(CLASS_NAMES)}"
            )
        chosen[name] = checked(dscp)
    return tuple(chosen[name] for name in CLASS_NAMES)


def checked(dscp: int) -> int:
    """Return a code point that fits six bits; ValueError otherwise."""
    if not 0 <= dscp < CODE_POINTS:
        raise ValueError(f"dscp {dscp} is outside 0-63: six bits hold a code point")
    return dscp
