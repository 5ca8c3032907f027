"""What moving the numbers of a strategy did: drops, falls, cliffs and the dead, ranked.

Of each number it is said, in units of the Sharpe ratio,

* the **drop**: from the real ratio to the lowest among its steps;
* the **fall**: the most that is lost from one step to the next, on the way out to either side;
* the **cliff score**: the fall less the usual size of one step, which is the median over all steps of all
  numbers that matter. A number whose score is above `CLIFF` is a cliff.

A number is **dead** when no step of it changes any metric by a single bit. The runs are made in
`treefolio.sweep.robustness.literals`; `judged` ranks them, `table` is their file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from treefolio.strategy.tree import Number
from treefolio.sweep.robustness.ladder import Ladder
from treefolio.sweep.robustness.spread import NUMBERS

CLIFF = 0.1
"""A Sharpe ratio that one step costs more than steps usually do."""

Numbers = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One row.

    Attributes:
        steps: from the literal; 0 is the strategy as it is.
        metrics: of `NUMBERS`; None where the row has none, for this ``reason``.
        same: every number of the row is that of row 0.
    """

    steps: int
    value: Number
    metrics: Numbers | None
    reason: str | None = None
    same: bool = False

    @property
    def sharpe(self) -> float | None:
        """None where it is undefined."""
        return None if self.metrics is None else self.metrics["sharpe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What moving one number does; Sharpe ratios.

    Attributes:
        moved: by ``steps``, ascending, the literal itself among them.
        dead: it changes nothing.
        drop: from the real ratio to the lowest; 0 when none is lower.
        lowest: where that is; None when none is lower.
        fall: the most that is lost from one step to the next one out. edge: from there, to there.
        cliff: the score.
    """

    ladder: Ladder
    moved: tuple[Moved, ...]
    dead: bool
    drop: float
    lowest: Moved | None
    fall: float
    edge: tuple[Moved, Moved] | None
    cliff: float

    @property
    def is_cliff(self) -> bool:
        """One step of it costs much more than steps usually do."""
        return self.cliff > CLIFF


@dataclass(frozen=True, kw_only=True)
class Literals:
    """All numbers of a strategy, moved.

    Attributes:
        start: of the common window. base: metrics of the strategy as it is, on it.
        found: the most fragile first, by drop; dead ones last, in the order of the tree.
        usual: the median size of one step, over all that matter; 0 without any.
        left_out: numbers that were not moved, and why.
        worse: the share of rows that are not the same whose Sharpe ratio is lower than the real one.
    """

    steps: int
    start: str
    base: Numbers
    found: tuple[Sensitivity, ...]
    usual: float
    left_out: Mapping[str, str]
    rows: int
    failed: int
    worse: float | None

    @property
    def alive(self) -> tuple[Sensitivity, ...]:
        """Those that change something."""
        return tuple(each for each in self.found if not each.dead)

    @property
    def dead(self) -> tuple[Sensitivity, ...]:
        """Those that change nothing."""
        return tuple(each for each in self.found if each.dead)

    @property
    def cliffs(self) -> tuple[Sensitivity, ...]:
        """The highest score first."""
        return tuple(sorted((each for each in self.found if each.is_cliff), key=lambda each: -each.cliff))


def judged(
    ladders: Sequence[Ladder],
    rows: Sequence[Moved],
    *,
    left_out: Mapping[str, str],
    start: str,
    steps: int,
) -> Literals:
    """The ranking. ``rows``: the strategy as it is, then each ladder's moves in their order."""
    base, rest = rows[0], iter(rows[1:])
    ways: list[tuple[Ladder, tuple[Moved, ...]]] = []
    for each in ladders:
        own = Moved(steps=0, value=each.value, metrics=base.metrics, reason=base.reason, same=True)
        moved = [own, *(next(rest) for _ in each.moves)]
        ways.append((each, tuple(sorted(moved, key=lambda point: point.steps))))
    sizes = [abs(a - b) for _, way in ways if not _dead(way) for a, b in _pairs(way)]
    usual = float(np.median(sizes)) if sizes else 0.0
    found = [_sensitivity(each, way, usual) for each, way in ways]
    different = [row.sharpe for row in rows[1:] if not row.same and row.sharpe is not None]
    worse = None
    if different and base.sharpe is not None:
        worse = sum(value < base.sharpe for value in different) / len(different)
    return Literals(
        steps=steps,
        start=start,
        base=base.metrics or dict.fromkeys(NUMBERS),
        found=tuple(sorted(found, key=lambda each: (each.dead, -each.drop, -each.fall))),
        usual=usual,
        left_out=left_out,
        rows=len(rows) - 1,
        failed=sum(row.metrics is None for row in rows[1:]),
        worse=worse,
    )


def _dead(way: Sequence[Moved]) -> bool:
    return all(point.same for point in way)


def _outward(way: Sequence[Moved]) -> list[tuple[Moved, Moved]]:
    """Neighbours that both have a Sharpe ratio: the one nearer to the literal, then the one further out."""
    pairs = [(a, b) if b.steps > 0 else (b, a) for a, b in pairwise(way)]
    return [(a, b) for a, b in pairs if a.sharpe is not None and b.sharpe is not None]


def _pairs(way: Sequence[Moved]) -> list[tuple[float, float]]:
    return [(a.sharpe or 0.0, b.sharpe or 0.0) for a, b in _outward(way)]


def _sensitivity(ladder: Ladder, way: tuple[Moved, ...], usual: float) -> Sensitivity:
    own = next(point.sharpe for point in way if point.steps == 0)
    drop, lowest = 0.0, None
    for point in way:
        if own is not None and point.sharpe is not None and own - point.sharpe > drop:
            drop, lowest = own - point.sharpe, point
    fall, edge = 0.0, None
    for (a, b), ends in zip(_pairs(way), _outward(way), strict=True):
        if a - b > fall:
            fall, edge = a - b, ends
    return Sensitivity(
        ladder=ladder,
        moved=way,
        dead=_dead(way),
        drop=drop,
        lowest=lowest,
        fall=fall,
        edge=edge,
        cliff=max(0.0, fall - usual),
    )


def table(found: Literals) -> pl.DataFrame:
    """``literals.parquet``: a row for each number and step, in the order of the ranking."""
    lines = [
        (rank, each, point)
        for rank, each in enumerate(found.found, start=1)
        for point in each.moved
        if point.steps != 0
    ]
    columns = [
        pl.Series("rank", [rank for rank, _, _ in lines], dtype=pl.Int64),
        pl.Series("handle", [each.ladder.id for _, each, _ in lines], dtype=pl.String),
        pl.Series("kind", [each.ladder.kind for _, each, _ in lines], dtype=pl.String),
        pl.Series("text", [each.ladder.text for _, each, _ in lines], dtype=pl.String),
        pl.Series("uses", [each.ladder.uses for _, each, _ in lines], dtype=pl.Int64),
        pl.Series("literal", [float(each.ladder.value) for _, each, _ in lines], dtype=pl.Float64),
        pl.Series("steps", [point.steps for _, _, point in lines], dtype=pl.Int64),
        pl.Series("value", [float(point.value) for _, _, point in lines], dtype=pl.Float64),
    ]
    for key in NUMBERS:
        values = [None if point.metrics is None else point.metrics[key] for _, _, point in lines]
        columns.append(pl.Series(key, values, dtype=pl.Float64))
    changes = [_change(found.base["sharpe"], point.sharpe) for _, _, point in lines]
    return pl.DataFrame(
        [
            *columns,
            pl.Series("sharpe_change", changes, dtype=pl.Float64),
            pl.Series("drop", [each.drop for _, each, _ in lines], dtype=pl.Float64),
            pl.Series("cliff", [each.cliff for _, each, _ in lines], dtype=pl.Float64),
            pl.Series("dead", [each.dead for _, each, _ in lines], dtype=pl.Boolean),
            pl.Series(
                "status",
                ["ok" if point.metrics is not None else "failed" for _, _, point in lines],
                dtype=pl.String,
            ),
            pl.Series("reason", [point.reason for _, _, point in lines], dtype=pl.String),
        ]
    )


def _change(base: float | None, value: float | None) -> float | None:
    return None if base is None or value is None else value - base
