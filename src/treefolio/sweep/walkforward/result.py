"""What a walk-forward found, as values: folds with their winners, paths, efficiency and stability.

`plan` makes them, `files` writes them, reports draw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from treefolio.sweep.space import Space, Value
from treefolio.sweep.walkforward.folds import Scheme
from treefolio.sweep.walkforward.stability import Stability

Numbers = Mapping[str, float | None]

HEADLINE = (
    "cumulative_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "win_rate",
)
"""Metrics of a fold, beside the one that chooses."""
ANNUAL = "cagr"
"""The annual return that efficiency compares: growth^(252 / n) − 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Sessions that follow each other: the first and the last that earn, and how many."""

    first: str
    last: str
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """A row that was the best of some sessions.

    Attributes:
        row: its number, from 0, in the order of the space.
        value: of the metric that chose it, on the sessions that chose it.
        metrics: `HEADLINE` and that metric, on those sessions.
    """

    row: int
    assignment: Mapping[str, Value]
    value: float
    metrics: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """One fold.

    Attributes:
        number: from 1.
        complete: the test is as long as was asked for.
        winner: None when the metric is defined for no row on the training.
        undefined: rows that ran and were left out, because the metric is not defined on the training.
        out_of_sample: the winner's metrics on the test; None without a winner.
    """

    number: int
    train: tuple[Span, ...]
    test: tuple[Span, ...]
    complete: bool
    winner: Winner | None
    undefined: int
    out_of_sample: Numbers | None

    @property
    def efficiency(self) -> float | None:
        """Annual return out of sample over that in sample; None where the latter is not above 0, and for a
        test that is too short to be annualised beside the others."""
        if self.winner is None or self.out_of_sample is None or not self.complete:
            return None
        return ratio(self.out_of_sample[ANNUAL], self.winner.metrics[ANNUAL])


@dataclass(frozen=True, slots=True, kw_only=True)
class PathResult:
    """One way through the tests: every metric of its stitched returns; None when no fold has a winner."""

    number: int
    sessions: int
    metrics: Numbers | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """Pardo's walk-forward efficiency; half or more is the rule of thumb.

    Attributes:
        in_sample: mean over the folds of the winner's annual return on the training.
        out_of_sample: annual return of the stitched curve; with several paths, the mean of theirs.
        ratio: the second over the first; None where the first is not above 0.
    """

    in_sample: float | None
    out_of_sample: float | None
    ratio: float | None


@dataclass(frozen=True, kw_only=True)
class WalkForward:
    """A finished walk-forward, with everything that its files and a report need.

    Attributes:
        by: the metric that chooses; lowest: its lowest value is the best.
        rows: of the space; failed, skipped: those without returns, and those that would start too late.
        paths: one for walk-forward, C(N, k) · k / N for combinatorial cross-validation.
        curve: session, path, fold, return, value, benchmark: the stitched returns, and what 1 becomes.
        changed: share of folds whose winner is another row than the fold's before; None when folds are not
            in the order of time, or there is one only.
        whole: the best row of the whole sample, which has seen every test.
        current: the best row of the stretch that would choose today.
    """

    name: str
    scheme: Scheme
    by: str
    lowest: bool
    space: Space = field(repr=False)
    rows: int
    failed: int
    skipped: int
    folds: tuple[FoldResult, ...]
    paths: tuple[PathResult, ...]
    curve: pl.DataFrame = field(repr=False)
    efficiency: Efficiency
    changed: float | None
    stability: tuple[Stability, ...]
    whole: Winner | None
    current: Winner | None
    synthetic: bool
    manifest: Mapping[str, object] = field(repr=False)
    stats: Mapping[str, object] = field(repr=False)
    notes: tuple[str, ...]


def ratio(out_of_sample: float | None, in_sample: float | None) -> float | None:
    """The first over the second; None where one is unknown or the second is not above 0."""
    if out_of_sample is None or in_sample is None or in_sample <= 0:
        return None
    return out_of_sample / in_sample
