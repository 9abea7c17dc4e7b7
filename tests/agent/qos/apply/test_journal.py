from __future__ import annotations

import json
import multiprocessing
import threading

import pytest
from hypothesis import given

from agent.qos.apply.journal import Damaged, Entry, Journal
from agent.qos.diff import diff
from agent.qos.model import state
from agent.qos.tree import Link
from tests.agent.qos.trees import pairs

OLD, NEW = state([Link("wan")]), state([Link("wan"), Link("wi-wan", "ifb")])


def test_a_change_is_kept_until_it_is_closed(tmp_path):
    journal = Journal(tmp_path / "qos")
    assert journal.entry() is None
    journal.open(OLD, NEW, diff(OLD, NEW))
    assert Journal(tmp_path / "qos").entry() == Entry(OLD, NEW)
    journal.await_confirmation(Entry(OLD, NEW), 5.0)
    assert journal.entry() == Entry(OLD, NEW, 5.0)
    journal.close()
    assert journal.entry() is None
    journal.close()


def test_the_file_tells_a_person_how_to_go_back(tmp_path):
    journal = Journal(tmp_path)
    journal.open(OLD, NEW, diff(OLD, NEW))
    fields = json.loads((tmp_path / "journal.json").read_text())
    assert fields["steps"][0]["new"]["device"] == "wi-wan"
    assert fields["inverse"][0]["old"]["device"] == "wi-wan"


def test_what_was_before_is_remembered_by_device(tmp_path):
    journal = Journal(tmp_path)
    assert journal.before() == {}
    journal.remember({"wan": (Link("wan", "", 1, 2),)})
    assert Journal(tmp_path).before() == {"wan": (Link("wan", "", 1, 2),)}
    journal.remember({})
    assert list(tmp_path.iterdir()) == []


@given(pairs())
def test_any_state_survives(tmp_path_factory, pair):
    journal = Journal(tmp_path_factory.mktemp("qos"))
    journal.open(*pair, [])
    assert journal.entry() == Entry(*pair)


def test_another_boot_is_another_machine(tmp_path):
    journal = Journal(tmp_path, boot="a")
    journal.open(OLD, NEW, [])
    journal.remember({"wan": ()})
    later = Journal(tmp_path, boot="b")
    assert later.entry() is None
    assert later.before() == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1}'])
def test_a_damaged_file_says_so_in_one_line(tmp_path, text):
    journal = Journal(tmp_path, boot="a")
    (tmp_path / "journal.json").write_text(text.replace("1}", '1, "boot": "a"}'))
    with pytest.raises(Damaged, match=r"journal.json: .*: delete it") as refused:
        journal.entry()
    assert "\n" not in str(refused.value)


def hold(directory, started, release):
    with Journal(directory).locked():
        started.set()
        release.wait(10)


def test_one_process_at_a_time(tmp_path):
    context = multiprocessing.get_context("fork")
    started, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, started, release))
    other.start()
    assert started.wait(10)
    threading.Timer(0.2, release.set).start()
    with Journal(tmp_path).locked():
        assert release.is_set()
    other.join()
