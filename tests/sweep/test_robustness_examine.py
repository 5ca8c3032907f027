"""All questions at once: what is asked for, what cannot be answered, and files that stay the same."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from robustness_cases import PLANTED, planted, ran

from sweep_cases import market
from treefolio.engine.question import Question
from treefolio.errors import OutputError, UsageError
from treefolio.sweep.robustness import PARTS, Robustness, Wish, examine
from treefolio.sweep.robustness.output import write_robustness

STABLE = ("manifest.json", "robustness.json", "literals.parquet", "literals.csv", "report.html")


@pytest.fixture(scope="module")
def found() -> Robustness:
    strategy, result = ran(PLANTED, Question(panel=planted()))
    return examine(result, strategy, Wish(draws=60, steps=2))


def test_every_question_is_answered(found: Robustness):
    """Each took some time, none has a reason why not."""
    assert all(getattr(found, part) is not None for part in PARTS)
    assert dict(found.reasons) == {}
    assert set(found.seconds) == set(PARTS)


def test_only_what_is_asked_for():
    """In the order of the parts, whatever the order of asking."""
    strategy, result = ran(PLANTED, Question(panel=planted(sessions=300)))
    told: list[str] = []
    found = examine(result, strategy, Wish(parts=("timing", "starts")), began=told.append)
    assert told == ["starts", "timing"]
    assert [part for part in PARTS if getattr(found, part) is not None] == ["starts", "timing"]


def test_what_cannot_be_answered_stops_nothing():
    """A run of 60 sessions has no starts, and the rest is there."""
    question = Question(panel=market(60), benchmark=None)
    strategy, result = ran("tree: {if: 'rsi(C, 7) > 55', then: A, else: B}", question)
    found = examine(result, strategy, Wish(draws=20, steps=1))
    assert list(found.reasons) == ["starts"]
    assert found.starts is None
    assert found.monte_carlo is not None
    assert found.random_picks is not None


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({"steps": 0}, "steps 0"),
        ({"steps": 101}, "steps 101"),
        ({"draws": 0}, "draws 0"),
        ({"seed": -1}, "seed -1"),
        ({"parts": ()}, "no part"),
        ({"parts": ("cost",)}, "'cost'"),
    ],
)
def test_what_makes_no_sense_is_refused(wish: dict[str, object], word: str):
    """Before anything is computed, with a remedy."""
    with pytest.raises(UsageError, match=word) as raised:
        Wish(**wish)  # type: ignore[arg-type]
    assert raised.value.hint


def test_a_part_is_offered():
    """For one that is misspelt."""
    with pytest.raises(UsageError) as raised:
        Wish(parts=("literal",))
    assert raised.value.hint == "Did you mean literals?"


def test_the_same_question_gives_the_same_bytes(found: Robustness, tmp_path: Path):
    """Of everything but the seconds; a folder that holds something is left alone."""
    strategy, result = ran(PLANTED, Question(panel=planted()))
    again = examine(result, strategy, Wish(draws=60, steps=2, threads=1))
    for name, each in (("one", found), ("two", again)):
        write_robustness(each, "<p>page</p>", tmp_path / name)
    for name in STABLE:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    with pytest.raises(OutputError):
        write_robustness(found, "", tmp_path / "one")


def test_the_json_says_what_was_found(found: Robustness, tmp_path: Path):
    """Undefined numbers are null, so it is JSON."""
    write_robustness(found, "", tmp_path / "out")
    said = json.loads((tmp_path / "out" / "robustness.json").read_text(encoding="utf-8"))
    assert set(PARTS) < set(said)
    assert said["literals"]["cliffs"] == ["c1.threshold"]
    assert [each["handle"] for each in said["literals"]["dead"]] == ["c2.threshold"]
    assert said["random_picks"]["draws"] == said["monte_carlo"]["draws"] == 60
    assert len(said["monte_carlo"]["bands"]["session"]) == 120
    assert said["costs"]["levels"][0]["metrics"]["cagr"] == said["metrics"]["cagr"]
    rows = pl.read_parquet(tmp_path / "out" / "literals.parquet")
    assert rows.height == 8
    made = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert made["robustness"] == {"steps": 2, "draws": 60, "seed": 0, "parts": sorted(PARTS)}
