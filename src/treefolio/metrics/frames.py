"""The frame: what all runs over the same sessions, against the same benchmark, have in common.

`frame` works out, once, where months, quarters and years end, where trailing returns start, and what the
benchmark did. Kernels take it as `treefolio.metrics.marks.Marks`.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from treefolio.errors import UsageError
from treefolio.metrics.marks import Marks, Rival
from treefolio.metrics.passes import FLAT
from treefolio.metrics.table import CALENDAR, ORDER, require_keys
from treefolio.metrics.tails import BUCKETS

Series = NDArray[np.float64]
Places = NDArray[np.int64]
Dates = NDArray[np.datetime64]
_Item = TypeVar("_Item", bound=np.generic)

YEAR_DAYS = 365.25


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The sessions of a run and its benchmark, prepared for `treefolio.metrics.measure`.

    Attributes:
        sessions: (N,) datetime64[D], ascending; a run over them has n = N − 1 returns.
        marks: what kernels take.
        wanted: the metrics that somebody will read; None for all.
    """

    sessions: Dates
    marks: Marks
    wanted: frozenset[str] | None = None

    def __reduce__(self) -> tuple[Callable[..., Frame], tuple[Dates, Series | None, frozenset[str] | None]]:
        """Built anew where it is unpickled, so that its arrays are read-only there as well."""
        rival = self.marks.rival.returns
        return frame, (self.sessions, rival if rival.size else None, self.wanted)

    @property
    def returns(self) -> int:
        """n, how many returns a run over these sessions has."""
        return len(self.sessions) - 1

    @cached_property
    def scratch_size(self) -> int:
        """Length of the float64 scratch that the kernel needs, one for each thread."""
        return self.returns + 2 * BUCKETS


def frame(
    sessions: ArrayLike,
    benchmark_returns: ArrayLike | None = None,
    wanted: Collection[str] | None = None,
) -> Frame:
    """The frame of ``sessions`` ((N,) datetime64[D], N ≥ 1) and of the benchmark's n = N − 1 returns.

    No benchmark, or one that is NaN throughout, leaves the metrics against it undefined. ``wanted`` are the
    metrics that somebody will read (None: all); what only others need is not computed.

    Errors: UsageError when sessions do not ascend, or when the benchmark has another length or gaps.
    """
    days = np.array(sessions, dtype="datetime64[D]")
    if (
        days.ndim != 1
        or len(days) == 0
        or np.isnat(days).any()
        or (np.diff(days.astype(np.int64)) <= 0).any()
    ):
        raise UsageError("a frame needs at least one session, and sessions must ascend without repeats")
    rival = _rival(_benchmark(benchmark_returns, days))
    months, quarter_ends, year_ends = _calendar(days)
    trailing = _trailing(days)
    long = np.array(
        [_place(days, _months_before(days[-1], 12 * years)) for years in (3, 5, 10)], dtype=np.int64
    )
    marks = Marks(
        months=_fixed(months),
        quarter_ends=_fixed(quarter_ends),
        year_ends=_fixed(year_ends),
        trailing=_fixed(trailing),
        long=_fixed(long),
        long_years=_fixed((days[-1] - days[long]).astype(np.float64) / YEAR_DAYS),
        years=float((days[-1] - days[0]).astype(np.int64)) / YEAR_DAYS,
        month_start=_start(days, "datetime64[M]"),
        year_start=_start(days, "datetime64[Y]"),
        rival=rival,
        order=wanted is None or not ORDER.isdisjoint(wanted),
        calendar=wanted is None or not CALENDAR.isdisjoint(wanted),
    )
    days.flags.writeable = False
    return Frame(sessions=days, marks=marks, wanted=None if wanted is None else require_keys(wanted))


def _fixed(values: NDArray[_Item]) -> NDArray[_Item]:
    """``values``, made read-only: threads share them."""
    values.flags.writeable = False
    return values


