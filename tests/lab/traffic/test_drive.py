from __future__ import annotations

import asyncio

import aiohttp
import pytest

from lab.traffic import drive as driving
from lab.traffic.drive import Kind, drive
from lab.traffic.services import CLASSES, Place
from lab.traffic.streams import Visit
from lab.traffic.tally import Tally

FOUR, SIX = Place(("10.0.0.1",)), Place(("fd00::1",))
Seen = list[tuple[str, float, float]]


async def sessions(monkeypatch: pytest.MonkeyPatch, seed: int) -> dict[str, Seen]:
    """Drive two kinds of session that only note what they are asked for."""
    seen: dict[str, Seen] = {"one": [], "two": []}
    stop = asyncio.Event()

    def kind(name: str, share: float) -> Kind:
        async def hold(visit: Visit) -> None:
            seen[name].append(
                (visit.place.addresses[0], visit.chance.random(), visit.rate_bps)
            )
            if all(len(noted) >= 20 for noted in seen.values()):
                stop.set()
            await asyncio.sleep(0)

        return Kind(name, "web", share, hold)

    monkeypatch.setattr(driving, "KINDS", (kind("one", 0.5), kind("two", 0.0)))
    await asyncio.wait_for(drive([FOUR, SIX], CLASSES, 1e7, seed, stop, Tally()), 5)
    return {name: noted[:20] for name, noted in seen.items()}


async def test_the_same_seed_asks_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = await sessions(monkeypatch, 5)
    assert await sessions(monkeypatch, 5) == first
    other = await sessions(monkeypatch, 6)
    assert [chance for _, chance, _ in other["one"]] != [c for _, c, _ in first["one"]]


async def test_families_take_turns_and_rates_are_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for noted in (await sessions(monkeypatch, 1)).values():
        addresses = [address for address, _, _ in noted]
        assert set(addresses[:2]) == {"10.0.0.1", "fd00::1"}
        assert addresses[::2] == [addresses[0]] * 10
    told = await sessions(monkeypatch, 1)
    assert told["one"][0][2] == 5e6
    assert told["two"][0][2] == driving.VOICE_BPS


@pytest.mark.parametrize(
    "trouble",
    [
        OSError("no route"),
        TimeoutError(),
        aiohttp.ClientError(),
        ExceptionGroup("page", [aiohttp.ClientError(), OSError()]),
    ],
)
async def test_what_the_network_does_is_counted(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    stop = asyncio.Event()
    tally = Tally()

    async def hold(visit: Visit) -> None:
        stop.set()
        raise trouble

    monkeypatch.setattr(driving, "KINDS", (Kind("x", "web", 1.0, hold),))
    await asyncio.wait_for(drive([FOUR], CLASSES, 1e6, 1, stop, tally), 5)
    assert (tally["web"].sessions, tally["web"].errors) == (1, 1)


@pytest.mark.parametrize("mistake", [TypeError(), ExceptionGroup("page", [TypeError()])])
async def test_our_own_mistakes_are_not(
    monkeypatch: pytest.MonkeyPatch, mistake: Exception
) -> None:
    async def hold(visit: Visit) -> None:
        raise mistake

    monkeypatch.setattr(driving, "KINDS", (Kind("x", "web", 1.0, hold),))
    with pytest.raises(ExceptionGroup) as caught:
        await drive([FOUR], CLASSES, 1e6, 1, asyncio.Event(), Tally())
    assert caught.value.split(TypeError)[1] is None


async def test_only_the_classes_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = asyncio.Event()
    tally = Tally()

    async def hold(visit: Visit) -> None:
        if sum(count.sessions for count in tally.counts.values()) == 2:
            stop.set()
        await asyncio.sleep(1)

    kinds = tuple(Kind(name, name, 0.1, hold) for name in CLASSES)
    monkeypatch.setattr(driving, "KINDS", kinds)
    await drive([FOUR], ("voice", "file"), 1e6, 1, stop, tally)
    assert {name for name in CLASSES if tally[name].sessions} == {"voice", "file"}
