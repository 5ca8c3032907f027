"""Hold-out: nothing behind the end is seen, until it is revealed, and that is recorded."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sweep_cases import QUESTION, STRATEGY, day, market, planned
from treefolio.engine.question import Question
from treefolio.errors import OutputError, PriceError, UsageError
from treefolio.market.panel import Panel
from treefolio.market.supply import Supplied
from treefolio.sweep.holdout import HeldOut, hold_out
from treefolio.sweep.lengths import Length, parse_length
from treefolio.sweep.output import write_run
from treefolio.sweep.reveal import RECORD, Sealed, choose, looks, read_sealed, record, reveal
from treefolio.sweep.single import run
from treefolio.sweep.walkforward.files import write_walk
from treefolio.sweep.walkforward.folds import Rolling
from treefolio.sweep.walkforward.plan import plan_walk
from treefolio.sweep.walkforward.result import HEADLINE

NOW = dt.datetime(2026, 3, 2, 15, 30, tzinfo=dt.UTC)
ROLLING = Rolling(train=Length(sessions=60), test=Length(sessions=25), step=Length(sessions=25))
SESSIONS = 40


def held(panel: Panel | None = None) -> HeldOut:
    asked = QUESTION if panel is None else replace(QUESTION, panel=panel)
    return hold_out(asked, Length(sessions=SESSIONS))


def disturbed(first: int, factor: float) -> Panel:
    """The market with other prices from a session on."""
    panel = QUESTION.panel
    factors = np.ones(len(panel.sessions))
    factors[first:] = np.linspace(1.1, factor, len(factors) - first)
    return replace(panel, fields={name: x * factors[:, None] for name, x in panel.fields.items()})


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk") / "out"
    write_walk(plan_walk(planned(question=held()), ROLLING).run(), folder)
    return folder


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "out"
    planned(question=held()).run(folder)
    return folder


@pytest.fixture(params=["walked", "swept"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    (found / RECORD).unlink(missing_ok=True)
    return found


# ---- what is held out


@pytest.mark.parametrize(
    ("length", "end"), [("40d", 159), ("1d", 198), ("1m", None), ("3m", None), ("2w", None)]
)
def test_the_end_is_the_last_session_before_what_is_held_out(length: str, end: int | None) -> None:
    """Sessions are counted; months and weeks go back from the last session."""
    panel = QUESTION.panel
    found = hold_out(QUESTION, parse_length(length, "--holdout"))
    if end is None:
        back = {"1m": (1, 0), "3m": (3, 0), "2w": (0, 14)}[length]
        last = panel.sessions[-1].item()
        assert isinstance(last, dt.date)
        month = last.month - back[0]
        day_before = dt.date(last.year + (month - 1) // 12, (month - 1) % 12 + 1, last.day)
        limit = np.datetime64(day_before - dt.timedelta(days=back[1]))
        end = int((panel.sessions <= limit).sum()) - 1
    assert found.end == day(panel, end)
    assert (found.holdout.first, found.holdout.last) == (day(panel, end + 1), day(panel, 199))
    assert found.holdout.sessions == 199 - end
    assert f"the end is {found.end}" in found.note


def test_an_end_that_was_asked_for_comes_first() -> None:
    """What is held out ends there."""
    asked = replace(QUESTION, end=day(QUESTION.panel, 150))
    assert hold_out(asked, Length(sessions=10)).end == day(QUESTION.panel, 140)


@pytest.mark.parametrize("length", ["2y", "199d", "100000d"])
def test_holding_out_everything_is_refused(length: str) -> None:
    """With how many sessions there are."""
    with pytest.raises(UsageError, match="leaves nothing of 200 sessions"):
        hold_out(QUESTION, parse_length(length, "--holdout"))


def test_holding_out_nothing_is_refused() -> None:
    """It would look like caution."""
    with pytest.raises(UsageError, match="holds no session"):
        hold_out(QUESTION, Length())


def test_prices_that_are_held_out_change_no_byte(tmp_path: Path) -> None:
    """Of any file but stats.json, but for the hash of all prices; the manifest says what was held out."""
    found = []
    for name, panel in (("a", QUESTION.panel), ("b", disturbed(160, 3.0)), ("c", disturbed(159, 3.0))):
        write_walk(plan_walk(planned(question=held(panel)), ROLLING).run(), tmp_path / name)
        files = sorted((tmp_path / name).iterdir())
        found.append({path.name: path.read_bytes() for path in files if path.name != "stats.json"})
        manifest = json.loads(found[-1]["manifest.json"])
        assert manifest["holdout"].pop("snapshot") == panel.content_hash
        found[-1]["manifest.json"] = json.dumps(manifest).encode()
    assert found[0] == found[1]
    assert found[0] != found[2]  # the last session that counts
    assert manifest["end"] == str(day(QUESTION.panel, 159))
    assert manifest["holdout"] == {
        "length": "40d",
        "first": str(day(QUESTION.panel, 160)),
        "last": str(day(QUESTION.panel, 199)),
        "sessions": 40,
    }


# ---- what is revealed


def test_a_reveal_is_a_run_over_all_of_the_data(folder: Path) -> None:
    """Its sessions behind the end are held out; those before it are the row's own numbers."""
    sealed = read_sealed(folder)
    choice = choose(sealed)
    seen = reveal(sealed, choice, QUESTION.panel, "B")
    whole = run(STRATEGY, replace(QUESTION, start=sealed.start), choice.assignment)
    behind = whole.run.returns[-SESSIONS:]
    assert (seen.sessions, seen.first) == (SESSIONS, str(day(QUESTION.panel, 160)))
    assert seen.held_out["cumulative_return"] == pytest.approx(np.prod(1 + behind) - 1)
    assert seen.held_out["sharpe"] == pytest.approx(behind.mean() / behind.std(ddof=1) * 252**0.5)
    before = run(STRATEGY, replace(held(), start=sealed.start), choice.assignment)
    assert seen.in_sample == {key: before.metrics[key] for key in seen.in_sample}
    assert set(seen.in_sample) == set(HEADLINE)
    price = QUESTION.panel.column("B")
    assert seen.benchmark == pytest.approx(price[199] / price[159] - 1)
    assert seen.notes == ()


