"""What kernels take of a frame: named tuples that `treefolio.metrics.frames` builds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
Places = NDArray[np.int64]


class Rival(NamedTuple):
    """The benchmark, of which a row needs only these sums. Annual: growth^(252 / days) − 1."""

    returns: Series
    """(n,), or (0,) when there is no benchmark."""
    mean: float
    squares: float
    """Σ(b − mean)²; exactly 0 when all are equal, by `FLAT`."""
    growth: float
    """Π(1 + b)."""
    up_days: int
    """Days with b > 0, by `FLAT`."""
    up_annual: float
    down_days: int
    down_annual: float


class Marks(NamedTuple):
    """A frame as kernels take it. Places count returns: place i is the return of session i + 1."""

    months: Places
    """(months + 1,) the place of each calendar month's first return, then n."""
    quarter_ends: Places
    """(months,) 1 where the month is the last of its quarter in the run, else 0."""
    year_ends: Places
    """(months,) 1 where the month is the last of its year in the run, else 0."""
    trailing: Places
    """(7,) the session from which the last 1 d, 1 w, 2 w, 1 m, 3 m, 6 m, 1 y count; −1: before the run."""
    long: Places
    """(3,) likewise for 3, 5 and 10 years."""
    long_years: Series
    """(3,) years of 365.25 days from there to the last session."""
    years: float
    """Years of 365.25 days from the first session to the last."""
    month_start: int
    """The session from which the month to date is counted: the last before it, or the first of all."""
    year_start: int
    """Likewise for the year to date."""
    rival: Rival
    order: bool
    """Order statistics are wanted: quantiles, tails, the largest days."""
    calendar: bool
    """Months, years and trailing returns are wanted."""
