"""A metric over many draws, and where the real one lies among them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
NUMBERS = ("sharpe", "cagr", "volatility", "max_drawdown", "calmar")
"""Metrics that a variant of the run is described by."""
YEAR = 252


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One metric over draws.

    Attributes:
        real: the run's own; None where it is undefined.
        quantiles: of the draws, at `QUANTILES`; empty where no draw has the metric.
        below: the share of draws below the real one, equal ones counted half.
        draws: (draws with the metric,) ascending.
    """

    real: float | None
    quantiles: tuple[float, ...]
    below: float | None
    draws: Floats = field(repr=False)


def spread_of(draws: NDArray[np.float64], real: float | None) -> Spread:
    """The spread of (draws,) numbers; those that are not finite are left out."""
    kept = np.sort(draws[np.isfinite(draws)])
    below = None
    if real is not None and len(kept):
        below = float((kept < real).mean() + 0.5 * (kept == real).mean())
    found = np.quantile(kept, QUANTILES).tolist() if len(kept) else []
    return Spread(real=real, quantiles=tuple(found), below=below, draws=kept)


def annual(growth: float, sessions: int) -> float | None:
    """What a growth over so many sessions is a year; None for none, and for less than nothing."""
    if sessions < 1 or not math.isfinite(growth) or growth < 0:
        return None
    return float(growth ** (YEAR / sessions) - 1.0)