def test_a_run_is_revealed_too(tmp_path: Path) -> None:
    """It has one row, and no other can be chosen."""
    result = run(STRATEGY, replace(held(), start=day(QUESTION.panel, 30)), {"hot": 45})
    write_run(result, "<p>", tmp_path / "out", Supplied(panel=QUESTION.panel))
    sealed = read_sealed(tmp_path / "out")
    choice = choose(sealed)
    assert choice.assignment == {"window": 3, "hot": 45, "fund": "A"}
    seen = reveal(sealed, choice, QUESTION.panel, "B")
    assert seen.in_sample["sharpe"] == result.metrics["sharpe"]
    with pytest.raises(UsageError, match="holds one run"):
        choose(sealed, by="calmar")


def test_the_row_of_a_sweep_is_its_best_or_the_one_that_is_named(swept: Path) -> None:
    """By any metric's better end; values are those of the space, not of the file."""
    sealed = read_sealed(swept)
    rows = planned(question=held()).run().rows.collect()
    best = rows["sharpe"].arg_max()
    assert choose(sealed).row == best
    assert choose(sealed, by="max_drawdown").row == rows["max_drawdown"].arg_min()
    chosen = choose(sealed, row=123)
    assert chosen.assignment == planned().space.assignment(123)
    assert chosen.why == "row 123"
    for wrong in (-1, 400):
        with pytest.raises(UsageError, match=f"there is no row {wrong}"):
            choose(sealed, row=wrong)
    with pytest.raises(UsageError, match="exclude each other"):
        choose(sealed, row=1, by="sharpe")


