from __future__ import annotations

import pytest

from agent.ship.judge import Answer, Verdict, judge
from tests.agent.ship.support import parcel

SAID = {"status": "error", "error": "why"}
OK = {"status": "ok", "duplicate": False}


@pytest.mark.parametrize(
    ("answer", "verdict", "kind"),
    [
        (Answer(200, OK), Verdict.DELIVERED, "stored"),
        (Answer(200, {**OK, "duplicate": True}), Verdict.DELIVERED, "duplicate"),
        (Answer(200), Verdict.HOLD, "unexpected"),  # a captive portal
        (Answer(200, {"status": "error"}), Verdict.HOLD, "unexpected"),
        (Answer(0, error="refused"), Verdict.RETRY, "unreachable"),
        (Answer(429, SAID), Verdict.RETRY, "busy"),
        (Answer(503), Verdict.RETRY, "busy"),
        (Answer(408, SAID), Verdict.RETRY, "busy"),
        (Answer(500, SAID), Verdict.RETRY, "server"),
        (Answer(502), Verdict.RETRY, "server"),
        (Answer(401, SAID), Verdict.HOLD, "unauthorized"),
        (Answer(403, SAID), Verdict.HOLD, "forbidden"),
        (Answer(409, SAID), Verdict.HOLD, "version"),
        (Answer(301), Verdict.HOLD, "unexpected"),
        (Answer(404, SAID), Verdict.HOLD, "unexpected"),
        (Answer(400, SAID), Verdict.POISON, "poison"),
        (Answer(413, SAID), Verdict.POISON, "poison"),
        (Answer(400), Verdict.HOLD, "unexpected"),  # a proxy on the way
        (Answer(413), Verdict.HOLD, "unexpected"),
    ],
)
def test_answers(answer, verdict, kind):
    found = judge(answer, parcel(1), "edge-001", 1)
    assert (found.verdict, found.kind) == (verdict, kind)
    assert (found.reason == "") == (verdict is Verdict.DELIVERED)
    assert "\n" not in found.reason


@pytest.mark.parametrize(
    ("status", "fields", "verdict"),
    [
        (403, {"agent": "its-old-name"}, Verdict.POISON),
        (409, {"version": 2}, Verdict.POISON),
        (401, {"agent": "its-old-name"}, Verdict.HOLD),
        (403, {"version": 2}, Verdict.HOLD),
    ],
)
def test_a_batch_of_an_earlier_name_or_program_does_not_block(status, fields, verdict):
    found = judge(Answer(status, SAID), parcel(1, **fields), "edge-001", 1)
    assert found.verdict is verdict


def test_the_reason_of_a_collector_is_cut_to_a_line():
    reason = judge(Answer(400, {"error": "x" * 5000}), parcel(1), "edge-001", 1).reason
    assert len(reason) == 200
