"""The sessions of a run: from the user's dates and the data to a `Window`, with what is to be said of it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.run import Missing, Window
from treefolio.errors import MissingPrices, WindowError
from treefolio.graph import derive
from treefolio.graph.graph import Graph
from treefolio.graph.ops import Op
from treefolio.graph.plan import Axes
from treefolio.graph.start import NEVER, Starts, first_price
from treefolio.indicators import INDICATORS
from treefolio.market.missing import check_tickers, gaps
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Asset, Reading, Strategy, Var, walk

SHOWN = 8
"""Tickers that a message lists."""


def until(panel: Panel, end: dt.date | None) -> Panel:
    """The panel up to and including ``end``; nothing after it can be seen.

    Raises:
        WindowError: the prices begin after ``end``.
    """
    if end is None:
        return panel
    sessions = int(np.searchsorted(panel.sessions, np.datetime64(end), side="right"))
    if sessions == 0:
        raise WindowError(
            f"the prices begin on {panel.sessions[0]}, after the end {end}", hint="Choose a later --end."
        )
    if sessions == len(panel.sessions):
        return panel
    return Panel(
        sessions=panel.sessions[:sessions].copy(),
        tickers=panel.tickers,
        fields={name: values[:sessions].copy() for name, values in panel.fields.items()},
        basis=panel.basis,
        source=panel.source,
        synthetic=panel.synthetic,
    )


def make_window(
    panel: Panel, starts: Starts, start: dt.date | None, missing: Missing, latest: int, row: int
) -> tuple[Window, list[str]]:
    """The window, and what to say about it.

    Args:
        latest: the first session on which every combination has all its values; row: the combination
            that sets it.

    Raises:
        WindowError: no session is left, or a start is needed and not given.
    """
    last = len(panel.sessions) - 1
    asked = 0 if start is None else int(np.searchsorted(panel.sessions, np.datetime64(start)))
    if asked > last:
        raise WindowError(
            f"the prices end on {panel.sessions[last]}, before the start {start}",
            hint="Choose an earlier --start, or prices that go further.",
        )
    if missing == "skip":
        if start is None:
            raise WindowError(
                "missing prices are skipped, so no price sets the start: it must be given",
                hint="Add --start YYYY-MM-DD.",
            )
        return Window(first=asked, last=last, cause="it was asked for"), []
    if latest > last:
        raise WindowError(
            f"the strategy does not have all its values by {panel.sessions[last]}, the end of the prices",
            hint="Use prices with more history, a later --end, or --missing skip with a --start.",
        )
    if asked >= latest and start is not None:
        return Window(first=asked, last=last, cause="it was asked for"), []
    cause = starts.cause(row)
    notes = []
    if start is not None:
        notes.append(f"the start is moved from {start} to {panel.sessions[latest]}: {cause}")
    return Window(first=latest, last=last, cause=cause), notes


def used_at(strategy: Strategy, axes: Axes) -> dict[str, list[str]]:
    """Ticker → the places in the tree at which it is used, variables' values included."""
    places: dict[str, list[str]] = {}
    for path, item in walk(strategy.root):
        found = [item.ticker] if isinstance(item, Asset) else []
        for name in ("left", "right", "reading"):
            operand = getattr(item, name, None)
            if isinstance(operand, Reading) and operand.ticker is not None:
                found.append(operand.ticker)
        for word in found:
            for ticker in derive.choices(word, axes):
                places.setdefault(str(ticker), []).append(path)
    return places


def require_prices(
    panel: Panel, window: Window, tickers: Collection[str], strategy: Strategy, axes: Axes
) -> None:
    """Nothing, when every ticker has a price on every session of the window.

    Raises:
        MissingPrices: it lists the gaps.
    """
    holes = gaps(panel, sorted(tickers), window.first, window.last)
    if not holes:
        return
    listed = "; ".join(f"{ticker} {a} to {b}" if a != b else f"{ticker} {a}" for ticker, a, b in holes[:12])
    more = f"; and {len(holes) - 12} more" if len(holes) > 12 else ""
    ticker, begin, _ = holes[0]
    raise MissingPrices(
        f"prices are missing inside the run: {listed}{more}",
        ticker=ticker,
        session=str(begin),
        path=used_at(strategy, axes)[ticker][0],
        hint="Choose another window or other prices, or --missing skip, which leaves out what has no price.",
    )