def test_the_row_of_a_walk_forward_is_what_it_would_trade_next(walked: Path) -> None:
    """Or another of its winners; it knows no other rows."""
    sealed = read_sealed(walked)
    said = json.loads((walked / "walkforward.json").read_text())
    assert choose(sealed).row == said["current"]["row"]
    winner = said["folds"][0]["winner"]
    assert choose(sealed, row=winner["row"]).assignment == winner["assignment"]
    with pytest.raises(UsageError, match="row 5000 won no fold") as caught:
        choose(sealed, row=5_000)
    assert str(winner["row"]) in str(caught.value.hint)
    with pytest.raises(UsageError, match="chosen by its own metric already"):
        choose(sealed, by="calmar")


def test_looks_are_recorded_and_counted(folder: Path) -> None:
    """Each with its time, row and what was seen; the next one knows of those before."""
    sealed = read_sealed(folder)
    for count in range(3):
        seen = reveal(sealed, choose(sealed), QUESTION.panel, "B")
        assert len(seen.before) == count
        entry = record(sealed, seen, NOW)
        assert entry["look"] == count + 1
    found = looks(folder)
    assert len(found) == 3
    assert found[0] | {"look": 3} == found[2]
    assert found[0]["at"] == "2026-03-02T15:30:00+00:00"
    assert found[0]["row"] == choose(sealed).row
    assert found[0]["held_out"] == dict(seen.held_out)
    assert found[0]["snapshot"] == QUESTION.panel.content_hash


def test_other_prices_are_refused(folder: Path) -> None:
    """Up to the end they must be the same, to the bit; behind it they are what they are."""
    sealed = read_sealed(folder)
    choice = choose(sealed)
    for panel in (disturbed(150, 1.01), market(tickers=("A", "B", "C")), market(seed=6)):
        with pytest.raises(PriceError, match="these are not the prices"):
            reveal(sealed, choice, panel, "B")
    other = reveal(sealed, choice, disturbed(160, 3.0), "B")
    same = reveal(sealed, choice, QUESTION.panel, "B")
    assert other.in_sample == same.in_sample
    assert other.held_out != same.held_out
    assert same.notes == ()
    assert [note[:27] for note in other.notes] == (
        ["the prices behind the end a"] if "holdout" in sealed.manifest else []
    )


def test_prices_that_end_where_the_result_ends_have_nothing_to_reveal(tmp_path: Path) -> None:
    """Nothing was held out of them."""
    write_walk(plan_walk(planned(), ROLLING).run(), tmp_path / "out")
    sealed = read_sealed(tmp_path / "out")
    with pytest.raises(PriceError, match="nothing was held out"):
        reveal(sealed, choose(sealed), QUESTION.panel, "B")


def test_an_end_that_was_cut_by_hand_can_be_revealed(tmp_path: Path) -> None:
    """``--end`` keeps out what follows as well."""
    asked: Question = replace(QUESTION, end=day(QUESTION.panel, 150))
    write_walk(plan_walk(planned(question=asked), ROLLING).run(), tmp_path / "out")
    sealed = read_sealed(tmp_path / "out")
    assert reveal(sealed, choose(sealed), QUESTION.panel, "B").sessions == 49


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("manifest.json", "{", "is damaged, or of another version"),
        ("manifest.json", "[]", "is damaged, or of another version"),
        ("manifest.json", "{}", "is damaged, or of another version"),
        ("walkforward.json", "{}", "is damaged"),
        ("walkforward.json", "nonsense", "is damaged"),
        (RECORD, "{}\nnonsense\n", "is damaged"),
        (RECORD, "[1]\n", "is damaged"),
    ],
)
def test_damaged_files_are_said(walked: Path, tmp_path: Path, name: str, text: str, said: str) -> None:
    """By their name, with what to do."""
    for path in walked.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text(text)
    with pytest.raises(OutputError, match=said) as caught:
        _look(read_sealed(tmp_path))
    assert name in caught.value.message
    assert caught.value.hint


def _look(sealed: Sealed) -> None:
    reveal(sealed, choose(sealed), QUESTION.panel, "B")


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    """With what to give instead."""
    with pytest.raises(OutputError, match="holds no result"):
        read_sealed(tmp_path)
