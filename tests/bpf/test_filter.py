"""The capture filter in the kernel, against what its text means."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, reject, settings, strategies as st

from agent.capture import layout
from agent.capture.filter import compiled
from agent.capture.syntax import BadFilter
from tests.agent.capture.filters import Written, written
from tests.bpf.engine import HOOKS, Engine, context_for
from tests.support import frames as build
from tests.support.mix import mixed

pytestmark = pytest.mark.root

MIX = [built for built in mixed(12, 300, flows=60, broken=False) if len(built[0]) < 3000]
FLOWS = [built for built in MIX if built[1].outcome == "flow"]
KNOWN = sorted({end for _, told in FLOWS for end in (told.source, told.destination)})


def outcomes(engine: Engine, program: str, text: str) -> list[bool]:
    """Which frames became flows; every other must have been counted as filtered."""
    engine.kernel.set_filter(compiled(text))
    engine.watch(layout.INTERFACE_FILTER)
    taken = []
    for frame, told in FLOWS:
        seen = engine.see(program, frame, context_for(program, frame))
        volume = (1, 1, told.wire_bytes)
        taken.append(seen.flow is not None)
        wanted = {"seen": volume} | ({} if taken[-1] else {"filtered": volume})
        assert seen.outcomes == wanted
    engine.watch()
    return taken


@settings(max_examples=25)
@given(data=st.data())
def test_the_kernel_means_what_the_text_means(loaded: Engine, data: st.DataObject) -> None:
    filter_: Written = data.draw(written(KNOWN).filter(lambda f: len(f.text) <= 1024))
    program = data.draw(st.sampled_from(sorted(HOOKS)))
    try:
        found = outcomes(loaded, program, filter_.text)
    except BadFilter:
        reject()  # more tests than there is room for
    assert found == [filter_.means(told) for _, told in FLOWS]


@pytest.mark.parametrize("program", HOOKS)
def test_as_many_tests_as_there_may_be(loaded: Engine, program: str) -> None:
    ports = random.Random(1).sample(range(1, 65536), 31)
    text = " or ".join(f"port {port}" for port in ports) + " or sctp"
    wanted = [
        told.protocol == 132
        or (told.fragment != "later" and told.protocol in (6, 17))
        and bool({told.source_port, told.destination_port} & set(ports))
        for _, told in FLOWS
    ]
    assert outcomes(loaded, program, text) == wanted


def test_frames_that_are_not_ip_are_not_filtered(loaded: Engine) -> None:
    loaded.kernel.set_filter(compiled("tcp"))
    loaded.watch(layout.INTERFACE_FILTER)
    frame, told = build.ethernet(build.arp("10.0.0.1", "10.0.0.2"), pad_to=60)
    seen = loaded.see("weir_ingress", frame)
    loaded.watch()
    volume = (1, 1, told.wire_bytes)
    assert seen.outcomes == {"seen": volume, "non_ip": volume}


def test_without_the_flag_no_filter_applies(loaded: Engine) -> None:
    loaded.kernel.set_filter(compiled("sctp and icmp"))
    loaded.watch()
    frame, _ = FLOWS[0]
    assert loaded.see("weir_ingress", frame).flow is not None
