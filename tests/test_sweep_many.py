"""A sweep from end to end: the same bytes however it is cut, stopped and resumed; failures stay rows."""

from __future__ import annotations

import datetime as dt
import errno
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sweep_cases import QUESTION, STRATEGY, day, market, parsed, planned, without
from treefolio.engine.execution import Costs, Execution
from treefolio.errors import OutputError, SpaceError, StrategyError, WindowError
from treefolio.metrics import METRICS
from treefolio.sweep import many
from treefolio.sweep.many import Planned, Progress, Stopped, gaps
from treefolio.sweep.rows import scan
from treefolio.sweep.single import run
from treefolio.sweep.space import Value

STABLE = ("manifest.json", "rows.parquet", "summary.json")


def contents(folder: Path) -> dict[str, bytes]:
    """The files whose bytes may depend on nothing but the manifest."""
    return {name: (folder / name).read_bytes() for name in STABLE}


def stop_after(event: threading.Event, reports: int) -> Callable[[Progress], None]:
    """A progress callback that sets the event at its n-th report."""
    count = iter(range(reports - 1, -1, -1))

    def report(_: Progress) -> None:
        if next(count, 1) == 0:
            event.set()

    return report


@pytest.fixture(scope="module")
def sweep() -> Planned:
    return planned()