def _benchmark(given: ArrayLike | None, days: Dates) -> Series:
    """(n,) returns, or (0,) for no benchmark."""
    none = np.empty(0, dtype=np.float64)
    if given is None:
        return none
    returns = np.array(given, dtype=np.float64)
    if returns.shape != (len(days) - 1,):
        raise UsageError(
            f"the benchmark has {returns.size} returns for {len(days)} sessions",
            hint=f"It needs {len(days) - 1}: one from each session to the next.",
        )
    gaps = np.flatnonzero(~np.isfinite(returns))
    if len(gaps) == len(returns):
        return none
    if len(gaps):
        raise UsageError(
            f"the benchmark has no return on {len(gaps)} of {len(returns)} sessions",
            session=str(days[gaps[0] + 1]),
            hint="Choose a benchmark that has prices on every session of the run, or none.",
        )
    return returns


def _rival(returns: Series) -> Rival:
    """The benchmark's own sums, by the same rules as the kernel's."""
    days = len(returns)
    if days == 0:
        return Rival(_fixed(returns), nan, nan, nan, 0, nan, 0, nan)
    flat = float(returns.max() - returns.min()) <= FLAT
    mean = math.fsum(returns) / days
    up, down = returns[returns > FLAT], returns[returns < -FLAT]
    return Rival(
        returns=_fixed(returns),
        mean=mean,
        squares=0.0 if flat else math.fsum((float(b) - mean) ** 2 for b in returns),
        growth=math.prod(1.0 + float(b) for b in returns),
        up_days=len(up),
        up_annual=_annual(up),
        down_days=len(down),
        down_annual=_annual(down),
    )


def _annual(returns: Series) -> float:
    """Growth over these days, annualized; NaN for none, below a total loss, and beyond floating point."""
    growth = math.prod(1.0 + float(b) for b in returns)
    if len(returns) == 0 or growth < 0:
        return nan
    with np.errstate(over="ignore"):
        annual = float(np.float64(growth) ** (252 / len(returns))) - 1.0
    return annual if math.isfinite(annual) else nan


def _calendar(days: Dates) -> tuple[Places, Places, Places]:
    """`Marks.months`, `Marks.quarter_ends` and `Marks.year_ends`."""
    month = days[1:].astype("datetime64[M]").astype(np.int64)
    firsts = np.flatnonzero(np.diff(month, prepend=month[:1] - 1))
    names = month[firsts]
    months = np.append(firsts, len(month)).astype(np.int64)
    ends = [(np.diff(names // size, append=-1) != 0).astype(np.int64) for size in (3, 12)]
    return months, ends[0], ends[1]


def _trailing(days: Dates) -> Places:
    """`Marks.trailing`: one session, 7 and 14 days, then 1, 3, 6 and 12 calendar months."""
    last = days[-1]
    starts = [last - np.timedelta64(7, "D"), last - np.timedelta64(14, "D")]
    starts += [_months_before(last, months) for months in (1, 3, 6, 12)]
    return np.array([len(days) - 2, *(_place(days, start) for start in starts)], dtype=np.int64)


def _months_before(day: np.datetime64, months: int) -> np.datetime64:
    """The same day of the month so many months earlier, or the month's last when it is shorter."""
    date = dt.date.fromisoformat(str(day))
    year, month = divmod(date.year * 12 + date.month - 1 - months, 12)
    length = calendar.monthrange(year, month + 1)[1]
    return np.datetime64(dt.date(year, month + 1, min(date.day, length)), "D")


def _place(days: Dates, start: np.datetime64) -> int:
    """The first session on or after ``start``, or −1 when ``start`` is before the run."""
    return -1 if start < days[0] else int(np.searchsorted(days, start))


def _start(days: Dates, period: str) -> int:
    """The last session before the last one's period, or 0 when the run starts within it."""
    return max(0, int(np.searchsorted(days, days[-1].astype(period).astype("datetime64[D]"))) - 1)
