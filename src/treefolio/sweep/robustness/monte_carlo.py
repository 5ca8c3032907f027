"""What else could have come of days like these: the run's daily returns, resampled in blocks.

The statistics are `treefolio.selection.bootstrap`'s. They tell the luck of the order and of the draw. They
do not tell whether the rule was made to suit these days: a rule that was looks as good in every resampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.selection.bootstrap import QUANTILES as BANDS
from treefolio.selection.bootstrap import paths
from treefolio.sweep.robustness.spread import Floats, Spread, spread_of
from treefolio.sweep.single import Result

__all__ = ["BANDS", "MonteCarlo", "monte_carlo"]

MOST_NUMBERS = 60_000_000
"""Sessions times draws that are held in memory at once: 2.4 GB."""


@dataclass(frozen=True, kw_only=True)
class MonteCarlo:
    """Resampled histories of a run, each as long as the run.

    Attributes:
        block: the mean length of a run of consecutive sessions, chosen from the returns.
        sessions: (N,) of the run. values: (N,) the run's own value, 1 at the start.
        bands: (5, N) quantiles `BANDS` over the histories of what 1 has become.
        spreads: ``sharpe``, ``cagr``, ``max_drawdown``.
        loss: the share of histories that end below their start.
    """

    draws: int
    block: float
    sessions: NDArray[np.datetime64] = field(repr=False)
    values: Floats = field(repr=False)
    bands: Floats = field(repr=False)
    spreads: Mapping[str, Spread]
    loss: float


def monte_carlo(result: Result, *, draws: int, seed: int) -> MonteCarlo:
    """Resamples a run's returns.

    Raises:
        UsageError: fewer than 20 returns, or more numbers than are held at once.
    """
    returns = result.run.returns
    if draws * len(returns) > MOST_NUMBERS:
        raise UsageError(
            f"{draws:,} draws of {len(returns):,} sessions are more than {MOST_NUMBERS:,} numbers",
            hint=f"Ask for at most {MOST_NUMBERS // len(returns):,} --draws.",
        )
    found = paths(returns, draws=draws, seed=seed)
    real = result.metrics
    ones = np.ones((len(BANDS), 1))
    return MonteCarlo(
        draws=draws,
        block=found.block,
        sessions=result.run.sessions,
        values=np.concatenate(([1.0], np.cumprod(1.0 + returns))),
        bands=np.concatenate((ones, found.bands), axis=1),
        spreads={
            "sharpe": spread_of(found.sharpe, real["sharpe"]),
            "cagr": spread_of(found.annual_return, real["cagr"]),
            "max_drawdown": spread_of(found.max_drawdown, real["max_drawdown"]),
        },
        loss=float((found.annual_return < 0).mean()),
    )
