"""The [qos] section of the settings: what the operator wants shaped, and how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.qos import matches
from agent.qos.dscp import PROFILES, marks
from agent.qos.htb import Layer
from agent.qos.matches import Match
from agent.qos.plan import SHAPERS, Target
from agent.qos.rules import MAX_MEGABITS, BadRule, Rule, parse_all

MODES: Final = ("observe", "shape")
WHEN_DEAD: Final = ("baseline", "unshaped")  # in the order of layout.DEAD_*
MARKINGS: Final = ("off", "keep", "set")  # in the order of bpf/qos.h, weir_mark_mode
AUTO: Final = "auto"
MEASURED: Final = "measured"
WAYS: Final = ("egress", "ingress")
# A rate that the operator gave is taken as it is; what the device claims, or what was
# measured beside other traffic, is not trusted to the last bit.
TRUSTED_SHARE: Final = 0.95

_KEYS: Final[Mapping[str, tuple[Any, str]]] = {
    "mode": ("observe", "observe only plans; shape also changes qdiscs"),
    "profile": ("standard", "code points of the classes"),
    "marking": ("keep", "what leaves: off; keep: mark what is unmarked; set: mark all"),
    "wash": (False, "clear the code points of what arrives, once they gave a class"),
    "when_dead": (
        "baseline",
        "without the agent: baseline holds packets by the rules; unshaped by nothing",
    ),
    "adopt": (False, "replace a root qdisc of somebody else; revert puts it back"),
}
_INTERFACE_KEYS: Final[Mapping[str, tuple[Any, str]]] = {
    "name": ("", "the device that leads to the slow link"),
    "egress_mbps": (
        0.0,
        "what leaves; auto: 95 % of the device's speed; measured: of what the link was "
        "seen to carry; 0: not shaped",
    ),
    "ingress_mbps": (0.0, "what arrives, likewise"),
    "shaper": ("auto", "auto, htb or cake"),
    "strict": (True, "priorities decide who borrows first; false: weights alone"),
    "overhead": (0, "bytes that the link adds to a frame as Linux sees it"),
    "mpu": (0, "least bytes that a frame costs there"),
    "atm": (False, "the link carries cells of 53 bytes"),
    "adaptive": (False, "follow a link whose capacity changes"),
    "floor_mbps": (0.0, "adaptation never goes below; 0: 5 % of the link"),
}


@dataclass(frozen=True, slots=True)
class Shaped:
    """One [[qos.interface]]. Rates in bit/s; None: from the device's speed."""

    name: str
    egress_bps: int | None
    ingress_bps: int | None
    shaper: str
    strict: bool
    layer: Layer
    adaptive: bool
    floor_bps: int
    measured: frozenset[str] = frozenset()  # ways whose rate is found out

    @property
    def is_auto(self) -> bool:
        """Whether a rate follows from the speed of the device."""
        return None in (self.egress_bps, self.ingress_bps)

    def source(self, way: str) -> str:
        """Return where the capacity of a way comes from: settings, device or measured."""
        given = self.egress_bps if way == "egress" else self.ingress_bps
        if way in self.measured:
            return MEASURED
        return "device" if given is None else "settings"

    def having(self, learned: Mapping[str, int]) -> Shaped:
        """Return the same with what was measured, bit/s by way; 0 is not yet known."""
        rates = {
            way: int(learned.get(way, 0) * TRUSTED_SHARE) if way in self.measured else given
            for way, given in zip(WAYS, (self.egress_bps, self.ingress_bps), strict=True)
        }
        return replace(self, egress_bps=rates["egress"], ingress_bps=rates["ingress"])

    def target(self, speed_bps: int) -> Target:
        """Return what to plan for. speed_bps: as the device says, 0: it does not."""
        rates = []
        for given in (self.egress_bps, self.ingress_bps):
            if given is None and not speed_bps:
                raise BadRule(
                    f"qos.interface {self.name}: the device does not tell its speed: "
                    "give egress_mbps and ingress_mbps"
                )
            rates.append(int(speed_bps * TRUSTED_SHARE) if given is None else given)
        return Target(self.name, rates[0], rates[1], self.shaper, self.strict, self.layer)


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole section."""

    mode: str
    profile: str
    marking: str
    wash: bool
    when_dead: str
    adopt: bool
    interfaces: tuple[Shaped, ...]
    rules: tuple[Rule, ...]
    matches: tuple[Match, ...] = ()

    @property
    def capacity_bps(self) -> int:
        """Return the first link's capacity to the outside; 0: not known."""
        return next((one.egress_bps for one in self.interfaces if one.egress_bps), 0)

    def having(self, learned: Mapping[str, Mapping[str, int]]) -> Settings:
        """Return the same with what was measured, bit/s by device and way."""
        found = tuple(one.having(learned.get(one.name, {})) for one in self.interfaces)
        return replace(self, interfaces=found)

    def marks(self) -> tuple[int, ...]:
        """Return the code point of every class, in the order of CLASS_NAMES."""
        overrides = {
            rule.traffic_type: rule.dscp
            for rule in self.rules
            if rule.enabled and rule.dscp is not None
        }
        return marks(self.profile, overrides)


