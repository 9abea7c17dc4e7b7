"""The command line: statuses and one line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.__main__ import complain, main, parser


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    found = capsys.readouterr()
    return status, found.out, found.err


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(
        f'[agent]\ndata_dir = "{tmp_path}/data"\nruntime_dir = "{tmp_path}/run"\n'
        f'[capture]\ninterfaces = ["lo"]\npin_directory = "{tmp_path}/pins"\n'
    )
    return path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[agent]\nnosuch = 1\n", "nosuch: unknown key"),
        ("[agent]\nsync_interval = 0\n", "sync_interval"),
        ("[agent\n", ""),
        ("[capture]\ninterfaces = []\n", "no interface to watch"),
        ('[capture]\ninterfaces = ["lo"]\nfilter = "tcp port x"\n', "port x"),
        ('[capture]\ninterfaces = ["lo"]\n[qos]\nnosuch = 1\n', "nosuch"),
    ],
)
def test_settings_that_cannot_be_end_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
):
    path = tmp_path / "agent.toml"
    path.write_text(text)
    status, out, err = said(capsys, "check", "-c", str(path))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("weir-agent: ")
    assert reason in err


def test_a_file_that_is_not_there_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    status, _, err = said(capsys, "check", "-c", str(tmp_path / "none.toml"))
    assert (status, err.count("\n")) == (2, 1)
    assert "none.toml" in err


def test_a_flag_wins_over_the_file(settings: Path, capsys: pytest.CaptureFixture[str]):
    status, _, err = said(capsys, "check", "-c", str(settings), "--sync-interval", "x")
    assert status == 2
    assert "sync" in err


def test_an_interface_that_is_not_there_is_only_mentioned(
    settings: Path, capsys: pytest.CaptureFixture[str]
):
    status, out, err = said(capsys, "check", "-c", str(settings), "--interfaces", "none7")
    assert (status, out) == (0, "settings are good\n")
    assert "none7: no such interface now" in err


@pytest.mark.parametrize("command", ["status", "top"])
def test_looking_without_an_agent_ends_with_one(
    settings: Path, capsys: pytest.CaptureFixture[str], command: str
):
    status, out, err = said(capsys, command, "-c", str(settings))
    assert (status, out, err.count("\n")) == (1, "", 1)


def test_detaching_where_nothing_is_attached(
    settings: Path, capsys: pytest.CaptureFixture[str]
):
    status, out, _ = said(capsys, "detach", "-c", str(settings))
    assert (status, out) == (0, "nothing was attached\n")


@pytest.mark.parametrize(
    "arguments", [[], ["nosuch"], ["qos"], ["qos", "nosuch"], ["run", "--nosuch"],
                  ["top", "--every", "x"]],
)  # fmt: skip
def test_wrong_use_ends_with_two(arguments: list[str]):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]):
    for words in (["run"], ["check"], ["status"], ["top"], ["doctor"], ["detach"],
                  ["qos", "plan"], ["qos", "apply"], ["qos", "confirm"]):  # fmt: skip
        with pytest.raises(SystemExit) as end:
            parser().parse_args([*words, "--help"])
        assert end.value.code == 0
        assert "--config" in capsys.readouterr().out


def test_a_complaint_is_one_line_and_its_status(capsys: pytest.CaptureFixture[str]):
    assert complain("so it is", 3) == 3
    assert capsys.readouterr().err == "weir-agent: so it is\n"
