"""The rows of several tables → one panel.

The first table that has a price of a ticker gives all of that ticker: two tables are never mixed inside
one. What was taken from where stands in the panel's `source`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from treefolio.errors import PriceError
from treefolio.market import calendar
from treefolio.market.panel import FIELDS, Dates, Panel, Series
from treefolio.market.rows import Rows

SHOWN = 8
"""How many tickers a sentence names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one table gives.

    Attributes:
        rows: checked rows, of `tickers` only.
        tickers: those that are taken from it.
        passed_over: ticker → name of the earlier table that gave it.
        basis: what its prices are.
    """

    rows: Rows
    tickers: tuple[str, ...]
    passed_over: Mapping[str, str]
    basis: str


def align(parts: Sequence[Part], *, synthetic: bool = False) -> Panel:
    """The panel of all parts. They have at least one row, and no two of them the same ticker. Raises
    PriceError when they are on different bases.

    Its sessions are those of the NYSE from the earliest to the latest row; NaN where a ticker has no row.
    """
    tickers = tuple(sorted(ticker for part in parts for ticker in part.tickers))
    filled = [part.rows for part in parts if len(part.rows.day)]
    first = min(rows.day.min() for rows in filled)
    last = max(rows.day.max() for rows in filled)
    sessions = calendar.sessions(first.item(), last.item()).copy()
    return Panel(
        sessions=sessions,
        tickers=tickers,
        fields=_fields(filled, sessions, tickers),
        basis=_basis(parts),
        source="; ".join(_provenance(part) for part in parts),
        synthetic=synthetic,
    )


def _fields(filled: Sequence[Rows], sessions: Dates, tickers: tuple[str, ...]) -> dict[str, Series]:
    """Name → (T, N): each field of which at least one value is known."""
    column = {ticker: k for k, ticker in enumerate(tickers)}
    made: dict[str, Series] = {}
    for rows in filled:
        across = np.array([column.get(name, -1) for name in rows.names], dtype=np.int64)[rows.ticker]
        down = np.searchsorted(sessions, rows.day)
        for name in FIELDS:
            values = rows.fields.get(name)
            if values is None or np.isnan(values).all():
                continue
            if name not in made:
                made[name] = np.full((len(sessions), len(tickers)), np.nan)
            made[name][down, across] = values
    return made


def _basis(parts: Sequence[Part]) -> str:
    """What all prices are. Raises PriceError when they differ: a ratio of two bases means nothing."""
    by_basis: dict[str, Part] = {}
    for part in parts:
        if part.tickers:
            by_basis.setdefault(part.basis, part)
    if len(by_basis) > 1:
        (one, first), (other, second) = sorted(by_basis.items())[:2]
        raise PriceError(
            f"two bases in one panel: {first.rows.origin.name} has {one!r} ({named(first.tickers)}), "
            f"{second.rows.origin.name} has {other!r} ({named(second.tickers)})",
            source=second.rows.origin.name,
            hint="Use files on one basis, or say with --price-column what all of them have in common.",
        )
    return next(iter(by_basis))


def _provenance(part: Part) -> str:
    """What was taken from a part, and what it has but another gave."""
    count = len(part.tickers)
    said = f"{part.rows.origin.name}: {count} ticker{'s' if count != 1 else ''}"
    if not part.passed_over:
        return said
    given: dict[str, list[str]] = {}
    for ticker, earlier in part.passed_over.items():
        given.setdefault(earlier, []).append(ticker)
    others = ", ".join(f"{named(sorted(tickers))} from {earlier}" for earlier, tickers in given.items())
    return f"{said} ({others} instead)"


def named(words: Sequence[str]) -> str:
    """The first few words, and how many more there are."""
    more = len(words) - SHOWN
    return ", ".join(words[:SHOWN]) + (f" and {more} more" if more > 0 else "")
