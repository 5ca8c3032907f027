"""The rows that no other row beats, in two or three metrics at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from treefolio.errors import UsageError
from treefolio.metrics import METRICS
from treefolio.service.charts.chosen import NUMBER, choose, require_metric, said, variables_of
from treefolio.service.charts.models import Aim, Pareto
from treefolio.service.shelf import Table
from treefolio.sweep.front import front

FEWEST, MOST = 2, 3
"""Metrics."""
USUAL = ("annualized_return", "max_drawdown")
MOST_ROWS = 2_000
"""Of a front, in an answer."""


def pareto(there: Table, *, metrics: Sequence[str], where: str | None = None) -> Pareto:
    """The front of the rows that satisfy the condition and have all of the metrics.

    Raises:
        UsageError: not two or three metrics whose better end is known, or no condition.
    """
    aims = _aims(metrics, there)
    names = variables_of(there.rows)
    keys = [f"m{k}" for k in range(len(aims))]
    columns = {key: aim.name for key, aim in zip(keys, aims, strict=True)}
    found = choose(there, where, {**columns, **{f"v{k}": name for k, name in enumerate(names)}})
    defined = found.drop_nulls(keys)
    signs = [-1.0 if aim.better == "low" else 1.0 for aim in aims]
    numbers = defined.select(pl.col(keys).cast(pl.Float64)).to_numpy() * signs
    places = front(numbers) if defined.height else np.zeros(0, np.int64)
    best_first = places[np.lexsort((places, *(-numbers[places, ::-1].T)))]
    shown = defined[best_first[:MOST_ROWS]]
    return Pareto(
        **said(there, found.height),
        metrics=aims,
        variables=names,
        size=len(places),
        numbers=shown[NUMBER].to_list(),
        points=[list(row) for row in shown.select(keys).iter_rows()],
        values=[list(row) for row in shown.select(f"v{k}" for k in range(len(names))).iter_rows()],
    )


def _aims(metrics: Sequence[str], there: Table) -> list[Aim]:
    if not FEWEST <= len(metrics) <= MOST or len(set(metrics)) < len(metrics):
        raise UsageError(
            f"a front has {FEWEST} or {MOST} different metrics, not {', '.join(metrics) or 'none'}",
            path="metrics",
            hint="Such as metrics=annualized_return&metrics=max_drawdown.",
        )
    return [_aim(name, there) for name in metrics]


def _aim(name: str, there: Table) -> Aim:
    require_metric(name, there.rows, "metrics")
    better = METRICS[name].better if name in METRICS else "high"
    if better is None:
        raise UsageError(f"of {name} neither end is better", path="metrics", hint="Choose another metric.")
    return Aim(name=name, better=better)
