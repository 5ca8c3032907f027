"""The reference engine: the judge of what a strategy did.

Written from the page on semantics alone, in plain loops that can be checked by reading; the compiled engine
must give the same decisions and the same money. It shares only the indicators' functions with it.

* `run`: one backtest over a window.
* `decide`: the target weights at one session.
* `first_session`: the earliest window, and what sets its start.
* `treefolio.engine.reference_tree`: tree and branches. `treefolio.engine.reference_money`: time and money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from treefolio.engine.execution import Execution
from treefolio.engine.reference_money import simulate
from treefolio.engine.reference_tree import Tree, nodes_in, prices_of
from treefolio.engine.run import Missing, Run, Window
from treefolio.errors import MissingPrices, WindowError
from treefolio.indicators import INDICATORS
from treefolio.market.panel import Panel
from treefolio.strategy.tree import (
    Asset,
    Compare,
    Filter,
    InverseVolatility,
    Item,
    Lasting,
    Node,
    Reading,
    Scale,
    Strategy,
    iterate,
    parts,
    walk,
)

Start = tuple[int, str]
"""A session and what sets it, in words."""


def run(
    strategy: Strategy,
    panel: Panel,
    window: Window,
    execution: Execution,
    *,
    missing: Missing = "error",
) -> Run:
    """The backtest of a strategy without variables over ``window``.

    Raises:
        WindowError: the window is not inside the panel.
        MissingPrices: with ``missing="error"``, tickers of the tree that lack prices inside the window.
        RunError: what is to be held, traded or valued has no price on that session.
    """
    if not 0 <= window.first <= window.last < len(panel.sessions):
        raise WindowError(
            f"sessions {window.first} to {window.last} are not among the panel's {len(panel.sessions)}"
        )
    span = range(window.first, window.last + 1)
    if missing == "error":
        _require_prices(strategy, panel, span)
    tree = Tree(strategy, panel, span, execution.cash_rate)
    tickers = holdable_tickers(strategy.root)
    return simulate(tree.weights, panel, window, execution, tickers=tickers, rebalance=strategy.rebalance)


def decide(
    strategy: Strategy,
    panel: Panel,
    session: int,
    *,
    missing: Missing = "error",
    cash_rate: float = 0.0,
) -> dict[str, float]:
    """Ticker → target weight decided at the close of ``session``; the rest is cash.

    Raises:
        MissingPrices: with ``missing="error"``, tickers of the tree that have no price on that session.
    """
    if missing == "error":
        _require_prices(strategy, panel, range(session, session + 1))
    return Tree(strategy, panel, range(session, session + 1), cash_rate).weights(session)


def holdable_tickers(root: Node) -> tuple[str, ...]:
    """Every ticker that the tree can hold, sorted."""
    return tuple(sorted({str(item.ticker) for item in iterate(root) if isinstance(item, Asset)}))


def first_session(strategy: Strategy, panel: Panel, *, missing: Missing = "error") -> Window:
    """From the first session on which all that the tree can reach has a value, to the panel's last.

    A reading needs its look-back and its `sessions_ago`, a condition over n sessions n − 1 more, a ranked
    branch all of its own needs and then the look-back of what it is ranked by. A gap later on does not move
    the start: `run` reports it. With ``missing="skip"`` nothing moves the start.

    Raises:
        MissingPrices: tickers without any price.
        WindowError: something has no value on any session.
    """
    last = len(panel.sessions) - 1
    if missing == "skip":
        return Window(first=0, last=last, cause="missing data is skipped, so nothing moves the start")
    _require_prices(strategy, panel, None)
    tree = Tree(strategy, panel, range(0))
    starts: dict[int, Start] = {}
    for item in tree.items:
        needs: list[Start] = [(0, "the prices begin then")]
        needs += [starts[id(part)] for _, part in parts(item) if part is not None]
        needs += _own_needs(tree, item, starts)
        # max takes the first of equals, so ties name what comes first in the tree
        start, cause = max(needs, key=lambda need: need[0])
        if isinstance(item, Lasting):
            start += int(cast(float, item.sessions)) - 1
        starts[id(item)] = (start, cause)
    first, cause = starts[id(tree.root)]
    if first > last:
        raise WindowError(
            f"the prices end before the strategy can start: {cause.replace('is first', 'is not')}",
            hint="Give prices that begin earlier.",
        )
    return Window(first=first, last=last, cause=cause)


def _own_needs(tree: Tree, item: Item, starts: dict[int, Start]) -> list[Start]:
    """What the item itself needs, its parts aside."""
    if isinstance(item, Asset):
        return [_first_value(tree.closes(str(item.ticker)), 0, f"{item.ticker}'s first price is then")]
    if isinstance(item, Compare):
        sides = (item.left, item.right)
        return [_reading_start(tree, side) for side in sides if isinstance(side, Reading)]
    if isinstance(item, Scale):
        return [_reading_start(tree, item.reading)]
    readings: list[Reading] = []
    if isinstance(item, Filter):
        readings.append(item.by)
        if item.volatility_window is not None:
            readings.append(Reading("stdev_return", (item.volatility_window,)))
    if isinstance(item, InverseVolatility):
        readings.append(Reading("stdev_return", (item.window,)))
    return [_ranked_start(tree, child, reading, starts) for reading in readings for child in nodes_in(item)]


def _reading_start(tree: Tree, reading: Reading) -> Start:
    ticker = str(reading.ticker)
    cause = f"{ticker}'s {_words(reading)} is first defined then"
    return _first_value(tree.reading(reading, ticker), 0, cause)


def _ranked_start(tree: Tree, child: Node, reading: Reading, starts: dict[int, Start]) -> Start:
    """When a candidate's score is known, a branch's only from decisions that were sound themselves."""
    series = tree.reading(reading, child)
    if isinstance(child, Asset):
        return _first_value(series, 0, f"{child.ticker}'s {_words(reading)} is first defined then")
    sound, cause = starts[id(child)]
    lookback = INDICATORS[str(reading.indicator)].lookback_sessions(*reading.params)
    earliest = sound + lookback + int(cast(float, reading.sessions_ago))
    return _first_value(
        series, earliest, f"a branch's {_words(reading)} is first defined then; before it, {cause}"
    )


def _first_value(series: Sequence[float], earliest: int, cause: str) -> Start:
    """The first session from ``earliest`` on with a value; one after the last when there is none."""
    found = (t for t in range(earliest, len(series)) if not math.isnan(series[t]))
    return next(found, max(len(series), earliest)), cause


def _words(reading: Reading) -> str:
    params = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in reading.params)
    return f"{reading.indicator}({params})" if params else str(reading.indicator)


def _require_prices(strategy: Strategy, panel: Panel, span: range | None) -> None:
    """Every ticker of the tree, held or read, has prices: on each session of ``span``, or any (None)."""
    lacking: dict[str, str] = {}
    for ticker in _tickers_read(strategy.root):
        priced = [not math.isnan(price) for price in prices_of(panel, ticker)]
        if not any(priced):
            lacking[ticker] = "no price at all"
        elif span is not None and not all(priced[t] for t in span):
            day = panel.sessions[next(t for t in span if not priced[t])]
            lacking[ticker] = f"no price on {day}"
    if not lacking:
        return
    where = _places_of(strategy.root, set(lacking))
    listing = "; ".join(f"{ticker} ({why}, used at {where[ticker]})" for ticker, why in lacking.items())
    first = next(iter(lacking))
    raise MissingPrices(
        f"{len(lacking)} of the strategy's tickers lack prices: {listing}",
        ticker=first,
        path=where[first],
        hint="Give their prices, or choose missing=skip to leave out what has none.",
    )


def _item_tickers(item: Item) -> list[str]:
    named: list[object] = []
    if isinstance(item, Asset):
        named = [item.ticker]
    elif isinstance(item, Compare):
        named = [side.ticker for side in (item.left, item.right) if isinstance(side, Reading)]
    elif isinstance(item, Scale):
        named = [item.reading.ticker]
    return [str(name) for name in named]


def _tickers_read(root: Node) -> list[str]:
    """Every ticker of the tree, held or read, sorted."""
    return sorted({ticker for item in iterate(root) for ticker in _item_tickers(item)})


def _places_of(root: Node, tickers: set[str]) -> dict[str, str]:
    """Ticker → the first place in the tree that names it."""
    places: dict[str, str] = {}
    for path, item in walk(root):
        for ticker in _item_tickers(item):
            if ticker in tickers:
                places.setdefault(ticker, path)
        if len(places) == len(tickers):
            break
    return places