def parse(section: Mapping[str, Any]) -> Settings:
    """Return the settings of a [qos] section. Raises BadRule with one line."""
    plain = {
        key: value
        for key, value in section.items()
        if key not in ("interface", "rule", "match")
    }
    values = _checked("qos", plain, _KEYS)
    choices = {
        "mode": MODES,
        "profile": tuple(PROFILES),
        "marking": MARKINGS,
        "when_dead": WHEN_DEAD,
    }
    for key, allowed in choices.items():
        _one_of("qos", key, values[key], allowed)
    interfaces = tuple(_interface(one) for one in _tables(section, "interface"))
    names = [one.name for one in interfaces]
    for name in names:
        if names.count(name) > 1:
            raise BadRule(f"qos.interface {name}: there are two: a device has one")
    return Settings(
        **values,
        interfaces=interfaces,
        rules=parse_all(_tables(section, "rule")),
        matches=matches.parse_all(_tables(section, "match")),
    )


def example() -> str:
    """Return the section as TOML with every key, its default and what it means."""
    lines = ["[qos]"]
    lines += [_line(key, *row) for key, row in _KEYS.items()]
    lines += ["", "# One for each device that is shaped.", "# [[qos.interface]]"]
    lines += ["# " + _line(key, *row) for key, row in _INTERFACE_KEYS.items()]
    lines += [
        "",
        "# One for each class that gets other than its default share.",
        "# [[qos.rule]]",
    ]
    for key, value in Rule("video", 5.0, 50.0, 2, 34).as_json().items():
        lines.append(f"# {key} = {_toml(value)}")
    lines += [
        "",
        "# One for flows whose class is not as their ports say; the first that fits wins.",
        "# [[qos.match]]",
    ]
    shown = {"name": "phones", "traffic_type": "voice", "source": "192.168.7.0/24"}
    for key, (default, text) in matches.KEYS.items():
        lines.append("# " + _line(key, shown.get(key, default), text))
    return "\n".join(lines) + "\n"


def _interface(fields: Mapping[str, Any]) -> Shaped:
    where = f"qos.interface {fields.get('name', '')}".rstrip()
    rates = {
        key: fields.get(key, _INTERFACE_KEYS[key][0])
        for key in ("egress_mbps", "ingress_mbps")
    }
    words = {key: value for key, value in rates.items() if value in (AUTO, MEASURED)}
    plain = {key: value for key, value in fields.items() if key not in words}
    values = _checked(where, plain, _INTERFACE_KEYS)
    if not values["name"]:
        raise BadRule("qos.interface: name is missing: give the device")
    _one_of(where, "shaper", values["shaper"], SHAPERS)
    for key in ("overhead", "mpu"):
        if not 0 <= values[key] <= 256:
            raise BadRule(f"{where}: {key} {values[key]} is outside 0-256 bytes")
    bps = {
        key: None if words.get(key) == AUTO else _bps(where, key, values[key])
        for key in ("egress_mbps", "ingress_mbps")
    }
    return Shaped(
        values["name"],
        bps["egress_mbps"],
        bps["ingress_mbps"],
        values["shaper"],
        values["strict"],
        Layer(values["overhead"], values["mpu"], values["atm"]),
        values["adaptive"],
        _bps(where, "floor_mbps", values["floor_mbps"]),
        frozenset(way for way in WAYS if words.get(f"{way}_mbps") == MEASURED),
    )


def _bps(where: str, key: str, megabits: float) -> int:
    if not math.isfinite(megabits) or not 0 <= megabits <= MAX_MEGABITS:
        raise BadRule(f"{where}: {key} {megabits:g} is outside 0-{MAX_MEGABITS:g} Mbit/s")
    return round(megabits * 1_000_000)


def _tables(section: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = section.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise BadRule(f"qos.{key}: write [[qos.{key}]]: there may be several")
    return rows


def _checked(
    where: str, fields: Mapping[str, Any], known: Mapping[str, tuple[Any, str]]
) -> dict[str, Any]:
    values = {key: default for key, (default, _) in known.items()}
    for key, value in fields.items():
        if key not in known:
            raise BadRule(f"{where}: key {key!r} is unknown: keys are {', '.join(known)}")
        kind = type(known[key][0])
        given = float(value) if kind is float and type(value) is int else value
        if type(given) is not kind:
            raise BadRule(f"{where}: {key} must be {_NOUNS[kind]}, not {value!r}")
        values[key] = given
    return values


_NOUNS: Final[Mapping[type, str]] = {
    str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number",
}  # fmt: skip


def _one_of(where: str, key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadRule(f"{where}: {key} {value!r} is not one of {', '.join(allowed)}")


def _line(key: str, default: Any, text: str) -> str:
    return f"{key} = {_toml(default)}  # {text}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(list(value)) if isinstance(value, list | tuple) else str(value)
