"""Walk-forward: choose the best row on some sessions, judge it on others, and do so again and again.

1. A scheme (`folds`) says which sessions choose and which judge. `plan_walk` cuts it for a planned sweep.
2. One pass over the space (`search`, `windows`) finds the best row of every training, of the whole sample and
   of the stretch that would choose today.
3. The few winners are run once more; slices of their daily returns give the folds' numbers, and pieced
   together the curve that nobody has optimised (`WalkForward.curve`).

A slice's numbers are those of `metrics.measure` on exactly its daily returns: like a run that starts at the
close before the slice's first session, but for what earlier holdings change (rules of rebalancing, costs of
the first trade). Changing from one fold's winner to the next one's costs nothing here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.engine.compiled import Prepared
from treefolio.errors import SpaceError, UsageError, did_you_mean
from treefolio.metrics import GROUP_OF, METRICS, measure_one
from treefolio.metrics.table import CALENDAR
from treefolio.sweep.manifest import manifest
from treefolio.sweep.many import Planned, Progress, peak_memory
from treefolio.sweep.selection import enter_trials
from treefolio.sweep.walkforward.folds import Combinatorial, Fold, Folds, Piece, Range, Scheme
from treefolio.sweep.walkforward.result import (
    ANNUAL,
    HEADLINE,
    Efficiency,
    FoldResult,
    Numbers,
    PathResult,
    Span,
    WalkForward,
    Winner,
    ratio,
)
from treefolio.sweep.walkforward.screens import wish
from treefolio.sweep.walkforward.search import Found, Search
from treefolio.sweep.walkforward.stability import stabilities
from treefolio.sweep.walkforward.windows import window_frame

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


OWN_COLUMNS = ("fold", "row", "complete", "undefined", "efficiency")
OWN_PREFIXES = ("train_", "test_", "in_sample_", "out_of_sample_")
"""What columns of folds.parquet are called or begin with, so that no variable can."""


@dataclass(frozen=True, kw_only=True)
class PlannedWalk:
    """A walk-forward that can begin."""

    planned: Planned
    scheme: Scheme
    folds: Folds
    by: str
    lowest: bool
    search: Search = field(repr=False)

    def run(
        self,
        *,
        threads: int = 1,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
        home: Path | None = None,
    ) -> WalkForward:
        """The pass over the space, and everything that follows from its winners.

        Args:
            home: the folder whose ledger counts trials over sweeps (`sweep.lineage`): the rows are trials
                here too, those of a sweep of the same space the same ones. None for none.

        Raises:
            Stopped: ``stop`` was set.
        """
        return self.judged(self.search.run(threads, progress, stop), threads=threads, home=home)

    def judged(self, found: Found, *, threads: float = 1, home: Path | None = None) -> WalkForward:
        """Everything that follows from the winners of a pass over the space, wherever it was made.

        Args:
            threads: how many ranges were looked at at once, for the figures. home: as `run` takes it.
        """
        began = time.perf_counter()
        result = _Judge(self, found).result(threads, began)
        if home is not None:
            trials = result.rows - result.failed - result.skipped
            enter_trials(home, self.planned.prepared.strategy, result.manifest, trials)
        return result


def plan_walk(planned: Planned, scheme: Scheme, by: str = "sharpe") -> PlannedWalk:
    """A walk-forward of a planned sweep's rows, chosen by a metric's better end; a minus turns it around.

    Raises:
        UsageError: a metric that is unknown or that a stretch of returns lacks; folds that do not fit.
        SpaceError: a variable is called like a column of the folds.
    """
    key, lowest = criterion(by, scheme)
    for name in planned.space.axes:
        if name in OWN_COLUMNS or name.startswith(OWN_PREFIXES):
            raise SpaceError(
                f"the folds have a column {name} already", hint="Give the variable another name."
            )
    folds = scheme.cut(planned.prepared.sessions)
    everything = (Range(0, len(planned.prepared.sessions) - 1),)
    windows = [*(fold.train for fold in folds.folds), everything, folds.current]
    search = Search(planned, windows, key, wish(key, lowest=lowest))
    return PlannedWalk(planned=planned, scheme=scheme, folds=folds, by=key, lowest=lowest, search=search)


def criterion(by: str, scheme: Scheme) -> tuple[str, bool]:
    """The metric's key, and whether its lowest value is the best.

    Raises:
        UsageError: it is unknown, or not to be had from a stretch of daily returns.
    """
    key = by.removeprefix("-")
    if key not in METRICS:
        raise UsageError(f"unknown metric {key!r}", hint=did_you_mean(key, METRICS))
    if GROUP_OF[key] == "activity":
        raise UsageError(
            f"{key} cannot choose: it is known of whole runs, not of a stretch of one",
            hint="Choose by a metric of returns, such as --by sharpe.",
        )
    if isinstance(scheme, Combinatorial) and (key in CALENDAR or key == "cagr_calendar"):
        raise UsageError(
            f"{key} cannot choose here: it needs months or years without gaps, and training has gaps",
            hint="Choose by a metric of daily returns, such as --by sharpe.",
        )
    return key, (METRICS[key].better == "low") != by.startswith("-")


def measured(
    returns: Floats, prepared: Prepared, places: Sequence[Range], wanted: Iterable[str] | None = None
) -> dict[str, float | None]:
    """Metrics (None: all) of a run's daily returns at some places, joined.

    What only the engine knows of a run, its trades and holdings, is None.
    """
    keys = None if wanted is None else set(wanted)
    frame = window_frame(prepared.sessions, prepared.benchmark, places, keys)
    found = measure_one(np.concatenate([returns[each.first : each.last] for each in places]), frame)
    return found if keys is None else {key: found[key] for key in METRICS if key in keys}


class _Judge:
    """From winners to numbers."""

    def __init__(self, plan: PlannedWalk, found: Found) -> None:
        self.plan = plan
        self.found = found
        self.prepared = plan.planned.prepared
        self.space = plan.planned.space
        self.keys = (*HEADLINE, plan.by)
        self._returns: dict[int, Floats] = {}

    def result(self, threads: float, began: float) -> WalkForward:
        """Everything, in the order of the files."""
        plan, best = self.plan, self.found.best
        cut = plan.folds
        folds = tuple(self._fold(k, fold) for k, fold in enumerate(cut.folds))
        curve, paths = self._paths(folds)
        whole = self._winner(len(folds), (Range(0, len(self.prepared.sessions) - 1),))
        current = self._winner(len(folds) + 1, cut.current)
        rows = [int(row) for row in best.rows[: len(folds)]]
        ordered = not isinstance(plan.scheme, Combinatorial)
        changed, stability = stabilities(self.space, rows, ordered=ordered)
        return WalkForward(
            name=self.prepared.strategy.name,
            scheme=plan.scheme,
            by=plan.by,
            lowest=plan.lowest,
            space=self.space,
            rows=self.space.size,
            failed=self.found.failed,
            skipped=self.found.skipped,
            folds=folds,
            paths=paths,
            curve=curve,
            efficiency=_efficiency(folds, paths),
            changed=changed,
            stability=stability,
            whole=whole,
            current=current,
            synthetic=self.prepared.panel.synthetic,
            manifest=self._manifest(),
            stats=self._stats(threads, began),
            notes=(
                *self.prepared.notes,
                *cut.notes,
                *_empty_notes(folds, plan.by),
                *_switch_notes(folds, free=self.prepared.question.execution.costs.free),
            ),
        )

    def _fold(self, k: int, fold: Fold) -> FoldResult:
        winner = self._winner(k, fold.train)
        outside = None
        if winner is not None:
            outside = measured(self.returns(winner.row), self.prepared, fold.test, self.keys)
        return FoldResult(
            number=k + 1,
            train=self._spans(fold.train),
            test=self._spans(fold.test),
            complete=fold.complete,
            winner=winner,
            undefined=int(self.found.best.undefined[k]),
            out_of_sample=outside,
        )

    def _winner(self, k: int, places: Sequence[Range]) -> Winner | None:
        """The best row of the k-th window, whose places these are."""
        row = int(self.found.best.rows[k])
        if row < 0:
            return None
        return Winner(
            row=row,
            assignment=self.space.assignment(row),
            value=float(self.found.best.values[k]),
            metrics=measured(self.returns(row), self.prepared, places, self.keys),
        )

    def returns(self, row: int) -> Floats:
        """(n,) the daily returns of a row that has some."""
        if row not in self._returns:
            made = self.plan.search.scout().returns(self.space.choices(row, row + 1))
            assert made is not None  # it won
            self._returns[row] = made
        return self._returns[row]

    def _spans(self, places: Sequence[Range]) -> tuple[Span, ...]:
        days = self.prepared.sessions
        return tuple(Span(first=str(days[a + 1]), last=str(days[b]), sessions=b - a) for a, b in places)

    def _paths(self, folds: Sequence[FoldResult]) -> tuple[pl.DataFrame, tuple[PathResult, ...]]:
        """The stitched curves, one below the other, and their metrics."""
        parts: list[pl.DataFrame] = []
        results: list[PathResult] = []
        for number, path in enumerate(self.plan.folds.paths, 1):
            pieces = [piece for piece in path if folds[piece.fold].winner is not None]
            part, metrics = self._path(number, pieces, folds) if pieces else (_no_curve(), None)
            parts.append(part)
            results.append(PathResult(number=number, sessions=part.height, metrics=metrics))
        return pl.concat(parts), tuple(results)

    def _path(
        self, number: int, pieces: Sequence[Piece], folds: Sequence[FoldResult]
    ) -> tuple[pl.DataFrame, Numbers]:
        rows = [winner.row for piece in pieces if (winner := folds[piece.fold].winner) is not None]
        returns = np.full(len(self.prepared.sessions) - 1, np.nan)
        number_of = np.zeros(len(returns), np.int64)
        for (fold, (first, last)), row in zip(pieces, rows, strict=True):
            returns[first:last] = self.returns(row)[first:last]
            number_of[first:last] = fold + 1
        places = [piece.places for piece in pieces]
        kept = np.concatenate([np.arange(each.first, each.last) for each in places])
        days = self.prepared.sessions[kept + 1].astype("datetime64[D]")
        benchmark = self.prepared.benchmark
        rival = None if benchmark is None else np.cumprod(benchmark[kept + 1] / benchmark[kept])
        frame = pl.DataFrame(
            {
                "session": pl.Series(days, dtype=pl.Date),
                "path": pl.repeat(number, len(kept), dtype=pl.Int64, eager=True),
                "fold": number_of[kept],
                "return": returns[kept],
                "value": np.cumprod(1.0 + returns[kept]),
                "benchmark": pl.Series([None] * len(kept), dtype=pl.Float64) if rival is None else rival,
            },
            schema=_CURVE,
        )
        return frame, measured(returns, self.prepared, places)

    def _manifest(self) -> dict[str, object]:
        plan, planned = self.plan, self.plan.planned
        identity = manifest(
            self.prepared, engine="compiled", assignment=self.space.fixed, space=self.space.describe()
        )
        if planned.latest_start is not None:
            identity["latest_start"] = str(self.prepared.panel.sessions[planned.latest_start])
        walk = {**plan.scheme.describe(), "by": plan.by, "lowest": plan.lowest}
        return identity | {"walkforward": walk}

    def _stats(self, threads: float, began: float) -> dict[str, object]:
        seconds, supplied = self.found.seconds, self.plan.planned.supplied
        found = {
            "seconds": {
                "data": 0.0 if supplied is None else supplied.seconds,
                **self.plan.planned.seconds,
                "execution": seconds,
                "folds": time.perf_counter() - began,
            },
            **({} if supplied is None else supplied.counts),
            "rows_per_second": self.space.size / seconds,
            "parallelism": threads,
            "peak_memory_bytes": peak_memory(),
        }
        log.info("walkforward", extra={"action": "walkforward.done", **found})
        return found


_CURVE: Mapping[str, type[pl.DataType]] = {
    "session": pl.Date,
    "path": pl.Int64,
    "fold": pl.Int64,
    "return": pl.Float64,
    "value": pl.Float64,
    "benchmark": pl.Float64,
}


def _no_curve() -> pl.DataFrame:
    return pl.DataFrame(schema=_CURVE)


def _efficiency(folds: Sequence[FoldResult], paths: Sequence[PathResult]) -> Efficiency:
    inside = _mean(fold.winner.metrics[ANNUAL] for fold in folds if fold.winner is not None)
    outside = _mean(path.metrics[ANNUAL] for path in paths if path.metrics is not None)
    return Efficiency(in_sample=inside, out_of_sample=outside, ratio=ratio(outside, inside))


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known; None when none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _switch_notes(folds: Sequence[FoldResult], *, free: bool) -> tuple[str, ...]:
    """A note that the stitched curve leaves out a cost, where trades have one and winners change."""
    rows = {fold.winner.row for fold in folds if fold.winner is not None}
    if free or len(rows) < 2:
        return ()
    return ("going over from one fold's winner to the next one's trades at no cost in the stitched curve",)


def _empty_notes(folds: Sequence[FoldResult], by: str) -> tuple[str, ...]:
    """A note on folds without a winner, and one on rows that were left out."""
    empty = [str(fold.number) for fold in folds if fold.winner is None]
    notes = []
    if empty:
        which = f"fold {empty[0]}" if len(empty) == 1 else f"folds {', '.join(empty)}"
        notes.append(f"{by} is defined for no row on the training of {which}: nothing is chosen there")
    most = max(fold.undefined for fold in folds)
    if most:
        notes.append(f"rows without {by} on a training are left out of it, up to {most:,} in a fold")
    return tuple(notes)
