"""The start nobody chose: the same run, begun in each of its months, and over rolling years.

All of it comes from the one curve, without another run: what a tree decides depends on prices, and not on
when the money came. Where trading is daily at the close, free and in fractional shares, a slice of the curve
is exactly the run that starts there. Otherwise a later start differs by its first purchase, and, where the
rule of rebalancing looks at what is held (a corridor, a period, whole shares), by what it would have held;
`Starts.caveat` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.metrics.passes import FLAT
from treefolio.sweep.robustness.spread import YEAR, Floats, annual
from treefolio.sweep.single import Result

LEAST = YEAR
"""Returns that a start must leave: less is no annual return."""
ROLLING = (1, 3)
"""Years, of 252 sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """From one session to the end of the run.

    Attributes:
        session: of the first decision. sessions: how many returns follow.
        benchmark: its annual return over the same sessions; None without one.
    """

    session: str
    sessions: int
    cagr: float | None
    sharpe: float | None
    max_drawdown: float
    benchmark: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One stretch of the run: from the close of a session to that of another."""

    first: str
    last: str
    cagr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """All stretches of so many years, one for each session that they can begin on.

    Attributes:
        loss: the share that lost. behind: the share that the benchmark beat; None without one.
    """

    years: int
    windows: int
    worst: Window
    median: float
    best: Window
    loss: float
    behind: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """The run by its start.

    Attributes:
        found: in the order of time; the first is the run itself.
        caveat: how a run that starts there may differ; None where it does not.
    """

    found: tuple[Start, ...]
    rolling: tuple[Rolling, ...]
    caveat: str | None

    @property
    def worst(self) -> Start:
        """By annual return; of equals the first."""
        return min(self.found, key=_key)

    @property
    def best(self) -> Start:
        """By annual return; of equals the first."""
        return max(self.found, key=_key)


def _key(start: Start) -> float:
    return -math.inf if start.cagr is None else start.cagr


def starts(result: Result) -> Starts:
    """What each start brings.

    Raises:
        UsageError: the run is shorter than a year.
    """
    run = result.run
    if len(run.returns) < LEAST:
        raise UsageError(
            f"the run has {len(run.returns)} returns, and a start must leave {LEAST}",
            hint="Give it a longer history.",
        )
    places = _months(run.sessions, len(run.returns))
    found = tuple(_start(result, int(k)) for k in places)
    rolling = [_rolling(result, years) for years in ROLLING if len(run.returns) >= years * YEAR]
    return Starts(found=found, rolling=tuple(rolling), caveat=_caveat(result))


def _caveat(result: Result) -> str | None:
    prepared, execution = result.prepared, result.prepared.question.execution
    if prepared.market.free:
        return None
    rule = prepared.strategy.rebalance.rule
    if rule == "daily" and not execution.whole_shares:
        return "a run that starts there also pays for its first purchase, and waits for its first fill"
    return "a run that starts there may hold something else until it trades next"


def _months(sessions: NDArray[np.datetime64], returns: int) -> NDArray[np.int64]:
    """The first session of the run and of each of its months, as long as a year is left."""
    months = sessions.astype("datetime64[M]").astype(np.int64)
    firsts = np.flatnonzero(np.diff(months, prepend=months[:1] - 1))
    return firsts[returns - firsts >= LEAST].astype(np.int64)


def _start(result: Result, k: int) -> Start:
    """From session k on."""
    returns, rival = result.run.returns[k:], result.benchmark
    growth = np.asarray(np.cumprod(1.0 + returns), dtype=np.float64)
    return Start(
        session=str(result.run.sessions[k]),
        sessions=len(returns),
        cagr=annual(float(growth[-1]), len(returns)),
        sharpe=sharpe_of(returns),
        max_drawdown=deepest(growth),
        benchmark=None if rival is None else annual(float(rival[-1] / rival[k]), len(returns)),
    )


def sharpe_of(returns: Floats) -> float | None:
    """Annual, without a risk-free rate; None where the returns do not vary."""
    if len(returns) < 2 or float(np.ptp(returns)) <= FLAT:
        return None
    return float(returns.mean() / returns.std(ddof=1) * math.sqrt(YEAR))


def deepest(growth: Floats) -> float:
    """The largest loss from a peak, positive; ``growth`` are multiples of the start, which is a peak too."""
    peaks = np.maximum(np.maximum.accumulate(growth), 1.0)
    return float((1.0 - growth / peaks).max())


def _rolling(result: Result, years: int) -> Rolling:
    length = years * YEAR
    values = np.concatenate(([1.0], np.cumprod(1.0 + result.run.returns)))
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = np.where(values[:-length] > 0, values[length:] / values[:-length], 0.0)
    yearly = np.maximum(gains, 0.0) ** (1.0 / years) - 1.0
    rival, behind = result.benchmark, None
    if rival is not None:
        behind = float((gains < rival[length:] / rival[:-length]).mean())
    return Rolling(
        years=years,
        windows=len(yearly),
        worst=_window(result, yearly, int(yearly.argmin()), length),
        median=float(np.median(yearly)),
        best=_window(result, yearly, int(yearly.argmax()), length),
        loss=float((yearly < 0).mean()),
        behind=behind,
    )


def _window(result: Result, yearly: Floats, k: int, length: int) -> Window:
    sessions = result.run.sessions
    return Window(first=str(sessions[k]), last=str(sessions[k + length]), cagr=float(yearly[k]))
