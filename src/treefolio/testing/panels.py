"""Prices for tests: a few written by hand, or random ones with all that makes real ones awkward.

`random_panel` has late listings, gaps, ties and flat lines. `panel_of` takes the closes as they are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from treefolio.market import calendar
from treefolio.market.panel import Panel

FIRST_DAY = date(2012, 1, 3)

Series = NDArray[np.float64]


def random_panel(
    rng: np.random.Generator,
    *,
    tickers: Sequence[str],
    sessions: int = 300,
    late_listings: bool = True,
    gaps: bool = True,
    constant: bool = False,
) -> Panel:
    """Random walks of open, high, low, close and volume for ``tickers`` on consecutive NYSE sessions.

    Some closes are rounded to cents, so that a change of exactly 0 occurs. In some panels one ticker is an
    exact copy of another, or a copy but for the last bits: rankings meet ties and near ties.

    Args:
        late_listings: some tickers have no price in the first sessions, at most a third of them.
        gaps: some tickers have no price on 1 to 5 sessions in between.
        constant: some tickers, at least one, never move.
    """
    names = tuple(sorted(set(tickers)))
    closes = np.stack([_walk(rng, sessions) for _ in names], axis=1)
    if constant:
        still = rng.random(len(names)) < 0.5
        still[rng.integers(len(names))] = True
        closes[:, still] = closes[0, still]
    _copy_one(rng, closes)
    fields = _bars(rng, closes)
    absent = np.zeros(closes.shape, dtype=bool)
    for k in range(len(names)):
        if late_listings and rng.random() < 0.3:
            absent[: rng.integers(1, max(sessions // 3, 2)), k] = True
        if gaps and rng.random() < 0.2:
            begin = rng.integers(sessions)
            absent[begin : begin + rng.integers(1, 6), k] = True
    for values in fields.values():
        values[absent] = np.nan
    return Panel(
        sessions=_days(sessions),
        tickers=names,
        fields=fields,
        basis="made up",
        source="treefolio.testing.panels",
        synthetic=True,
    )


def panel_of(
    closes: Mapping[str, Sequence[float]],
    *,
    opens: Mapping[str, Sequence[float]] | None = None,
    first_day: date = FIRST_DAY,
) -> Panel:
    """A panel of the given closes, by ticker, on consecutive NYSE sessions from ``first_day`` on.

    ``opens`` has the same tickers and lengths; NaN stands for no price.
    """
    names = tuple(sorted(closes))
    fields = {
        field: np.array([given[name] for name in names], dtype=np.float64).T.copy()
        for field, given in (("close", closes), ("open", opens))
        if given is not None
    }
    return Panel(
        sessions=_days(len(fields["close"]), first_day),
        tickers=names,
        fields=fields,
        basis="made up",
        source="treefolio.testing.panels",
        synthetic=True,
    )


def _walk(rng: np.random.Generator, sessions: int) -> Series:
    """One ticker's closes: a geometric random walk, sometimes in whole cents."""
    changes = rng.normal(0.0003, rng.uniform(0.003, 0.03), sessions)
    closes: Series = rng.uniform(5, 200) * np.exp(np.cumsum(changes))
    if rng.random() < 0.4:
        closes = np.maximum(np.round(closes, 2), 0.01)
    return closes


def _copy_one(rng: np.random.Generator, closes: Series) -> None:
    """In about half of the panels one ticker copies another, exactly or nearly."""
    if closes.shape[1] < 2 or rng.random() < 0.5:
        return
    original, copy = rng.choice(closes.shape[1], size=2, replace=False)
    noise = 0.0 if rng.random() < 0.5 else 1e-13
    closes[:, copy] = closes[:, original] * (1 + noise * rng.standard_normal(len(closes)))


def _bars(rng: np.random.Generator, closes: Series) -> dict[str, Series]:
    """Open, high, low and volume around the closes; low ≤ open, close ≤ high."""
    before = np.concatenate([closes[:1], closes[:-1]])
    opens = before * np.exp(rng.normal(0, 0.003, closes.shape))
    highs = np.maximum(opens, closes) * np.exp(np.abs(rng.normal(0, 0.004, closes.shape)))
    lows = np.minimum(opens, closes) * np.exp(-np.abs(rng.normal(0, 0.004, closes.shape)))
    volumes = np.round(np.exp(rng.normal(13, 0.7, closes.shape)))
    return {"open": opens, "high": highs, "low": lows, "close": closes, "volume": volumes}


def _days(sessions: int, first_day: date = FIRST_DAY) -> NDArray[np.datetime64]:
    last = first_day + timedelta(days=sessions * 3 // 2 + 30)
    return calendar.sessions(first_day, last)[:sessions].copy()
