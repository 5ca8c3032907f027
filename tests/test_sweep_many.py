"""A sweep from end to end: the same bytes however it is cut, stopped and resumed; failures stay rows."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sweep_cases import QUESTION, day, market, parsed, planned
from treefolio.engine.execution import Costs, Execution
from treefolio.errors import OutputError
from treefolio.sweep import many, selection
from treefolio.sweep.many import Planned, Progress, Stopped
from treefolio.sweep.rows import scan

STABLE = ("manifest.json", "rows.parquet", "selection.json", "summary.json")


def contents(folder: Path) -> dict[str, bytes]:
    """The files whose bytes may depend on nothing but the manifest."""
    return {name: (folder / name).read_bytes() for name in STABLE}


def stop_after(event: threading.Event, reports: int) -> Callable[[Progress], None]:
    """A progress callback that sets the event at its n-th report of rows; its first is of none."""
    count = iter(range(reports, -1, -1))

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
    """Five files and nothing else; progress ends at all rows."""
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
    """Of manifest, rows, selection and summary, from one row a part to all of them."""
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


@pytest.mark.parametrize("again", [False, True])
def test_a_sweep_that_is_stopped_before_its_first_row_gives_its_folder_back(
    again: bool, sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """The same command works again, and so does ``resume`` of what was never begun."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped, match="stopped after 0 of 400") as caught:
        sweep.run(tmp_path / "out", stop=stop, resume=True)
    assert f"{tmp_path / 'out'} is free again" in str(caught.value.hint)
    assert list((tmp_path / "out").iterdir()) == []
    sweep.run(tmp_path / "out", resume=again)
    assert contents(tmp_path / "out") == expected


@pytest.mark.usefixtures("small_ranges")
def test_a_resumed_sweep_that_is_stopped_at_once_keeps_what_was_there(
    sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Its first report says how far it was."""
    folder, stop, told = tmp_path / "out", threading.Event(), list[Progress]()
    with pytest.raises(Stopped):
        sweep.run(folder, progress=stop_after(stop, 2), stop=stop)
    with pytest.raises(Stopped, match="stopped after 60 of 400") as caught:
        sweep.run(folder, progress=told.append, stop=stop, resume=True)
    assert "--resume" in str(caught.value.hint)
    assert [(at.done, at.total, at.rate) for at in told] == [(60, 400, 0.0)]
    sweep.run(folder, resume=True)
    assert contents(folder) == expected


def test_a_sweep_begins_without_taking_the_memory_of_all_its_rows() -> None:
    """Filling some GB before the first row took half a minute, in which no stop was heard."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("only Linux says what memory is really there")

    def resident() -> int:
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    gathered = selection.Gathered(2_000_000, 1_000)
    assert gathered.sums.nbytes + gathered.squares.nbytes == 512_000_000
    assert resident() - before < 100_000_000


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


@pytest.mark.parametrize(("lost", "computed"), [("summary.json", 0), ("selection.json", 400)])
def test_a_sweep_that_lost_a_file_gets_it_back(
    lost: str, computed: int, sweep: Planned, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """It ended between the last files. What selection.json is made of is in no file of the end."""
    folder = tmp_path / "out"
    sweep.run(folder)
    (folder / lost).unlink()
    assert sweep.run(folder, resume=True).stats["rows_computed"] == computed
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

    def fail(at: Progress) -> None:
        if at.done:
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
    "--vary, --space or --sample": lambda: planned(vary={"hot": "40:58:1"}),
    "--slippage-bps (0.0 there, 1 here)": lambda: planned(
        question=replace(QUESTION, execution=Execution(costs=Costs(slippage_bps=1)))
    ),
    "--fill (close there, next_close here), --whole-shares (False there, True here)": lambda: planned(
        question=replace(QUESTION, execution=Execution(fill="next_close", whole_shares=True))
    ),
    "--benchmark (B there, none here)": lambda: planned(question=replace(QUESTION, benchmark=None)),
    f"--start (START there, {day(QUESTION.panel, 60)} here)": lambda: planned(
        question=replace(QUESTION, start=day(QUESTION.panel, 60))
    ),
    f"--end (END there, {day(QUESTION.panel, 180)} here)": lambda: planned(
        question=replace(QUESTION, end=day(QUESTION.panel, 180))
    ),
    f"--latest-start (none there, {day(QUESTION.panel, 50)} here)": lambda: planned(
        latest_start=day(QUESTION.panel, 50)
    ),
}


@pytest.mark.parametrize("differing", OTHERS)
def test_another_sweep_is_not_continued(differing: str, sweep: Planned, tmp_path: Path) -> None:
    """The error names what differs by its flag, not what follows from it; the folder stays as it was."""
    folder = tmp_path / "out"
    sweep.run(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OutputError) as caught:
        OTHERS[differing]().run(folder, resume=True)
    first, last = (str(sweep.identity[each]) for each in ("start", "end"))
    said = differing.replace("START", first).replace("END", last)
    assert caught.value.message == f"{folder} holds another sweep, with other {said}"
    assert caught.value.hint is not None
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_holds_something_is_refused(sweep: Planned, tmp_path: Path) -> None:
    """With and without ``resume``; what it holds stays."""
    (tmp_path / "mine.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(OutputError, match="no sweep that can be" if resume else "is not empty") as caught:
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