@pytest.fixture(scope="module")
def expected(sweep: Planned, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one thread writes without interruption."""
    folder = tmp_path_factory.mktemp("sweep") / "out"
    sweep.run(folder)
    return contents(folder)


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of 30 rows: 14 parts."""
    monkeypatch.setattr(many, "FIRST_RANGE", 30)
    monkeypatch.setattr(many, "LARGEST_RANGE", 30)


def test_the_folder_of_a_sweep(sweep: Planned, tmp_path: Path) -> None:
    """Four files and nothing else; progress ends at all rows."""
    seen: list[Progress] = []
    swept = sweep.run(tmp_path / "new" / "out", progress=seen.append)
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted(
        [*STABLE, "stats.json"]
    )
    assert [p.done for p in seen] == sorted({p.done for p in seen})
    assert (seen[-1].done, seen[-1].total, seen[-1].seconds_left) == (400, 400, 0.0)
    assert swept.folder == tmp_path / "new" / "out"
    assert swept.rows.select(pl.len()).collect().item() == 400


def test_a_sweep_in_memory_has_the_same_rows(
    sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """And leaves no file behind."""
    swept = sweep.run()
    path = tmp_path / "rows.parquet"
    path.write_bytes(expected["rows.parquet"])
    assert swept.folder is None
    assert swept.rows.collect().equals(pl.read_parquet(path))
    assert (
        swept.top("sharpe", 3)["sharpe"].to_list()
        == sorted(pl.read_parquet(path)["sharpe"].drop_nulls(), reverse=True)[:3]
    )


@pytest.mark.parametrize(
    ("threads", "seconds", "smallest", "largest"),
    [(2, 1.0, 64, 32_768), (1, 1e-9, 1, 1), (2, 1e-9, 7, 7), (3, 1e9, 13, 100), (1, 1e9, 1_000, 1_000)],
)
def test_threads_and_ranges_change_no_byte(
    threads: int,
    seconds: float,
    smallest: int,
    largest: int,
    expected: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of manifest, rows and summary, from one row a part to all of them."""
    monkeypatch.setattr(many, "PART_SECONDS", seconds)
    monkeypatch.setattr(many, "FIRST_RANGE", smallest)
    monkeypatch.setattr(many, "LARGEST_RANGE", largest)
    planned().run(tmp_path / "out", threads=threads)
    assert contents(tmp_path / "out") == expected


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize(("reports", "threads"), [(1, 1), (5, 1), (3, 2)])
def test_a_stopped_sweep_is_continued(
    reports: int, threads: int, sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Its parts can be read at once, and the rest is computed later, to the same bytes."""
    folder, stop = tmp_path / "out", threading.Event()
    with pytest.raises(Stopped) as caught:
        sweep.run(folder, threads=threads, progress=stop_after(stop, reports), stop=stop)
    assert "resume" in str(caught.value.hint)
    rows, complete = scan(folder)
    done = rows.collect()
    assert not complete
    assert 30 * reports <= len(done) < 400
    assert f"stopped after {len(done)} of 400 combinations" in caught.value.message
    swept = sweep.run(folder, threads=2, resume=True)
    assert contents(folder) == expected
    assert (swept.stats["rows_kept"], swept.stats["rows_computed"]) == (len(done), 400 - len(done))
    kept = pl.read_parquet(folder / "rows.parquet")
    assert (
        kept.join(done, on=["window", "hot", "fund"], how="semi")
        .select(done.columns)
        .sort("window", "hot", "fund")
        .equals(done.sort("window", "hot", "fund"))
    )


def test_a_sweep_that_is_stopped_before_its_first_row_is_continued(
    sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """And ``resume`` of what was never begun begins it."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped, match="stopped after 0 of 400"):
        sweep.run(tmp_path / "out", stop=stop, resume=True)
    with pytest.raises(OutputError, match="holds no rows"):
        scan(tmp_path / "out")
    sweep.run(tmp_path / "out", resume=True)
    assert contents(tmp_path / "out") == expected


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("removed", [(0,), (1, 2), (0, 3, 5), (5,)])
def test_lost_parts_are_computed_again(
    removed: tuple[int, ...], sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Wherever they were, and whatever the ranges are now."""
    folder, stop = tmp_path / "out", threading.Event()
    with pytest.raises(Stopped):
        sweep.run(folder, progress=stop_after(stop, 6), stop=stop)
    parts = sorted((folder / "parts").iterdir())
    assert len(parts) == 6
    for k in removed:
        parts[k].unlink()
    (folder / "parts" / ".rows-000000000000-000000000030.parquet.partial").write_bytes(b"half written")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many, "FIRST_RANGE", 17)
        patch.setattr(many, "LARGEST_RANGE", 17)
        swept = sweep.run(folder, resume=True)
    assert contents(folder) == expected
    assert swept.stats["rows_kept"] == 30 * (6 - len(removed))
    assert not (folder / "parts").exists()


def test_a_finished_sweep_is_resumed_without_work(
    sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Nothing is computed again, and nothing changes."""
    folder = tmp_path / "out"
    sweep.run(folder)
    swept = sweep.run(folder, resume=True)
    assert (swept.stats["rows_kept"], swept.stats["rows_computed"]) == (400, 0)
    assert contents(folder) == expected


def test_a_sweep_that_lost_its_summary_gets_it_back(
    sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """It ended between the last two files."""
    folder = tmp_path / "out"
    sweep.run(folder)
    (folder / "summary.json").unlink()
    sweep.run(folder, resume=True)
    assert contents(folder) == expected


def test_a_stop_that_comes_with_the_last_row_is_none(sweep: Planned, tmp_path: Path) -> None:
    """All is done, so it ends like any other sweep."""
    stop = threading.Event()

    def at_the_end(progress: Progress) -> None:
        if progress.done == progress.total:
            stop.set()

    swept = sweep.run(tmp_path / "out", progress=at_the_end, stop=stop)
    assert swept.summary["rows"] == 400


@pytest.mark.usefixtures("small_ranges")
def test_a_stopped_sweep_in_memory_keeps_nothing_and_says_so(sweep: Planned) -> None:
    """There is no folder to continue in."""
    stop = threading.Event()
    with pytest.raises(Stopped) as caught:
        sweep.run(progress=stop_after(stop, 1), stop=stop)
    assert "resume" not in str(caught.value)
    assert "out" in str(caught.value.hint)


def test_an_error_of_the_progress_callback_ends_the_sweep(sweep: Planned, tmp_path: Path) -> None:
    """It is passed on; what is done is kept and can be continued."""

    def fail(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.run(tmp_path / "out", threads=2, progress=fail)
    assert scan(tmp_path / "out")[1] is False
    assert sweep.run(tmp_path / "out", resume=True).summary["rows"] == 400


# ---- whose folder it is

OTHER_TREE = parsed(
    """
    name: Swept
    variables: {window: 3:12:1, hot: 40:59:1, fund: [A, B]}
    tree:
      if: rsi(C, $window) >= $hot
      then: $fund
      else: {filter: top 1 by rsi(10), of: [D, [A, C]]}
    """
)
OTHERS: dict[str, Callable[[], Planned]] = {
    "strategy": lambda: planned(OTHER_TREE),
    "prices": lambda: planned(question=replace(QUESTION, panel=market(seed=6))),
    "space": lambda: planned(vary={"hot": "40:58:1"}),
    "execution": lambda: planned(
        question=replace(QUESTION, execution=Execution(costs=Costs(slippage_bps=1)))
    ),
    "benchmark": lambda: planned(question=replace(QUESTION, benchmark=None)),
    "end": lambda: planned(question=replace(QUESTION, end=day(QUESTION.panel, 180))),
}


@pytest.mark.parametrize("differing", OTHERS)
def test_another_sweep_is_not_continued(differing: str, sweep: Planned, tmp_path: Path) -> None:
    """The error names what differs, and the folder stays as it was."""
    folder = tmp_path / "out"
    sweep.run(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OutputError) as caught:
        OTHERS[differing]().run(folder, resume=True)
    assert "holds another sweep, with other " in caught.value.message
    assert differing in caught.value.message.split("with other ")[1].split(", ")
    assert caught.value.hint is not None
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_holds_something_is_refused(sweep: Planned, tmp_path: Path) -> None:
    """With and without ``resume``; what it holds stays."""
    (tmp_path / "mine.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(OutputError, match="is not empty") as caught:
            sweep.run(tmp_path, resume=resume)
        assert caught.value.hint is not None
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_finished_sweep_is_not_written_over(sweep: Planned, tmp_path: Path) -> None:
    """Without ``resume``."""
    sweep.run(tmp_path / "out")
    with pytest.raises(OutputError, match="is not empty"):
        sweep.run(tmp_path / "out")


def test_a_damaged_manifest_is_said(sweep: Planned, tmp_path: Path) -> None:
    """No traceback: what, where and what to do."""
    folder = tmp_path / "out"
    sweep.run(folder)
    (folder / "manifest.json").write_text('{"strategy": ')
    with pytest.raises(OutputError) as caught:
        sweep.run(folder, resume=True)
    assert "manifest.json" in caught.value.message
    assert caught.value.hint is not None


@pytest.mark.parametrize("place", ["taken", "taken/out"])
def test_a_file_in_the_way_is_said(place: str, sweep: Planned, tmp_path: Path) -> None:
    """The folder is a file, or would be below one."""
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OutputError) as caught:
        sweep.run(tmp_path / place)
    assert "taken" in caught.value.message
    assert "--out" in str(caught.value.hint)
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_folder_without_permission_is_said(
    sweep: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system says it."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match="no permission to write") as caught:
        sweep.run(tmp_path / "out")
    assert "--out" in str(caught.value.hint)


# ---- a full disk


def full_from(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its n-th use on, writing Parquet leaves half a file and says that the disk is full."""
    real, uses = pl.LazyFrame.sink_parquet, iter(range(1_000))

    def sink(frame: pl.LazyFrame, path: Path, **options: Any) -> None:
        if next(uses) + 1 < call:
            real(frame, path, **options)
            return
        Path(path).write_bytes(b"PAR1 half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", sink)


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("call", [1, 4, 15])
def test_a_full_disk_leaves_nothing_half_written(
    call: int, sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """The first part, a later one, or the final file does not fit; afterwards the sweep is continued."""
    folder = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        full_from(call, patch)
        with pytest.raises(OutputError) as caught:
            sweep.run(folder)
    assert "the disk is full" in caught.value.message
    assert "--resume" in str(caught.value.hint)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "parts"]
    parts = sorted((folder / "parts").iterdir())
    assert len(parts) == min(call - 1, 14)
    assert sum(len(pl.read_parquet(part)) for part in parts) == min(30 * len(parts), 400)
    sweep.run(folder, resume=True)
    assert contents(folder) == expected


def test_a_disk_that_is_full_from_the_start_leaves_an_empty_folder(
    sweep: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the sweep can be run again as it was asked for."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fdopen", refuse)
        with pytest.raises(OutputError, match="the disk is full"):
            sweep.run(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert sweep.run(tmp_path / "out").summary["rows"] == 400


# ---- rows that fail, rows that are skipped

PLAIN = parsed("{name: Plain, variables: {fund: [A, B, C]}, tree: [$fund, D]}")


@pytest.mark.parametrize(
    "execution", [Execution(), Execution(costs=Costs(slippage_bps=5))], ids=["free", "paid"]
)
def test_a_combination_that_fails_is_a_row_with_a_reason(execution: Execution, tmp_path: Path) -> None:
    """B has no price on three sessions on which it is held; the other rows are as without it."""
    panel = without(market(), "B", 150, 153)
    question = replace(
        QUESTION, panel=panel, benchmark="A", missing="skip", start=day(panel, 20), execution=execution
    )
    swept = planned(PLAIN, question).run(tmp_path / "out")
    rows = swept.rows.collect()
    assert rows["status"].to_list() == ["ok", "failed", "ok"]
    assert rows["reason"].to_list() == [None, f"B is held and has no price on {day(panel, 150)}", None]
    assert rows.select(METRICS.keys()).row(1) == (None,) * len(METRICS)
    assert swept.summary["status"] == {"ok": 2, "failed": 1, "skipped": 0}
    alone = planned(PLAIN, question, vary={"fund": ["C"]}).run().rows.collect()
    assert alone.row(0) == rows.row(2)
    assert swept.top("sharpe")["fund"].sort().to_list() == ["A", "C"]


def test_weights_that_sum_to_nothing_are_a_row_with_a_reason() -> None:
    """Only one of four combinations has no value."""
    strategy = parsed("{name: W, variables: {a: [0, 1], b: [0, 1]}, tree: {weighted: [$a: A, $b: B]}}")
    rows = planned(strategy).run().rows.collect()
    assert rows["status"].to_list() == ["failed", "ok", "ok", "ok"]
    assert "no weight above 0" in rows["reason"][0]


def test_a_scale_without_width_is_a_row_with_a_reason() -> None:
    """Both ends are variables, and meet in one combination."""
    strategy = parsed(
        """
        name: S
        variables: {low: [30, 50], high: [50, 70]}
        tree: {scale: "rsi(A, 10)", between: [$low, $high], from: A, to: B}
        """
    )
    rows = planned(strategy).run().rows.collect()
    assert rows["status"].to_list() == ["ok", "ok", "failed", "ok"]
    assert rows["reason"][2]


WINDOWS = parsed('{name: W, variables: {n: [5, 60, 20]}, tree: {if: "rsi(A, $n) > 50", then: A, else: B}}')


def test_a_sweep_has_one_start() -> None:
    """The latest over its combinations; every row equals its run with that start."""
    sweep = planned(WINDOWS)
    panel = QUESTION.panel
    assert sweep.prepared.window.first == 60
    assert sweep.prepared.window.cause == "rsi(A, 60) is first defined then"
    rows = sweep.run().rows.collect()
    assert set(rows["start"]) == {day(panel, 60)}
    for row in rows.iter_rows(named=True):
        alone = run(WINDOWS, replace(QUESTION, start=day(panel, 60)), {"n": row["n"]})
        assert {key: row[key] for key in METRICS} == dict(alone.metrics)


def test_a_combination_that_starts_too_late_is_skipped() -> None:
    """The others start as early as they can, and are what they are without it."""
    panel = QUESTION.panel
    swept = planned(WINDOWS, latest_start=day(panel, 40)).run()
    rows = swept.rows.collect()
    assert rows["status"].to_list() == ["ok", "skipped", "ok"]
    assert rows["reason"].to_list()[1] == "it would need a later start than the latest allowed"
    assert rows.select(METRICS.keys()).row(1) == (None,) * len(METRICS)
    assert set(rows["start"]) == {day(panel, 20)}
    assert swept.summary["status"] == {"ok": 2, "failed": 0, "skipped": 1}
    without_it = planned(WINDOWS, vary={"n": [5, 20]}).run().rows.collect()
    assert [rows.row(0), rows.row(2)] == without_it.rows()


def test_a_ticker_that_is_listed_too_late_is_skipped() -> None:
    """It is no gap inside the run of the others."""
    panel = without(market(), "C", 0, 120)
    question = replace(QUESTION, panel=panel)
    rows = planned(PLAIN, question, latest_start=day(panel, 50)).run().rows.collect()
    assert rows["status"].to_list() == ["ok", "ok", "skipped"]
    assert set(rows["start"]) == {day(panel, 0)}


@pytest.mark.parametrize(
    "vary", [{"n": [5, 60]}, {"n": [5], "c1.comparator": [">", "<"]}], ids=["n", "other"]
)
def test_a_sweep_without_any_combination_in_time_is_an_error(vary: dict[str, list[Value]]) -> None:
    """All of them would need a later start, whether or not the variables move it."""
    with pytest.raises(WindowError) as caught:
        planned(WINDOWS, vary=vary, latest_start=day(QUESTION.panel, 4))
    assert str(day(QUESTION.panel, 4)) in caught.value.message
    assert str(day(QUESTION.panel, 5)) in str(caught.value.hint)


def test_where_missing_prices_are_skipped_no_combination_starts_too_late() -> None:
    """Nothing moves the start there."""
    panel = without(market(), "C", 0, 120)
    question = replace(QUESTION, panel=panel, missing="skip", start=day(panel, 130))
    rows = planned(PLAIN, question, latest_start=day(panel, 50)).run().rows.collect()
    assert rows["status"].to_list() == ["ok", "ok", "ok"]


# ---- what is refused, estimated, written down


@pytest.mark.parametrize("values", [[0], [5, -1], [2.5]])
def test_a_window_that_has_no_meaning_is_refused_before_work_begins(values: list[float]) -> None:
    """Not as a row."""
    with pytest.raises((StrategyError, SpaceError)) as caught:
        planned(vary={"window": values})
    assert "window" in caught.value.message


@pytest.mark.parametrize("name", ["sharpe", "start", "status", "reason"])
def test_a_variable_may_not_be_called_like_a_column(name: str) -> None:
    """It would stand twice in the table."""
    strategy = parsed(f"{{name: X, variables: {{{name}: [A, B]}}, tree: ${name}}}")
    with pytest.raises(SpaceError) as caught:
        planned(strategy)
    assert name in caught.value.message
    assert caught.value.hint is not None


def test_the_estimate_is_of_the_space(sweep: Planned) -> None:
    """Combinations are counted, time and memory are positive, two threads take half the time of one."""
    estimate = sweep.estimate(1)
    assert estimate.combinations == 400
    assert estimate.seconds > 0
    assert estimate.bytes > 0


def test_the_manifest_holds_what_identifies_the_sweep_and_nothing_else(
    sweep: Planned, tmp_path: Path
) -> None:
    """No times, no counts of work: those are in stats.json."""
    sweep.run(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    stats = json.loads((tmp_path / "out" / "stats.json").read_text(encoding="utf-8"))
    assert manifest.keys() == {
        "strategy", "variables", "prices", "start", "end", "sessions", "start_set_by", "missing", "benchmark",
        "execution", "engine", "versions", "space",
    }  # fmt: skip
    assert not manifest.keys() & stats.keys()
    assert manifest["space"]["combinations"] == 400
    assert manifest["prices"]["snapshot"] == QUESTION.panel.content_hash
    assert dt.date.fromisoformat(manifest["start"]) == sweep.prepared.sessions[0].item()
    assert {"seconds", "rows_per_second", "rows_computed", "threads"} <= stats.keys()


# ---- rows equal runs


def picks(size: int, count: int) -> Iterator[int]:
    yield from np.linspace(0, size - 1, count).astype(int).tolist()


@pytest.mark.parametrize(
    "execution", [Execution(), Execution(fill="next_open", costs=Costs(slippage_bps=3))], ids=["free", "paid"]
)
def test_rows_equal_runs(execution: Execution) -> None:
    """Bit for bit, undefined numbers included."""
    question = replace(QUESTION, execution=execution)
    sweep = planned(question=question)
    rows = sweep.run(threads=2).rows.collect()
    start = sweep.prepared.sessions[0].item()
    for k in picks(400, 9):
        row = rows.row(k, named=True)
        values = sweep.space.assignment(k)
        assert {name: row[name] for name in values} == values
        alone = run(STRATEGY, replace(question, start=start), values)
        assert {key: row[key] for key in METRICS} == dict(alone.metrics), values


@pytest.mark.parametrize(
    "execution", [Execution(), Execution(whole_shares=True)], ids=["fractional", "whole"]
)
def test_a_corridor_can_be_varied(execution: Execution) -> None:
    """``threshold($w)``: each row is the run with that corridor, and they differ."""
    strategy = parsed(
        """
        name: Drift
        rebalance: threshold($w)
        variables: {w: [1%, 2%, 5%, 50%], share: [0.3, 0.6]}
        tree: {weighted: [$share: A, 0.4: B, 0.3: C]}
        """
    )
    question = replace(QUESTION, execution=execution)
    swept = planned(strategy, question).run()
    rows = swept.rows.collect()
    assert rows.columns[:2] == ["w", "share"]
    assert rows["volatility"].n_unique() == 8
    for row in rows.iter_rows(named=True):
        alone = run(strategy, question, {"w": row["w"], "share": row["share"]})
        assert {key: row[key] for key in METRICS} == dict(alone.metrics)


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(2, 4)], [(0, 2), (4, 10)]),
        ([(0, 3), (3, 5), (7, 10)], [(5, 7)]),
        ([(0, 6), (4, 5)], [(6, 10)]),
    ],
)
def test_gaps_are_what_is_not_done(done: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    """In order."""
    assert list(gaps(done, 10)) == expected
