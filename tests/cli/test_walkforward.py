"""``treefolio walkforward``, ``--holdout`` and ``treefolio reveal``: what they print, write and refuse."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from cli_samples import PLAIN, STRATEGY, Called, Program, done, write_prices, write_strategy
from treefolio.cli import progress
from treefolio.sweep.many import Progress
from treefolio.sweep.walkforward import search

ROLL = ("--train", "9m", "--test", "3m")
TABLES = {f"{name}.{kind}" for name in ("folds", "oos") for kind in ("csv", "parquet")}
FILES = {"manifest.json", "walkforward.json", "stats.json", "report.html", *TABLES}


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a ledger of its own."""
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    return write_strategy(tmp_path)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return write_prices(tmp_path)


def said(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "walkforward.json").read_text())
    return found


def test_walkforward_writes_its_files_and_says_what_matters(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Folds, the stitched curve, efficiency, stability, and where the files are."""
    out = tmp_path / "walk"
    text = done(program("walkforward", strategy, "--prices", prices, *ROLL, "--out", out)).out
    assert {path.name for path in out.iterdir()} == FILES
    folds = pl.read_parquet(out / "folds.parquet")
    assert len(re.findall(r"^ +\d+ +\d{4}-\d\d-\d\d to \d{4}", text, re.MULTILINE)) == folds.height
    for words in (
        "Out of sample, stitched:",
        "Efficiency:",
        "  hot: ",
        "Best of the whole sample",
        "To trade",
    ):
        assert words in text
    assert str(out / "walkforward.json") in text
    curve = pl.read_parquet(out / "oos.parquet")
    assert curve["session"].min() == folds["test_first"].min()
    assert curve["session"].max() == folds["test_last"].max()
    assert f"stitched: {curve.height:,} sessions" in text


def test_flags_of_a_sweep_are_flags_of_a_walk_forward(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Handles, costs, dates, benchmarks; anchored, by another metric."""
    flags = [
        "--vary",
        "c1.window=5:9:2",
        "--slippage-bps",
        "5",
        "--start",
        "2015-03-02",
        "--benchmark",
        "none",
    ]
    flags += ["--anchored", "--by", "max_drawdown", "--step", "6m", "--threads", "1"]
    done(program("walkforward", strategy, "--prices", prices, *ROLL, *flags, "--out", tmp_path / "walk"))
    manifest = json.loads((tmp_path / "walk" / "manifest.json").read_text())
    assert manifest["walkforward"] == {
        "scheme": "walkforward",
        "train": "9m",
        "test": "3m",
        "step": "6m",
        "anchored": True,
        "by": "max_drawdown",
        "lowest": True,
    }
    assert (manifest["start"], manifest["benchmark"]) == ("2015-03-02", None)
    assert manifest["execution"]["costs"]["slippage_bps"] == 5
    assert said(tmp_path / "walk")["rows"] == 9
    assert "between tests" in str(said(tmp_path / "walk")["notes"])


def test_combinatorial_cross_validation_lists_its_paths(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """C(5, 2) splits, 4 paths, each through all sessions."""
    flags = ["--scheme", "cpcv", "--groups", "5", "--test-groups", "2", "--purge", "5d", "--embargo", "5d"]
    text = done(program("walkforward", strategy, "--prices", prices, *flags, "--out", tmp_path / "walk")).out
    assert len(re.findall(r"^Path \d: ", text, re.MULTILINE)) == 4
    found = said(tmp_path / "walk")
    assert found["scheme"] == {"scheme": "cpcv", "groups": 5, "test_groups": 2, "purge": 5, "embargo": 5}
    assert pl.read_parquet(tmp_path / "walk" / "folds.parquet").height == 10
    curve = pl.read_parquet(tmp_path / "walk" / "oos.parquet")
    assert curve.group_by("path").len()["len"].unique().len() == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "--train is not given"),
        (("--train", "9m"), "--test is not given"),
        ((*ROLL, "--step", "0d"), "--step '0d' is no time at all"),
        (("--train", "9q", "--test", "3m"), "--train '9q' is no length"),
        (("--train", "30y", "--test", "3m"), "no fold fits: training takes 30y"),
        ((*ROLL, "--by", "sharp"), "unknown metric 'sharp'"),
        ((*ROLL, "--by", "turnover"), "turnover cannot choose"),
        ((*ROLL, "--purge", "5d"), "--purge is of --scheme cpcv"),
        ((*ROLL, "--scheme", "cpcv"), "--train is of --scheme walkforward"),
        (("--scheme", "kfold"), "--scheme 'kfold' is unknown"),
        (("--scheme", "cpcv", "--groups", "1"), "there cannot be 1 groups"),
        (("--scheme", "cpcv", "--purge", "1m"), "--purge '1m' does not count sessions"),
        ((*ROLL, "--threads", "-1"), "--threads -1 is below 1"),
        ((*ROLL, "--holdout", "9y"), "--holdout 9y leaves nothing"),
        ((*ROLL, "--holdout", "soon"), "--holdout 'soon' is no length"),
    ],
)
def test_misuse_is_said_and_leaves_nothing(
    flags: tuple[str, ...], words: str, program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Status 2, what is wrong, and on the last line what to do."""
    called = program("walkforward", strategy, "--prices", prices, *flags, "--out", tmp_path / "walk")
    assert called.status == 2
    assert words in called.err
    assert called.err.rstrip().endswith((".", "?"))
    assert not (tmp_path / "walk").exists()


def test_folds_that_cannot_choose_are_a_failure_with_files(
    program: Program, prices: Path, tmp_path: Path
) -> None:
    """The metric is defined for no row: status 1, and the files say so."""
    text = "variables: {hot: [101, 102]}\ntree: {if: 'rsi(SPY, 5) > $hot', then: SPY, else: cash}\n"
    strategy = write_strategy(tmp_path, text, "cash.yaml")
    called = program("walkforward", strategy, "--prices", prices, *ROLL, "--out", tmp_path / "walk")
    assert called.status == 1
    assert "no fold could choose" in called.err
    assert "Efficiency: none, because no fold could choose" in called.out
    assert "nothing is chosen there" in called.out
    assert {path.name for path in (tmp_path / "walk").iterdir()} == FILES


def test_a_strategy_without_variables_has_nothing_to_choose(
    program: Program, prices: Path, tmp_path: Path
) -> None:
    """As a sweep of it has not."""
    strategy = write_strategy(tmp_path, PLAIN, "plain.yaml")
    called = program("walkforward", strategy, "--prices", prices, *ROLL, "--out", tmp_path / "walk")
    assert called.status == 2
    assert "nothing varies" in called.err


def test_ctrl_c_leaves_nothing(
    program: Program, strategy: Path, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal arrives after the first rows: status 130, how far it was, and no folder."""
    monkeypatch.setattr(search, "FIRST_RANGE", 1)
    monkeypatch.setattr(search, "LARGEST_RANGE", 1)

    @contextlib.contextmanager
    def bar(total: int) -> Iterator[Callable[[Progress], None]]:
        del total
        yield lambda at: os.kill(os.getpid(), signal.SIGINT) if at.done == 1 else None

    monkeypatch.setattr(progress, "bar", bar)
    flags = [*ROLL, "--threads", "1", "--out", tmp_path / "walk"]
    called = program("walkforward", strategy, "--prices", prices, *flags)
    assert called.status == 130
    assert re.search(r"stopped after [12] of 3 combinations", called.err)
    assert not list(tmp_path.glob("*walk*"))


def test_a_second_ctrl_c_does_not_wait() -> None:
    """The first sets the event; what was there before is put back at the end."""
    before = signal.getsignal(signal.SIGINT)
    with progress.stoppable(2) as (told, stop):
        told(Progress(done=0, total=2, rate=0.0))
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        told(Progress(done=1, total=2, rate=1.0))
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("done", [(), (0, 1, 2)])
def test_where_no_rows_are_computed_a_stop_does_not_wait(
    number: signal.Signals, done: tuple[int, ...]
) -> None:
    """Before the first and after the last nobody looks at the event."""
    with progress.stoppable(2) as (told, stop):
        for count in done:
            told(Progress(done=count, total=2, rate=1.0))
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert not stop.is_set()


def test_a_change_of_winner_without_its_costs_is_said(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Where trades cost something and there is a change; not where they are free."""
    words = "trades at no cost in the stitched curve"
    asked = ("walkforward", strategy, "--prices", prices, *ROLL, "--vary", "c1.window=2:20:2")
    free = done(program(*asked, "--out", tmp_path / "free"))
    paid = done(program(*asked, "--slippage-bps", "5", "--out", tmp_path / "paid"))
    assert len({fold["winner"]["row"] for fold in said(tmp_path / "paid")["folds"]}) > 1  # type: ignore[attr-defined]
    assert words not in free.out
    assert words in paid.out
    assert words in (tmp_path / "paid" / "report.html").read_text(encoding="utf-8")


# ---- hold-out


def hold(program: Program, name: str, strategy: Path, prices: Path, out: Path) -> Called:
    flags = {"walkforward": ROLL, "sweep": (), "run": ()}[name]
    return done(program(name, strategy, "--prices", prices, *flags, "--holdout", "6m", "--out", out))


@pytest.mark.parametrize("name", ["run", "sweep", "walkforward"])
def test_the_end_is_held_out_until_it_is_revealed(
    name: str, program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Of every kind of result; looking is recorded, and the second look knows of the first."""
    out = tmp_path / "out"
    text = hold(program, name, strategy, prices, out).out
    assert "Note: the last 6m are held out" in text
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["end"] == "2016-06-30"
    first = done(program("reveal", out, "--prices", prices)).out
    assert "Held out: 2016-07-01 to 2016-12-30, 127 sessions" in first
    assert "The benchmark SPY earned" in first
    assert "looked at" not in first
    second = done(program("reveal", out, "--prices", prices)).out
    assert "this end was looked at once before" in second
    third = json.loads(done(program("reveal", out, "--prices", prices, "--json")).out)
    assert (third["look"], third["sessions"]) == (3, 127)
    lines = (out / "reveals.jsonl").read_text().splitlines()
    assert [json.loads(line)["look"] for line in lines] == [1, 2, 3]
    assert json.loads(lines[2]) == third


def test_an_end_that_another_result_has_shown_is_no_longer_unseen(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Of the same strategy with other values, and where the ends overlap; it is said at the first look."""
    edited = write_strategy(tmp_path, STRATEGY.replace("default: 70", "default: 60"), "edited.yaml")
    other = write_strategy(tmp_path, PLAIN, "other.yaml")
    for name, path in (("one", strategy), ("two", edited), ("three", other)):
        hold(program, "run", path, prices, tmp_path / name)
    words = "other results of this strategy were looked at on some of these sessions, once"
    assert words not in done(program("reveal", tmp_path / "one", "--prices", prices)).out
    assert words not in done(program("reveal", tmp_path / "three", "--prices", prices)).out
    assert words in done(program("reveal", tmp_path / "two", "--prices", prices)).out
    assert words in done(program("reveal", tmp_path / "one", "--prices", prices)).out
    told = json.loads(done(program("reveal", tmp_path / "two", "--prices", prices, "--json")).out)
    assert (told["look"], told["looks_elsewhere"]) == (2, 2)


def test_a_home_that_cannot_be_written_hides_no_look(
    program: Program, strategy: Path, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded beside the result and shown; that others will not know of it is said."""
    hold(program, "run", strategy, prices, tmp_path / "out")
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    monkeypatch.setenv("TREEFOLIO_HOME", str(blocked))
    called = done(program("reveal", tmp_path / "out", "--prices", prices))
    assert "127 sessions" in called.out
    assert "will not know of this look" in called.err
    assert len((tmp_path / "out" / "reveals.jsonl").read_text().splitlines()) == 1


def test_the_held_out_numbers_are_those_of_a_run_from_the_end_on(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Trading is free, so the run that starts at the last close that was seen earns the same."""
    hold(program, "sweep", strategy, prices, tmp_path / "out")
    seen = json.loads(
        done(program("reveal", tmp_path / "out", "--prices", prices, "--row", "2", "--json")).out
    )
    flags = ["--set", "hot=80", "--start", "2016-06-30", "--out", tmp_path / "run"]
    done(program("run", strategy, "--prices", prices, *flags))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert seen["assignment"] == {"hot": 80}
    assert seen["held_out"] == {key: metrics[key] for key in seen["held_out"]}


def test_a_benchmark_with_gaps_that_was_left_out_is_no_obstacle(program: Program, tmp_path: Path) -> None:
    """Its prices are part of what the result saw, though it is no benchmark."""
    prices = write_prices(tmp_path)
    frame = pl.read_parquet(prices)
    hole = (pl.col("ticker") == "SPY") & (pl.col("date") == dt.date(2016, 3, 1))
    frame.filter(~hole).write_parquet(prices)
    text = "variables: {n: [5, 9]}\ntree: {if: 'rsi(TLT, $n) > 50', then: TLT, else: BIL}\n"
    plain = write_strategy(tmp_path, text, "plain.yaml")
    for ticker, out in (("SPY", tmp_path / "wished"), (None, tmp_path / "out")):
        flags = [] if ticker is None else ["--benchmark", ticker]
        called = program("sweep", plain, "--prices", prices, *flags, "--holdout", "6m", "--out", out)
        assert called.status == (1 if ticker else 0)
    done(program("reveal", tmp_path / "out", "--prices", prices))


def test_a_strategy_that_is_the_benchmark_must_be_given_again(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """And must be the same."""
    rival = write_strategy(tmp_path, PLAIN, "rival.yaml")
    other = write_strategy(tmp_path, "tree: TLT\n", "other.yaml")
    flags = ["--benchmark", rival, "--holdout", "6m", "--out", tmp_path / "out"]
    done(program("sweep", strategy, "--prices", prices, *flags))
    reveal = ("reveal", tmp_path / "out", "--prices", prices)
    assert "Give its file: --benchmark FILE" in program(*reveal).err
    assert "is not the result's benchmark" in program(*reveal, "--benchmark", other).err
    assert "earned" in done(program(*reveal, "--benchmark", rival)).out


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (("--row", "99"), 2, "there is no row 99"),
        (("--row", "1", "--by", "sharpe"), 2, "exclude each other"),
        (("--by", "sharp"), 2, "unknown column 'sharp'"),
        (("--synthetic",), 2, "exclude each other"),
    ],
)
def test_reveals_that_have_no_meaning_are_refused(
    flags: tuple[str, ...],
    status: int,
    words: str,
    program: Program,
    strategy: Path,
    prices: Path,
    tmp_path: Path,
) -> None:
    """Nothing is looked at, so nothing is recorded."""
    hold(program, "sweep", strategy, prices, tmp_path / "out")
    called = program("reveal", tmp_path / "out", "--prices", prices, *flags)
    assert (called.status, words in called.err) == (status, True)
    assert not (tmp_path / "out" / "reveals.jsonl").exists()


def test_other_prices_reveal_nothing(program: Program, strategy: Path, prices: Path, tmp_path: Path) -> None:
    """They must be the same up to the end, and go further."""
    hold(program, "sweep", strategy, prices, tmp_path / "out")
    frame = pl.read_parquet(prices)
    frame.with_columns(close=pl.col("close") * 1.01).write_parquet(tmp_path / "changed.parquet")
    frame.filter(pl.col("date") <= dt.date(2016, 6, 30)).write_parquet(tmp_path / "cut.parquet")
    for name, words in (("changed", "these are not the prices"), ("cut", "nothing was held out")):
        called = program("reveal", tmp_path / "out", "--prices", tmp_path / f"{name}.parquet")
        assert called.status == 1
        assert words in called.err
    assert program("reveal", tmp_path, "--prices", prices).status == 1
