"""Rows of many flat files, sorted by ticker, and the journal of which files were imported.

A run that has to wait is put on disk and mapped: then it takes no memory of its own.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.errors import OutputError
from treefolio.market.bars import DAILY, Bars
from treefolio.market.panel import FIELDS, Dates, Series
from treefolio.market.sift import NOISE, STALE_SESSIONS
from treefolio.market.sources.flat_rows import FlatFile
from treefolio.market.sources.massive_terms import ours

VERSION = 1
"""Of the journal: another one's is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Rows of several files.

    Attributes:
        places: ticker, as we spell it → where its rows are; by time.
        at: (R,) days since 1970, or seconds. fields: of FIELDS → (R,) float64.
    """

    places: Mapping[str, slice]
    at: NDArray[np.int64]
    fields: Mapping[str, Series]

    def bars(self, ticker: str, interval: str) -> Bars | None:
        """The ticker's rows; None when there are none."""
        place = self.places.get(ticker)
        if place is None:
            return None
        at: Dates = self.at[place].view("datetime64[D]" if interval == DAILY else "datetime64[s]")
        return Bars(at=at, fields={name: values[place] for name, values in self.fields.items()})

    def put_on_disk(self, folder: Path, name: str) -> Run:
        """The same run, mapped from files in the folder."""
        return Run(
            places=self.places,
            at=_mapped(folder / f"{name}.at.npy", self.at),
            fields={each: _mapped(folder / f"{name}.{each}.npy", self.fields[each]) for each in FIELDS},
        )


def run_of(tables: Sequence[pl.DataFrame]) -> Run:
    """The rows of tables (of `read_file`) that are in order of time, sorted by ticker, then by time."""
    rows = pl.concat(tables)
    code = rows["ticker"].cast(pl.Categorical).to_physical().to_numpy()
    at = rows["at"].to_numpy()
    order = np.argsort(code, kind="stable")
    sorted_code, sorted_at = code[order], at[order]
    same = sorted_code[1:] == sorted_code[:-1]
    if (same & (sorted_at[1:] < sorted_at[:-1])).any():
        order = np.lexsort((at, code))
        sorted_at = at[order]
    edges = np.concatenate([[0], np.flatnonzero(~same) + 1, [len(order)]])
    names = rows["ticker"].gather(order[edges[:-1]]).to_list()
    return Run(
        places={ours(name): slice(edges[k], edges[k + 1]) for k, name in enumerate(names)},
        at=sorted_at,
        fields={name: rows[name].to_numpy()[order] for name in FIELDS},
    )


def doubtful(run: Run, sessions: Dates) -> frozenset[str]:
    """The tickers of a run of daily bars in which `sift` could find anything; it may be more than those.

    Most tickers are in good order, and seeing that for all of them at once takes a fiftieth of the time.
    """
    opens, high, low, close, volume = (run.fields[name] for name in FIELDS)
    starts = np.array([place.start for place in run.places.values()], np.int64)
    ends = np.array([place.stop for place in run.places.values()], np.int64)
    bad = (low <= 0) | (np.minimum(opens, close) < low) | (np.maximum(opens, close) > high) | (volume < 0)
    bad[1:] |= run.at[1:] == run.at[:-1]
    bad |= _stale(run)
    place = np.searchsorted(sessions.astype(np.int64), run.at)
    gap = place[ends - 1] - place[starts] + 1 != ends - starts
    found = gap | np.logical_or.reduceat(bad, starts)
    return frozenset(itertools.compress(run.places, found))


def _stale(run: Run) -> NDArray[np.bool_]:
    """(R,) Whether a bar and those before it could be the same one, again and again."""
    same = np.zeros(len(run.at), np.bool_)
    close = run.fields["close"]
    same[1:] = np.abs(close[1:] - close[:-1]) <= 2 * NOISE * np.abs(close[1:])
    stale = same.copy()
    for back in range(1, STALE_SESSIONS - 1):
        stale[back:] &= same[:-back]
        stale[:back] = False
    return stale


def _mapped(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    np.save(path, values)
    return np.load(path, mmap_mode="r")


@dataclass(slots=True)
class Journal:
    """What was imported to a shelf.

    Attributes:
        files: session → name, bytes and modification time (ns) of its file.
        tickers: year → the tickers that have a block of it.
    """

    path: Path
    files: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    tickers: dict[str, set[str]] = field(default_factory=dict)

    def has(self, file: FlatFile) -> bool:
        """Whether the file was imported as it is now."""
        return self.files.get(file.session.isoformat()) == _identity(file)

    def sessions(self, year: str) -> list[date]:
        """The sessions of the year whose files were imported, ascending."""
        return sorted(date.fromisoformat(day) for day in self.files if day.startswith(year))

    def add(self, year: str, files: Iterable[FlatFile], tickers: Iterable[str]) -> None:
        """Notes files of a year, and tickers that it has."""
        self.files |= {file.session.isoformat(): _identity(file) for file in files}
        self.tickers.setdefault(year, set()).update(tickers)

    def forget(self, year: str) -> None:
        """The year's files count as not imported."""
        self.files = {day: each for day, each in self.files.items() if not day.startswith(year)}
        self.tickers.pop(year, None)

    def write(self) -> None:
        """Keeps it. Raises OutputError."""
        content = {
            "version": VERSION,
            "files": self.files,
            "tickers": {year: sorted(names) for year, names in self.tickers.items()},
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(content), encoding="utf-8")
            part.replace(self.path)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}") from error


def read_journal(path: Path) -> Journal:
    """The journal at `path`; an empty one when there is none that can be read: then all is imported again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            return Journal(path)
        return Journal(
            path,
            files={day: (name, size, mtime) for day, (name, size, mtime) in content["files"].items()},
            tickers={year: set(names) for year, names in content["tickers"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Journal(path)


def _identity(file: FlatFile) -> tuple[str, int, int]:
    return file.path.name, file.size, file.mtime_ns
