"""Massive's flat files: a folder of daily or minute files, imported into the cache in bulk.

1. `find_files` (`flat_rows`) lists the files of one interval, by session. A journal (`flat_runs`) says which
   of them were imported before and did not change; it counts for a year as long as the cache has that year's
   blocks.
2. Two threads read ahead, READ_AHEAD bytes at most. A bad file is reported and left out: its session stays
   unknown.
3. The files of a calendar year, or of a month when they are minutes, become `Run`s (`flat_runs`), sorted by
   ticker once. A run has about RUN_ROWS rows; when there are several, they wait on disk.
4. For each ticker a block is cut from the runs, checked (`sift`), merged with the block that is there, and
   saved (`flat_blocks`). Then the journal says so: an interrupted import goes on with that year or month.

The sessions of all files of a year are known for every ticker that the year has. A file is the vendor's last
word on its session, until it is replaced: then it is imported again. Prices are as they were traded; splits
and dividends come from the vendor's reference data: `read_actions` reads tables of them.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Event

import polars as pl

from treefolio.errors import SourceError, did_you_mean, did_you_mean_file
from treefolio.market import calendar
from treefolio.market.accepted import Accepted
from treefolio.market.actions import Action
from treefolio.market.bars import DAILY, Shelf
from treefolio.market.cache.base import Cache
from treefolio.market.clock import Clock, SystemClock
from treefolio.market.sources.flat_blocks import Part
from treefolio.market.sources.flat_rows import FlatFile, find_files, read_file
from treefolio.market.sources.flat_runs import Journal, Run, read_journal, run_of
from treefolio.market.sources.massive_terms import FEED, SOURCE, dividends_of, splits_of
from treefolio.settings import home

READ_AHEAD = 64_000_000
"""Bytes of packed files that are being read, or wait for their turn."""
RUN_ROWS = 3_000_000
SAVED_AT_ONCE = 512
THREADS = 2
"""Unpacking, parsing and compressing let go of the interpreter; the rest does not, so more gain nothing."""

PARQUET_MAGIC = b"PAR1"
SPLITS, DIVIDENDS = "splits", "dividends"
ACTION_COLUMNS = {
    SPLITS: frozenset({"ticker", "execution_date", "split_from", "split_to"}),
    DIVIDENDS: frozenset({"ticker", "ex_dividend_date", "cash_amount"}),
}

Told = Callable[[int, int], None]
"""Is told how many files are done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a folder.

    Attributes:
        files, rows, sessions, tickers: what was imported now.
        unchanged: files that had been imported before.
        failed: file → why it was left out.
        missing: sessions between the first file and the last of which there is none.
        withheld: rows that the checks set aside.
        evicted: blocks that had to make room; when there are any, the cache is too small for the folder.
        stopped: it was told to stop before the end; the next import goes on from there.
    """

    files: int
    rows: int
    sessions: int
    tickers: int
    seconds: float
    unchanged: int
    failed: Mapping[str, str]
    missing: tuple[date, ...]
    withheld: int
    evicted: int
    stopped: bool


def flat_shelf(interval: str = DAILY, entitlement: str = "default") -> Shelf:
    """Where the bars of flat files belong: beside those of the vendor's REST service, which are the same."""
    return Shelf(source=SOURCE, feed=FEED, entitlement=entitlement, interval=interval)


def journal_path(shelf: Shelf) -> Path:
    """Where the journal of imports to the shelf lies, unless another place is named."""
    return home() / "imports" / f"{shelf.source}-{shelf.feed}-{shelf.entitlement}-{shelf.interval}.json"


