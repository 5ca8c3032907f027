"""The registry of days on which strategies were first seen."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

from treefolio.errors import OutputError
from treefolio.indicators import SIGNATURES
from treefolio.strategy.text import parse
from treefolio.strategy.variables import bind
from treefolio.sweep.imports import FILE, decisions, first_seen

DAY, LATER = dt.date(2024, 5, 2), dt.date(2025, 1, 15)


TREE = "{group: In, of: [{if: 'rsi(A, 9) > $hot', then: A, else: B}]}"
TEXT = f"{{name: One, variables: {{hot: 70:80:5}}, tree: {TREE}}}"


def decided(text: str = TEXT, **values: int) -> str:
    return decisions(bind(parse(text, SIGNATURES), values, SIGNATURES))


@pytest.mark.parametrize(
    ("old", "new"),
    [("name: One", "name: Two, description: mine"), ("group: In", "group: Out"), ("70:80:5", "70:90:1")],
)
def test_names_and_values_to_try_are_no_edit(old: str, new: str):
    assert decided(TEXT.replace(old, new)) == decided()


@pytest.mark.parametrize(
    ("old", "new"), [("> $hot", "> 75"), ("then: A", "then: B"), ("name: One", "rebalance: weekly")]
)
def test_what_decides_is_an_edit(old: str, new: str):
    assert decided(TEXT.replace(old, new)) != decided()


def test_a_value_that_is_set_is_an_edit_unless_it_is_the_default():
    assert decided(hot=75) != decided() == decided(hot=70)


def test_the_first_day_stays(tmp_path: Path):
    home = tmp_path / "home"
    assert first_seen("aa", home, DAY) == DAY
    assert first_seen("aa", home, LATER) == DAY
    assert first_seen("bb", home, LATER) == LATER
    assert len((home / FILE).read_text(encoding="utf-8").splitlines()) == 2


def test_a_clock_that_was_wrong_does_not_put_it_into_the_future(tmp_path: Path):
    assert first_seen("aa", tmp_path, LATER) == LATER
    assert first_seen("aa", tmp_path, DAY) == DAY


def test_damaged_lines_are_passed_over_and_harm_no_other(tmp_path: Path):
    """A line torn by a crash keeps the next one on a line of its own."""
    whole = json.dumps({"strategy": "aa", "day": "2024-05-02"})
    torn = ['{"strategy": "bb", "da', '["bb"]', '{"strategy": "bb", "day": 3}', "\x00bb"]
    (tmp_path / FILE).write_text("\n".join([*torn, whole, '{"strategy": "bb"']), encoding="utf-8")
    assert first_seen("aa", tmp_path, LATER) == DAY
    assert first_seen("bb", tmp_path, LATER) == LATER
    assert first_seen("bb", tmp_path, dt.date(2025, 6, 1)) == LATER
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8").splitlines()[-1])["strategy"] == "bb"


def test_of_two_records_the_earlier_counts(tmp_path: Path):
    lines = [json.dumps({"strategy": "aa", "day": day.isoformat()}) for day in (LATER, DAY)]
    (tmp_path / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert first_seen("aa", tmp_path, LATER) == DAY


def test_many_processes_at_once_lose_no_line(tmp_path: Path):
    """Four write 50 strategies each, half of them the same ones."""
    code = (
        "import sys, datetime as dt; from pathlib import Path\n"
        "from treefolio.sweep.imports import first_seen\n"
        "for k in range(50): first_seen(f'{k % 25:02d}x{sys.argv[2] if k < 25 else 0}', Path(sys.argv[1]),"
        " dt.date(2024, 5, 2))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(n)]) for n in range(1, 5)]
    assert [process.wait() for process in started] == [0] * 4
    records = [json.loads(line) for line in (tmp_path / FILE).read_text(encoding="utf-8").splitlines()]
    assert {record["strategy"] for record in records} == {f"{k:02d}x{n}" for k in range(25) for n in range(5)}


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError):
        first_seen("aa", tmp_path / "file" / "home", DAY)
