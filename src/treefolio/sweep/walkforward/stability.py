"""Whether the folds of a walk-forward agree on the values of the variables, or jump about."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from treefolio.sweep.space import Space, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How one variable's value fares from fold to fold.

    Attributes:
        values: the variable's values; wins: how many folds each of them won.
        changed: share of folds whose winner has another value than the winner of the fold before.
        mean_step: mean size of those moves, in positions among the values from small to large, those that
            stay counted as 0; None where values are words.

    The last two are None where folds do not follow each other in time, or fewer than two have a winner.
    """

    variable: str
    values: tuple[Value, ...]
    wins: tuple[int, ...]
    changed: float | None
    mean_step: float | None


def stabilities(
    space: Space, rows: Sequence[int], *, ordered: bool
) -> tuple[float | None, tuple[Stability, ...]]:
    """The share of folds whose winner is another row than the fold's before, and each variable's stability.

    Args:
        rows: the folds' winners; below 0: none.
        ordered: folds follow each other in time.
    """
    chosen = [space.choices(row, row + 1)[0] for row in rows if row >= 0]
    moved = [row for row in rows if row >= 0] if ordered else []
    found = []
    for v, (name, values) in enumerate(space.axes.items()):
        positions = [int(choice[v]) for choice in chosen]
        found.append(_stability(name, values, positions, ordered=ordered))
    return _changed(moved), tuple(found)


def _stability(name: str, values: tuple[Value, ...], positions: list[int], *, ordered: bool) -> Stability:
    numbers = [value for value in values if not isinstance(value, str)]
    step = None
    if ordered and len(numbers) == len(values) and len(positions) > 1:
        rank = {value: k for k, value in enumerate(sorted(numbers))}
        ranks = [rank[numbers[position]] for position in positions]
        step = sum(abs(b - a) for a, b in itertools.pairwise(ranks)) / (len(ranks) - 1)
    return Stability(
        variable=name,
        values=values,
        wins=tuple(positions.count(k) for k in range(len(values))),
        changed=_changed(positions) if ordered else None,
        mean_step=step,
    )


def _changed(items: Sequence[int]) -> float | None:
    """The share that differs from the one before; None when there are no two."""
    if len(items) < 2:
        return None
    return sum(a != b for a, b in itertools.pairwise(items)) / (len(items) - 1)