def import_folder(
    folder: Path,
    cache: Cache,
    *,
    interval: str = DAILY,
    entitlement: str = "default",
    journal: Path | None = None,
    told: Told | None = None,
    stop: Event | None = None,
    accepted: Accepted | None = None,
    watch: Clock | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Imported:
    """Imports the folder's files of the interval (1d or 1m) into the cache.

    A month of all minutes does not fit into memory: it waits in the system's folder for temporary files, and
    takes 50 bytes a row there.

    Args:
        entitlement: as in the settings; part of the shelf.
        journal: where it is kept what was imported [below the home folder].
        told: is told of the progress, in this thread.
        stop: set it, and the import ends within about a second.
        accepted: sessions whose bars the user found right, whatever the checks say.
        first, last: only files of the sessions between, both included [all].

    Raises SourceError when there is no such folder or no file in it; OutputError when the cache or the
    journal cannot be written. One bad file is left out and reported.
    """
    shelf = flat_shelf(interval, entitlement)
    files, failed = find_files(folder, interval)
    files = [file for file in files if (first or date.min) <= file.session <= (last or date.max)]
    with ThreadPoolExecutor(THREADS) as pool:
        work = _Import(
            shelf=shelf,
            cache=cache,
            journal=read_journal(journal or journal_path(shelf)),
            pool=pool,
            stop=stop or Event(),
            told=told or _silent,
            accepted=accepted or Accepted(),
            watch=watch or SystemClock(),
            failed=failed,
        )
        return work.run(files)


@dataclass(slots=True, kw_only=True)
class _Import:
    """An import under way, and what it has done so far."""

    shelf: Shelf
    cache: Cache
    journal: Journal
    pool: ThreadPoolExecutor
    stop: Event
    told: Told
    accepted: Accepted
    watch: Clock
    failed: dict[str, str]
    files: int = 0
    rows: int = 0
    withheld: int = 0
    tickers: set[str] = field(default_factory=set)

    def run(self, files: Sequence[FlatFile]) -> Imported:
        """Imports those files that were not imported before."""
        begun = time.perf_counter()
        self._forget_what_is_lost()
        new = [file for file in files if not self.journal.has(file)]
        evictions = self.cache.counters().evictions if new else 0
        done = itertools.count(len(files) - len(new) + 1)
        self.told(len(files) - len(new), len(files))
        for part, group in itertools.groupby(self._tables(new), key=lambda each: self._part(each[0])):
            taken: list[FlatFile] = []
            with tempfile.TemporaryDirectory(prefix="treefolio-import-") as spill:
                runs = list(self._runs(group, taken, Path(spill), lambda: self.told(next(done), len(files))))
                if self.stop.is_set():
                    break
                if runs:
                    self._keep(part[:4], taken, runs)
                runs.clear()  # they are mapped from the folder
        return Imported(
            files=self.files,
            rows=self.rows,
            sessions=self.files,
            tickers=len(self.tickers),
            seconds=time.perf_counter() - begun,
            unchanged=len(files) - len(new),
            failed=self.failed,
            missing=self._missing(files),
            withheld=self.withheld,
            evicted=self.cache.counters().evictions - evictions if new else 0,
            stopped=self.stop.is_set(),
        )

    def _part(self, file: FlatFile) -> str:
        """What is imported in one go: a year, of minutes a month."""
        return file.session.strftime("%Y" if self.shelf.interval == DAILY else "%Y-%m")

    def _forget_what_is_lost(self) -> None:
        """Years of which the cache has not all blocks any more are imported again."""
        there = {
            (entry.key.part, entry.key.ticker)
            for entry in self.cache.entries()
            if entry.key.shelf == self.shelf
        }
        for year, tickers in list(self.journal.tickers.items()):
            if any((year, ticker) not in there for ticker in tickers):
                self.journal.forget(year)

    def _missing(self, files: Sequence[FlatFile]) -> tuple[date, ...]:
        """Sessions between the first file and the last that have none, and never had."""
        there = {file.session for file in files}
        days = calendar.sessions(files[0].session, files[-1].session).tolist() if files else []
        return tuple(day for day in days if day not in there and day.isoformat() not in self.journal.files)

    def _tables(self, files: Iterable[FlatFile]) -> Iterator[tuple[FlatFile, pl.DataFrame | SourceError]]:
        """Each file's rows, or what is wrong with it; in order, read ahead by the threads."""
        waiting: deque[tuple[FlatFile, Future[pl.DataFrame | SourceError]]] = deque()
        ahead, rest = 0, iter(files)
        try:
            while not self.stop.is_set():
                while ahead < READ_AHEAD or len(waiting) < THREADS:
                    file = next(rest, None)
                    if file is None:
                        break
                    waiting.append((file, self.pool.submit(_table_of, file, self.shelf.interval)))
                    ahead += file.size
                if not waiting:
                    return
                file, table = waiting.popleft()
                ahead -= file.size
                yield file, table.result()
        finally:
            for _, table in waiting:
                table.cancel()

    def _runs(
        self,
        tables: Iterable[tuple[FlatFile, pl.DataFrame | SourceError]],
        taken: list[FlatFile],
        spill: Path,
        tick: Callable[[], None],
    ) -> Iterator[Run]:
        """The tables' rows as runs; files that are good are `taken`."""
        waiting: list[pl.DataFrame] = []
        number = 0
        for file, table in tables:
            if isinstance(table, SourceError):
                self.failed[file.name] = _reason(table)
            else:
                taken.append(file)
                waiting.append(table)
            if sum(map(len, waiting)) >= RUN_ROWS:
                yield run_of(waiting).put_on_disk(spill, str(number))
                waiting, number = [], number + 1
            tick()
        if waiting:
            yield run_of(waiting)

    def _keep(self, year: str, taken: Sequence[FlatFile], runs: Sequence[Run]) -> None:
        """Saves the blocks of a year or month, then notes its files in the journal."""
        here = {ticker for run in runs for ticker in run.places}
        with self.cache.lock(f"{self.shelf.name} {self.shelf.interval}"):
            part = Part.of(
                year,
                [file.session for file in taken],
                runs,
                shelf=self.shelf,
                cache=self.cache,
                journal=self.journal,
                accepted=self.accepted,
                fetched_at=self.watch.now(),
                stop=self.stop,
            )
            names = sorted(here | self.journal.tickers.get(year, set()))
            chunks = [names[k : k + SAVED_AT_ONCE] for k in range(0, len(names), SAVED_AT_ONCE)]
            self.withheld += sum(self.pool.map(part.save, chunks))
            if self.stop.is_set():
                return
            self.journal.add(year, taken, here)
            self.journal.write()
        self.files += len(taken)
        self.rows += sum(len(run.at) for run in runs)
        self.tickers |= here


def _table_of(file: FlatFile, interval: str) -> pl.DataFrame | SourceError:
    """The file's rows, or what is wrong with it."""
    try:
        return read_file(file, interval)
    except SourceError as error:
        return error


def _reason(error: SourceError) -> str:
    """An error about a file in one line, without the file's name and the full stop."""
    line = f"line {error.line}: " if error.line is not None else ""
    return " ".join(filter(None, [f"{line}{error.message}.", error.hint])).rstrip(".")


def _silent(done: int, total: int) -> None:
    """Nobody wants to know."""


def read_actions(path: Path) -> list[Action]:
    """Splits or dividends from a table of the vendor's reference data: Parquet or CSV, packed or not.

    Splits have the columns ticker, execution_date, split_from, split_to; dividends ticker, ex_dividend_date,
    cash_amount, and dividend_type or distribution_type; other columns do not matter. Ascending.

    Raises SourceError with the file, and where known the line and ticker, when it is neither, or has a row
    that makes no sense.
    """
    rows = _table(path)
    kinds = [kind for kind, columns in ACTION_COLUMNS.items() if columns <= set(rows.columns)]
    if not kinds:
        raise _neither(path, rows.columns)
    try:
        return list(splits_of(rows.to_dicts()) if kinds[0] == SPLITS else dividends_of(rows.to_dicts()))
    except SourceError as error:
        header_lines = 0 if _is_parquet(path) else 1
        line = error.line + header_lines if error.line is not None else None
        raise SourceError(error.message, source=path.name, line=line, ticker=error.ticker) from None


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def _table(path: Path) -> pl.DataFrame:
    """The table in the file; cells of CSV as text. Raises SourceError."""
    try:
        if _is_parquet(path):
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        hint = did_you_mean_file(path) or f"{path.parent.absolute()} has nothing like it."
        raise SourceError("there is no such file", source=str(path), hint=hint) from None
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).strip().split("\n")[0]
        hint = "Tables of corporate actions are Parquet or CSV."
        raise SourceError(f"cannot be read: {reason}", source=path.name, hint=hint) from None


def _neither(path: Path, columns: Sequence[str]) -> SourceError:
    """The error for a table that is neither of splits nor of dividends."""
    kind = max(ACTION_COLUMNS, key=lambda each: len(ACTION_COLUMNS[each] & set(columns)))
    missing = sorted(ACTION_COLUMNS[kind] - set(columns))
    return SourceError(
        f"has no column {', '.join(map(repr, missing))}, which a table of {kind} has",
        source=path.name,
        hint=did_you_mean(missing[0], set(columns) - ACTION_COLUMNS[kind])
        or f"It has {', '.join(columns[:12])}.",
    )