def require_tickers(panel: Panel, tickers: Collection[str], strategy: Strategy, axes: Axes) -> None:
    """Nothing, when the panel has prices of every ticker.

    Raises:
        MissingPrices: it lists those that are missing, and where they are used.
    """
    if not all(ticker in panel for ticker in tickers):
        check_tickers(panel, used_at(strategy, axes))


def left_out(panel: Panel, window: Window, tickers: Collection[str]) -> list[str]:
    """Notes that name the tickers whose prices do not cover the window: what reads them meanwhile is false,
    or left out."""
    never, late, early, gaps = [], [], [], []
    for ticker in sorted(tickers):
        days = _priced(panel, window, ticker)
        if not len(days):
            never.append(ticker)
            continue
        if days[0] > 0:
            late.append(f"{ticker} ({panel.sessions[window.first + days[0]]})")
        if days[-1] < window.sessions - 1:
            early.append(f"{ticker} ({panel.sessions[window.first + days[-1]]})")
        if len(days) < days[-1] - days[0] + 1:
            gaps.append(ticker)
    found = {
        "no price at all in the run, so skipped wherever they are used": never,
        "first price within the run, so skipped wherever they are used before it": late,
        "last price before the end of the run, so skipped wherever they are used after it": early,
        "sessions without a price in between, on which they are skipped": gaps,
    }
    return [f"{what}: {_some(names)}" for what, names in found.items() if names]


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _priced(panel: Panel, window: Window, ticker: str) -> NDArray[np.int64]:
    """The sessions of the window, counted from its first, on which the ticker has a price."""
    if ticker not in panel:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.isfinite(panel.column(ticker)[window.first : window.last + 1]))


def when_priced(panel: Panel, tickers: Collection[str], window: Window) -> str:
    """What to do when something that is held has no price: which tickers are listed after the run's start."""
    firsts = [(first_price(panel, ticker, ("close",)), ticker) for ticker in tickers]
    late = sorted(pair for pair in firsts if window.first < pair[0] < len(panel.sessions))
    if not late:
        last = panel.sessions[window.last]
        ends = {ticker: days[-1] for ticker in tickers if len(days := _priced(panel, window, ticker))}
        gone = [(panel.sessions[window.first + k], ticker) for ticker, k in sorted(ends.items())]
        if soonest := min((pair for pair in gone if pair[0] < last), default=None):
            day, name = soonest
            return f"The prices of {name} end on {day}: choose --end {day}, or replace it."
        return "Choose a window in which it trades, or replace it: `treefolio inspect` lists its handle."
    shown = ", ".join(f"{ticker} {panel.sessions[first]}" for first, ticker in late[-SHOWN:])
    return (
        f"Of what can be held, these have their first price after the start: {shown}. "
        "Choose a later --start, or replace a ticker: `treefolio inspect` lists its handle."
    )


def settling(graph: Graph, starts: Starts, window: Window) -> list[str]:
    """A note for each indicator whose seed still weighs more than 1e-6 on the window's first session."""
    notes = set()
    for k, node in enumerate(graph.nodes):
        if node.op is not Op.READING or any(isinstance(p, Var) for p in node.params):
            continue
        row = INDICATORS[str(node.params[0])]
        whole = row.typed(node.params[2:])
        start = starts.of[k]
        behind = window.first - (int(start.max()) if isinstance(start, np.ndarray) else start)
        needed = row.settle_sessions(*whole)
        if not needed or behind >= needed or (isinstance(start, int) and start >= NEVER):
            continue
        shown = f"{row.name}({', '.join([str(node.params[1]), *(f'{w:g}' for w in whole)])})"
        notes.add(
            (math.floor(needed - behind), f"{shown} has {max(behind, 0)} sessions to settle, of {needed}")
        )
    worst = [text for _, text in sorted(notes, reverse=True)]
    if not worst:
        return []
    more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
    return [f"little history before the start: {worst[0]}{more}"]
