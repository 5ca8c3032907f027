"""How two panels differ, ticker by ticker: two sources, two snapshots, or one source on two days.

Only closes are compared. What is looked for is what usually is the matter: another date of adjustment makes
one constant ratio between the two, an action that one of them lacks makes the ratio step on its ex-date, and
other prices make it move all the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from treefolio.market.panel import Dates, Panel, Series

Ints = NDArray[np.int64]

TOLERANCE = 1e-6
"""Closes that differ by less, relatively, are equal."""
OFTEN = 10
"""A ratio that moves more often than once in as many sessions, and more than twice, has no steps."""
SPLIT = 1.4
"""A step of so much or more is no dividend."""
SHOWN = 6
"""How many steps are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A session on which the ratio of A's close to B's becomes `factor` times what it was.

    Attributes:
        lacks: the panel that was not adjusted for what happened, ``A`` or ``B``.
    """

    session: date
    factor: float
    lacks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """The largest difference of its kind, as a fraction, and its session."""

    size: float
    session: date


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerDifference:
    """What is different about one ticker in panels A and B.

    Attributes:
        only_in: ``A`` or ``B`` when the other has no price of it at all.
        only_a, only_b: sessions with a close in only one of them.
        compared: how many sessions have a close in both.
        unequal: on how many of these the closes differ.
        closes: the largest |A/B − 1|. returns: the largest difference of daily returns. None without any.
        factor: A/B on all sessions, or from the last step on; exactly 1 within the tolerance. None when the
            ratio moves all the time, or nothing was compared.
        steps: where the ratio steps.
    """

    ticker: str
    only_in: str | None = None
    only_a: tuple[date, ...] = ()
    only_b: tuple[date, ...] = ()
    compared: int = 0
    unequal: int = 0
    closes: Largest | None = None
    returns: Largest | None = None
    factor: float | None = None
    steps: tuple[Step, ...] = ()

    @property
    def alike(self) -> bool:
        """Whether nothing is different."""
        return not (self.only_in or self.only_a or self.only_b or self.unequal)


def compare(a: Panel, b: Panel, *, tolerance: float = TOLERANCE) -> list[TickerDifference]:
    """Every ticker of either panel, sorted, alike ones included. `tolerance` is relative."""
    return [_ticker(a, b, ticker, tolerance) for ticker in sorted({*a.tickers, *b.tickers})]


def _closes(panel: Panel, ticker: str) -> tuple[Dates, Series]:
    """The ticker's sessions with a close, and these."""
    if ticker not in panel:
        return panel.sessions[:0], np.empty(0)
    close = panel.column(ticker)
    known = np.isfinite(close)
    return panel.sessions[known], close[known]


def _among(days: Dates, others: Dates) -> NDArray[np.bool_]:
    """Whether each day is one of the others; both ascend and are not empty."""
    place = np.searchsorted(others, days).clip(max=len(others) - 1)
    found: NDArray[np.bool_] = others[place] == days
    return found


def _ticker(a: Panel, b: Panel, ticker: str, tolerance: float) -> TickerDifference:
    (days_a, close_a), (days_b, close_b) = _closes(a, ticker), _closes(b, ticker)
    if len(days_a) == 0 or len(days_b) == 0:
        there = "A" if len(days_a) else "B" if len(days_b) else None
        return TickerDifference(ticker=ticker, only_in=there)
    in_a, in_b = _among(days_a, days_b), _among(days_b, days_a)
    days, one, other = days_a[in_a], close_a[in_a], close_b[in_b]
    ratio = one / other
    unequal = int((np.abs(ratio - 1) > tolerance).sum())
    places = _steps(ratio, tolerance) if unequal else np.empty(0, dtype=np.int64)
    factor = None if places is None or not len(days) else float(np.median(ratio[_last(places) :]))
    return TickerDifference(
        ticker=ticker,
        only_a=tuple(days_a[~in_a].tolist()),
        only_b=tuple(days_b[~in_b].tolist()),
        compared=len(days),
        unequal=unequal,
        closes=_largest(np.abs(ratio - 1), days),
        returns=_largest(np.abs(one[1:] / one[:-1] - other[1:] / other[:-1]), days[1:]),
        factor=1.0 if factor is not None and abs(factor - 1) <= tolerance else factor,
        steps=() if places is None else tuple(_step(days, one, other, int(at)) for at in places),
    )


