"""The sessions of a run: from the user's dates and the data to a `Window`, with what is to be said of it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.run import Missing, Window
from treefolio.errors import MissingPrices, WindowError
from treefolio.graph import derive
from treefolio.graph.graph import Graph
from treefolio.graph.ops import Op
from treefolio.graph.plan import Axes
from treefolio.graph.start import NEVER, Starts
from treefolio.indicators import INDICATORS
from treefolio.market.missing import check_tickers, gaps
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Asset, Reading, Strategy, Var, walk

SHOWN = 8
"""Tickers that a message lists."""
MORE_HISTORY = "Use prices with more history, a later --end, or --missing skip with a --start."


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
            f"the strategy does not have all its values by {panel.sessions[last]}, the end of the prices: "
            f"{starts.lacking(row)}",
            hint=_with_less(panel, starts) or MORE_HISTORY,
        )
    if asked >= latest and start is not None:
        return Window(first=asked, last=last, cause="it was asked for"), []
    cause = starts.cause(row)
    notes = []
    if start is not None:
        notes.append(f"the start is moved from {start} to {panel.sessions[latest]}: {cause}")
    return Window(first=latest, last=last, cause=cause), notes


def _with_less(panel: Panel, starts: Starts) -> str | None:
    """How a sweep can go without the combinations that need more history than there is.

    None where it is no sweep, or all of its combinations do.
    """
    needed = np.asarray(starts.root)
    early = needed < len(panel.sessions) - 1  # a run needs two sessions
    if needed.ndim == 0 or not early.any():
        return None
    day = panel.sessions[needed[early].max()]
    flag = f"--latest-start {day}, which skips the combinations that need a later start"
    never = []
    for v, (name, values) in enumerate(starts.axes.items()):
        had, kept = np.unique(starts.choices[:, v]), np.unique(starts.choices[early, v])
        if len(lost := np.setdiff1d(had, kept)):
            never.append(f"{name} = {_some([str(values[k]) for k in lost])}")
    return f"Leave {' and '.join(never)} out, or add {flag}." if never else f"Add {flag}."


def used_at(strategy: Strategy, axes: Axes) -> dict[str, list[str]]:
    """Ticker → the places in the tree at which it is used, variables' values included."""
    places: dict[str, list[str]] = {}
    for path, word in _tickers(strategy):
        for ticker in derive.choices(word, axes):
            places.setdefault(str(ticker), []).append(path)
    return places


def given(strategy: Strategy, axes: Axes) -> dict[str, str]:
    """Ticker → the flag by which it came, for those that the strategy itself does not name."""
    flags: dict[str, str] = {}
    own: set[object] = set()
    declared = {each.name: {each.default, *each.values} for each in strategy.variables}
    for _, word in _tickers(strategy):
        if not isinstance(word, Var):
            own.add(word)
            continue
        own |= (known := declared.get(word.name, set()))
        flag = f"--vary {word.name}=…" if len(axes[word.name]) > 1 else f"--set {word.name}"
        flags |= {str(ticker): flag for ticker in axes[word.name] if ticker not in known}
    return {ticker: flag for ticker, flag in flags.items() if ticker not in own}


def _tickers(strategy: Strategy) -> Iterator[tuple[str, str | Var]]:
    """Every place at which a ticker is held or read, and what stands there."""
    for path, item in walk(strategy.root):
        if isinstance(item, Asset):
            yield path, item.ticker
        for name in ("left", "right", "reading"):
            operand = getattr(item, name, None)
            if isinstance(operand, Reading) and operand.ticker is not None:
                yield path, operand.ticker


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
        check_tickers(panel, used_at(strategy, axes), given=given(strategy, axes))


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
