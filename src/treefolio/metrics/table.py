"""The table of metrics: `METRICS`, and where each stands in a row of numbers.

The order of the rows is the order of the numbers that `treefolio.metrics.measure` writes, and of the columns
of ``rows.parquet``.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import nan
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError, did_you_mean
from treefolio.metrics.row import Metric
from treefolio.metrics.rows_other import ACTIVITY, BENCHMARK
from treefolio.metrics.rows_period import DAY, PERIOD
from treefolio.metrics.rows_ratio import RATIO
from treefolio.metrics.rows_return import RETURN, TRAILING
from treefolio.metrics.rows_risk import DRAWDOWN, RISK

GROUPS: Mapping[str, tuple[Metric, ...]] = MappingProxyType(
    {
        "return": RETURN,
        "ratio": RATIO,
        "risk": RISK,
        "drawdown": DRAWDOWN,
        "day": DAY,
        "period": PERIOD,
        "trailing": TRAILING,
        "benchmark": BENCHMARK,
        "activity": ACTIVITY,
    }
)
"""Group → its rows, in the order of the table."""

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "return": "What it earned",
        "ratio": "Return for risk",
        "risk": "Scatter and tails",
        "drawdown": "Drawdowns",
        "day": "Days",
        "period": "Months, quarters, years",
        "trailing": "Lately",
        "benchmark": "Against the benchmark",
        "activity": "Held and traded",
    }
)
"""Group → its heading in reports and docs."""

METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.key: metric for rows in GROUPS.values() for metric in rows}
)
"""Key → row, in the order of the numbers."""

GROUP_OF: Mapping[str, str] = MappingProxyType(
    {metric.key: group for group, rows in GROUPS.items() for metric in rows}
)
"""Key → name of its group."""

POSITIONS: Mapping[str, int] = MappingProxyType({key: place for place, key in enumerate(METRICS)})
"""Key → its place in a row of numbers."""


ORDER: frozenset[str] = frozenset(
    (
        "median",
        "value_at_risk",
        "conditional_value_at_risk",
        "tail_ratio",
        "tail_ratio_linear",
        "outlier_win_ratio",
        "outlier_loss_ratio",
        "top_one_day_contribution",
        "top_five_percent_day_contribution",
        "top_ten_percent_day_contribution",
        "common_sense_ratio",
    )
)
"""Keys that need order statistics, the dearest pass of the kernel."""

CALENDAR: frozenset[str] = frozenset(
    {"expected_month", "expected_year", "gain_to_pain_month"}
    | {metric.key for metric in (*PERIOD, *TRAILING)}
)
"""Keys that need months, years or trailing windows."""


def require_keys(keys: Iterable[str]) -> frozenset[str]:
    """The keys, all of which must be metrics.

    Raises:
        UsageError: one that is none, with the nearest that are.
    """
    wanted = frozenset(keys)
    for key in sorted(wanted):
        if key not in METRICS:
            raise UsageError(f"unknown metric {key!r}", hint=did_you_mean(key, METRICS))
    return wanted


def _places(keys: Iterable[str]) -> Any:
    """A named tuple that holds each key's place: compiled kernels read it as constants."""
    names = tuple(keys)
    return namedtuple("At", names)(*range(len(names)))


AT = _places(METRICS)
"""Each key's place, for kernels: ``out[AT.sharpe]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What only the engine knows of a run; NaN where unknown. The fields are the first rows of ``activity``.

    Attributes:
        herfindahl: mean over sessions of Σw².
        turnover: one-way traded notional / mean value · 252 / N.
        trades: number of orders.
        exposure: mean over sessions of Σ|w|.
        holdings: mean over sessions of the number of holdings.
        costs: slippage, commissions and fees over the starting capital, fraction.
    """

    herfindahl: float = nan
    turnover: float = nan
    trades: float = nan
    exposure: float = nan
    holdings: float = nan
    costs: float = nan

    @classmethod
    def of(cls, vector: NDArray[np.float64]) -> Activity:
        """From (K,) numbers in the order of `ACTIVITY_KEYS`."""
        return cls(**dict(zip(ACTIVITY_KEYS, vector.tolist(), strict=True)))

    def vector(self) -> NDArray[np.float64]:
        """(K,) float64 in the order of `ACTIVITY_KEYS`."""
        return np.array([getattr(self, key) for key in ACTIVITY_KEYS], dtype=np.float64)


ACTIVITY_KEYS: tuple[str, ...] = tuple(field.name for field in fields(Activity))
"""The order of the kernel's ``activity`` argument."""