def _largest(sizes: Series, days: Dates) -> Largest | None:
    if not len(sizes):
        return None
    at = int(np.argmax(sizes))
    return Largest(size=float(sizes[at]), session=days[at].item())


def _last(places: Ints) -> int:
    return int(places[-1]) if len(places) else 0


def _steps(ratio: Series, tolerance: float) -> Ints | None:
    """The positions at which a ratio steps; None when it moves too often, or drifts in between."""
    places = np.flatnonzero(np.abs(ratio[1:] / ratio[:-1] - 1) > 2 * tolerance) + 1
    if len(places) > max(2, len(ratio) // OFTEN):
        return None
    drift = max(
        (float(np.ptp(piece) / np.median(piece)) for piece in np.split(ratio, places) if len(piece)),
        default=0.0,
    )
    return places if drift <= 4 * tolerance else None


def _step(days: Dates, one: Series, other: Series, at: int) -> Step:
    """The step at position `at`. A payout lowers all prices before it, in the panel that knows of it; a split
    makes the panel jump that does not."""
    moved, moved_other = one[at] / one[at - 1], other[at] / other[at - 1]
    factor = float(moved / moved_other)
    if 1 / SPLIT < factor < SPLIT:
        lacks = "B" if factor > 1 else "A"
    else:
        lacks = "A" if abs(np.log(moved)) > abs(np.log(moved_other)) else "B"
    return Step(session=days[at].item(), factor=factor, lacks=lacks)


def lines(differences: Sequence[TickerDifference]) -> list[str]:
    """The differences in words: some lines for each ticker that differs, then how many are alike."""
    told = [f"{each.ticker}: {said}" for each in differences for said in _said(each)]
    alike = sum(each.alike for each in differences)
    return [*told, f"{alike} of {len(differences)} tickers are alike"]


def _said(difference: TickerDifference) -> Iterator[str]:
    if difference.only_in:
        yield f"only in {difference.only_in}"
        return
    for name, days in (("A", difference.only_a), ("B", difference.only_b)):
        if days:
            yield f"{_sessions(days)} only in {name}"
    if difference.unequal:
        yield from _said_of_closes(difference)


def _sessions(days: Sequence[date]) -> str:
    if len(days) == 1:
        return f"the session {days[0]} is"
    return f"{len(days):,} sessions, {days[0]} to {days[-1]}, are"


def _said_of_closes(difference: TickerDifference) -> Iterator[str]:
    """Why the closes differ, where that can be seen, and by how much they do."""
    steps, factor = difference.steps, difference.factor
    if factor is not None and factor != 1:
        where = "after the last step closes" if steps else "all closes"
        yield f"{where} differ by the factor {factor:.6g}: another date of adjustment, or another basis"
    yield from _said_of_steps(steps[:SHOWN])
    if len(steps) > SHOWN:
        yield f"and {len(steps) - SHOWN} more steps, the last on {steps[-1].session}"
    if factor is None:
        yield "the prices are others: their ratio moves all the time"
    if difference.closes:
        said = f"closes differ on {difference.unequal:,} of {difference.compared:,} sessions, "
        said += f"at most by {_percent(difference.closes)}"
        yield said + (f"; daily returns by {_percent(difference.returns)}" if difference.returns else "")


def _said_of_steps(steps: Sequence[Step]) -> Iterator[str]:
    """One line for each step, or for two of which the second takes the first one back."""
    left = list(steps)
    while left:
        step = left.pop(0)
        if left and abs(step.factor * left[0].factor - 1) < abs(step.factor - 1) / 1000:
            yield f"other prices from {step.session} until before {left.pop(0).session}"
        else:
            yield f"steps on {step.session}: {_action(step)} that {step.lacks} lacks"


def _action(step: Step) -> str:
    """What would make the step."""
    if 1 / SPLIT < step.factor < SPLIT:
        return f"a dividend of {100 * (1 - min(step.factor, 1 / step.factor)):.3g} %"
    shares = step.factor if step.lacks == "B" else 1 / step.factor
    return f"a split of {shares:.4g} for 1" if shares > 1 else f"a reverse split of 1 for {1 / shares:.4g}"


def _percent(largest: Largest) -> str:
    return f"{100 * largest.size:.3g} % on {largest.session}"
