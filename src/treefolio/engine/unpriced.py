"""What is said when something that is held has no price: which price it is, and which runs would have it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.run import Window
from treefolio.market.panel import Panel

SHOWN = 8
"""Tickers that a hint lists."""


def unpriced(panel: Panel, window: Window, ticker: str, session: int, held: Collection[str]) -> str:
    """What to do about a ticker that is held on a session of the panel and has no price then.

    Args:
        held: everything that can be held.
    """
    days = _priced(panel, window, ticker)
    if not len(days):
        return f"There is no price of {ticker}: replace it; `treefolio inspect` lists its handle."
    if session < days[0]:
        return _not_yet(panel, window, ticker, held)
    if session > days[-1]:
        return _no_more(panel, window, ticker, held)
    before, after = days[days < session][-1], days[days > session][0]
    said = f"{ticker} has no price between {panel.sessions[before]} and {panel.sessions[after]}"
    ways = [f"--end {panel.sessions[before]}"] if before > window.first else []
    ways += [f"--start {panel.sessions[after]}"] if after < window.last else []
    return f"{said}: choose {' or '.join(ways) or 'another window'}, or replace it."


def _not_yet(panel: Panel, window: Window, ticker: str, held: Collection[str]) -> str:
    """Everything that can be held and has its first price inside the run; the ticker itself comes first."""
    firsts = {name: int(days[0]) for name in held if len(days := _priced(panel, window, name))}
    late = {name: day for name, day in firsts.items() if day > window.first}
    return (
        "Of what can be held, these have their first price after the start: "
        f"{_listed(panel, late, ticker)}. "
        "Choose a later --start, or replace a ticker: `treefolio inspect` lists its handle."
    )


def _no_more(panel: Panel, window: Window, ticker: str, held: Collection[str]) -> str:
    """When the ticker's prices end, and those of everything else that can be held and ends in the run."""
    lasts = {name: int(days[-1]) for name in held if len(days := _priced(panel, window, name))}
    others = {name: day for name, day in lasts.items() if window.first <= day < window.last}
    end = panel.sessions[lasts[ticker]]
    way = (
        f"choose --end {end}" if others.pop(ticker, window.first) > window.first else "choose another window"
    )
    more = f" Of what can be held, these end as well: {_listed(panel, others, ticker)}." if others else ""
    return f"The prices of {ticker} end on {end}: {way}, or replace it.{more}"


def _listed(panel: Panel, days: Mapping[str, int], leader: str) -> str:
    """Tickers with their days: the leader, then the latest."""
    order = sorted(days, key=lambda name: (name != leader, -days[name], name))
    more = f" and {len(order) - SHOWN} more" if len(order) > SHOWN else ""
    return ", ".join(f"{name} {panel.sessions[days[name]]}" for name in order[:SHOWN]) + more


def unopened(panel: Panel, window: Window, ticker: str, held: Collection[str]) -> str:
    """What to do about a ticker that has closes on sessions on which its open is missing.

    Args:
        held: everything that can be held.
    """
    lacking = _unopened(panel, window, ticker)
    said = (
        f"Its open is missing on {len(lacking):,} of the run's {window.sessions:,} sessions, "
        f"the last of them {panel.sessions[lacking[-1]]}"
    )
    last = max(int(days[-1]) for name in held if len(days := _unopened(panel, window, name)))
    ways = "use --fill close or --fill next_close"
    for day, what in ((last, "all that can be held has"), (int(lacking[-1]), f"{ticker} has")):
        if day + 2 <= window.last:  # a run needs two sessions
            return f"{said}: {ways}, or --start {panel.sessions[day + 1]}, from which on {what} opens."
    return f"{said}: {ways}."


def _priced(panel: Panel, window: Window, ticker: str) -> NDArray[np.int64]:
    """The sessions of the panel up to the end of the window on which the ticker has a price."""
    if ticker not in panel:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.isfinite(panel.column(ticker)[: window.last + 1]))


def _unopened(panel: Panel, window: Window, ticker: str) -> NDArray[np.int64]:
    """The sessions of the window on which the ticker has a close and no open."""
    if ticker not in panel:
        return np.empty(0, np.int64)
    inside = slice(window.first, window.last + 1)
    close = panel.column(ticker)[inside]
    opened = panel.fields["open"][inside, panel.position(ticker)]
    return window.first + np.flatnonzero(np.isfinite(close) & ~np.isfinite(opened))
