"""What every test may rely on: honest marks, namespaces, property profiles, turns."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, settings

from tests.shared_data import REPOSITORY
from tests.support.namespaces import Namespace, World, world
from tests.support.turns import opened, turn

_NEEDED_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_ADMIN": 21}
_NEEDED_TOOLS = ("nsenter", "tcpdump")

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=500,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev")
)

# A shell starts background jobs deaf to SIGINT, and the daemons under test inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_SLOW = ("alone", "campaign", "browser", "root")
_TURNS = pytest.StashKey[IO[bytes]]()


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        config.stash[_TURNS] = opened(REPOSITORY / "build")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow modules first, so that no worker is left with one at the end."""

    def rank(item: pytest.Item) -> int:
        marks = {mark.name for mark in item.iter_markers()}
        return next((at for at, name in enumerate(_SLOW) if name in marks), len(_SLOW))

    ranks: dict[Path, int] = {}
    for item in items:
        ranks[item.path] = min(rank(item), ranks.get(item.path, len(_SLOW)))
    items.sort(key=lambda item: ranks[item.path])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for a turn before the clock of the test's own timeout starts."""
    file = item.config.stash.get(_TURNS, None)
    if file is None:
        return (yield)
    with turn(file, alone=item.get_closest_marker("alone") is not None):
        return (yield)


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _why_not_root() -> str:
    if os.geteuid() != 0:
        return "not root: run as root to let this test make network namespaces"
    held = _effective_capabilities()
    lacking = [name for name, bit in _NEEDED_CAPABILITIES.items() if not held >> bit & 1]
    if lacking:
        return f"root, but without {', '.join(lacking)}"
    absent = [tool for tool in _NEEDED_TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(absent)} (make setup installs it)" if absent else ""


def _why_not_bcc() -> str:
    try:
        import bcc  # noqa: F401
    except ImportError:
        return "python3-bpfcc cannot be imported (make setup installs it)"
    build = Path("/lib/modules") / os.uname().release / "build"
    return (
        "" if build.exists() else f"no kernel headers at {build} (make setup installs them)"
    )


@pytest.fixture(scope="session")
def reasons_to_skip() -> dict[str, str]:
    """Map a mark to why its tests cannot run here; empty: they can."""
    return {"root": _why_not_root(), "bcc": _why_not_bcc()}


@pytest.fixture(autouse=True)
def require_root(request: pytest.FixtureRequest, reasons_to_skip: dict[str, str]) -> None:
    """Skip a marked test that cannot run here; under WEIR_REQUIRE_ROOT=1 fail it."""
    for mark, reason in reasons_to_skip.items():
        if reason and request.node.get_closest_marker(mark):
            if os.environ.get("WEIR_REQUIRE_ROOT") == "1":
                pytest.fail(f"WEIR_REQUIRE_ROOT=1, but {reason}")
            pytest.skip(reason)


@pytest.fixture
def netns() -> Iterator[World]:
    """A world of namespaces, gone after the test. Mark such tests `root`."""
    with world() as made:
        yield made


@pytest.fixture
def quiet_pair(netns: World) -> tuple[Namespace, Namespace]:
    """left0 - right0 without IPv6 and ARP: only the test's own frames cross."""
    return netns.pair(quiet=True)
