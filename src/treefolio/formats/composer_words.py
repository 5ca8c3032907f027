"""What Composer's JSON, EDN and Clojure DSL have in common: rebalancing, weights, branches, tickers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from treefolio.formats.desk import Desk, Place
from treefolio.formats.scalars import exact, plain, shown, word
from treefolio.formats.scalars import ticker as read_ticker
from treefolio.strategy.tree import (
    Asset,
    Cash,
    Empty,
    Equal,
    Group,
    Node,
    Rebalance,
    Rebalancing,
    Specified,
)

DEFAULT_NAME = "Untitled"
MARKET_CAP = "weights by market capitalisation are read as equal weights"
_CASH = ("$USD", "CASH::USD//USD")

_RULES: Mapping[str, Rebalancing] = {
    "daily": "daily",
    "weekly": "weekly",
    "monthly": "monthly",
    "quarterly": "quarterly",
    "yearly": "yearly",
    "annually": "yearly",
    "none": "never",
    "never": "never",
    "threshold": "never",
}


def rebalance(rule: object, corridor: object, desk: Desk, place: Place) -> Rebalance:
    """When to trade. A period beats a corridor; ``none`` with a corridor trades by drift.

    Raises:
        FormatError: the rule is unknown, or the corridor no fraction.
    """
    if rule is None and corridor is None:
        desk.note("approximated", "no rebalancing is given; daily is assumed", place)
        return Rebalance()
    period = "never" if rule is None else word(rule, _RULES, desk, place, "the rebalancing")
    if corridor is None:
        return Rebalance(period)
    width = exact(corridor, desk, place, "the rebalancing corridor")
    if period != "never":
        desk.note("ignored", f"a corridor beside {period} rebalancing has no effect", place)
        return Rebalance(period)
    if not 0 <= width <= 1:
        desk.fail(f"the rebalancing corridor must be a fraction from 0 to 1, not {shown(corridor)}", place)
    return Rebalance("threshold", plain(width))


def together(children: Sequence[Node], desk: Desk, place: Place) -> Node:
    """Several children of a group, a branch or the root share equally; one stands for itself."""
    if len(children) == 1:
        return children[0]
    return equal(children, desk, place)


def equal(children: Sequence[Node], desk: Desk, place: Place) -> Node:
    """Equal weights; without children, an empty branch."""
    return Equal(tuple(children)) if children else empty(desk, place)


def specified(children: Sequence[Node], weights: Sequence[Fraction], desk: Desk, place: Place) -> Node:
    """The given shares.

    Raises:
        FormatError: one is negative, or all are zero.
    """
    if not children:
        return empty(desk, place)
    if min(weights) < 0:
        desk.fail(f"the weight {float(min(weights)):g} is negative", place)
    if sum(weights) == 0:
        desk.fail("the weights sum to zero", place)
    return Specified(tuple(children), tuple(plain(weight) for weight in weights))


def empty(desk: Desk, place: Place) -> Empty:
    """An empty branch, noted."""
    desk.note("approximated", "an empty branch hands its share to its siblings", place)
    return Empty()


def asset(ticker: object, desk: Desk, place: Place) -> Node:
    """Hold one ticker; the dollar itself is cash.

    Raises:
        FormatError: it is no ticker.
    """
    if isinstance(ticker, str) and ticker.strip().upper() in _CASH:
        return Cash()
    return Asset(read_ticker(ticker, desk, place))


def is_branch(node: Node) -> bool:
    """Whether a filter ranks the node by a value series of its own, not by prices."""
    while isinstance(node, Group):
        node = node.child
    return not isinstance(node, Asset)
