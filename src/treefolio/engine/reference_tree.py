"""The reference engine's first half: what the tree splits into, and what its branches earn.

Everything here is a plain loop over sessions, item by item, parts before wholes, so that whatever an item
needs has been computed when its turn comes, at any depth and without recursion:

1. `distinct` takes the labels off and keeps one of each equal item (3,752 nodes are some hundreds).
2. `Tree.truth`: for each condition, whether it holds, on every session of history.
3. `Tree.splits`: for each node, what it hands to which child. One rule for each kind of node, in `RULES`.
4. `Tree.values`: for each ranked branch, its value series, on every session of history.
5. `Tree.weights` follows the splits of one session from the root down to the tickers.

Sessions are positions in the panel, history begins at 0. A *split* is a tuple of (child, fraction); the
empty split belongs to what has no children, assets and cash. None means *absent*: nothing is allocated.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, cast

import numpy as np

from treefolio.errors import PriceError, StrategyError
from treefolio.indicators import INDICATORS, branch_supported, compute
from treefolio.market.panel import Panel
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Condition,
    Constant,
    Empty,
    EmptyPolicy,
    EnterExit,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    Lasting,
    Node,
    NoneOf,
    Operand,
    Reading,
    Scale,
    Specified,
    Strategy,
    Switch,
    iterate,
    parts,
    rebuild,
)

Split = tuple[tuple[Node, float], ...]
Rule = Callable[[int], Split | None]
"""What a node splits into at a session, by position."""

NAN = math.nan
PLACE_WIDTH = 1e-9
"""Scores this near to a place's first one share the place (`Filter.keep_ties`)."""
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def prices_of(panel: Panel, ticker: str, field: str = "close") -> list[float]:
    """One ticker's prices by session; all NaN when the panel does not have it.

    Raises:
        PriceError: the panel has no such field.
    """
    if field not in panel.fields:
        raise PriceError(f"the prices have no {field}", ticker=ticker)
    if ticker not in panel:
        return [NAN] * len(panel.sessions)
    return cast("list[float]", panel.column(ticker, field).tolist())


def value_series(earns: Sequence[float]) -> list[float]:
    """1.0 on the first session whose return is known, then v[t+1] = v[t]·(1 + r[t]).

    Where a return within a stretch is NaN, the stretch ends; the next one starts at 1.0 again. At least
    one NaN stands between two stretches: no indicator may take the jump between them for a return.
    """
    values: list[float] = []
    value = NAN
    for session, earned in enumerate(earns):
        outside = session == 0 or math.isnan(values[-1])
        if math.isnan(value) and outside and not math.isnan(earned):
            value = 1.0
        values.append(value)
        value = value * (1.0 + earned)
    return values


def distinct(root: Node, empty: EmptyPolicy) -> Node:
    """The tree without labels, equal items being one object. Under the policy `cash`, Empty is Cash."""
    known: dict[object, Item] = {}

    def keep_one(item: Item) -> Item:
        if isinstance(item, Group):
            return item.child  # a label changes nothing: a labelled asset is still ranked on its prices
        if isinstance(item, Empty) and empty == "cash":
            item = Cash()
        own = tuple(getattr(item, f.name) for f in fields(cast(Any, item)) if f.name not in item.PARTS)
        key = (type(item), own, tuple(id(part) for _, part in parts(item)))
        return known.setdefault(key, item)

    return rebuild(root, keep_one)


def parts_first(root: Item) -> list[Item]:
    """Every distinct item once, after all of its parts."""
    return list({id(item): item for item in reversed(list(iterate(root)))}.values())


def nodes_in(node: Item) -> list[Node]:
    """The node's own children."""
    return [part for _, part in parts(node) if isinstance(part, Node)]


def is_ranked(parent: Item, child: Node) -> bool:
    """``parent`` looks at the value series of ``child``, which is therefore followed through history."""
    return isinstance(parent, Filter | InverseVolatility) and not isinstance(child, Asset)


class Tree:
    """A strategy's tree on a panel, worked out for the sessions of ``span``.

    Attributes:
        items: the distinct items, parts first; the last one is `root`.
        truth: by id of a condition: whether it holds, on every session of history.
        splits: by id of a node: its split, for the sessions on which it is followed.
        values: by id of a ranked branch: its value series over all of history.
    """

    def __init__(self, strategy: Strategy, panel: Panel, span: range, cash_rate: float = 0.0) -> None:
        self.panel = panel
        self.history = range(len(panel.sessions))
        self.cash_return = cash_rate / 252
        self.root = distinct(strategy.root, strategy.empty)
        self.items = parts_first(self.root)
        self.truth: dict[int, list[bool]] = {}
        self.splits: dict[int, list[Split | None]] = {}
        self.earns: dict[int, list[float]] = {}
        self.values: dict[int, list[float]] = {}
        self._series: dict[object, list[float]] = {}
        spans = self._spans(span)
        for item in self.items:
            if isinstance(item, Condition):
                self.truth[id(item)] = TRUTHS[type(item)](self, item)
            elif isinstance(item, Node):
                self._follow(item, spans[id(item)])

    def weights(self, session: int) -> dict[str, float]:
        """Ticker → target weight at the session, only those that are not 0; the rest is cash."""
        found: dict[str, float] = {}
        ahead: list[tuple[Node, float]] = [(self.root, 1.0)]
        while ahead:
            node, weight = ahead.pop()
            if isinstance(node, Asset):
                ticker = str(node.ticker)
                found[ticker] = found.get(ticker, 0.0) + weight
            # An absent root is all cash; below it nothing absent is handed anything.
            split = self.splits[id(node)][session] or ()
            ahead.extend((child, weight * share) for child, share in reversed(split) if share != 0)
        return found

    def present(self, node: Node, session: int) -> bool:
        """Something in the node is allocated at the session."""
        return self.splits[id(node)][session] is not None

    def closes(self, ticker: str) -> list[float]:
        """The ticker's closes by session."""
        return self._once(("close", ticker), lambda: prices_of(self.panel, ticker))

    def indicator(self, name: str, params: Sequence[float], subject: str | Node) -> list[float]:
        """An indicator by session: of a ticker's prices, or of a branch's value series.

        Raises:
            StrategyError: an indicator of a branch needs more than closes.
        """
        if isinstance(subject, Asset):
            subject = str(subject.ticker)
        key = (name, tuple(params), subject if isinstance(subject, str) else id(subject))
        return self._once(key, lambda: self._compute(name, params, subject))

    def reading(self, reading: Reading, subject: str | Node) -> list[float]:
        """``scale · indicator [sessions_ago] + offset`` by session; scale 1 and offset 0 are not applied."""
        ago = int(cast(float, reading.sessions_ago))
        if ago < 0:
            raise StrategyError(f"sessions_ago is {ago}: nothing may look ahead")
        series = self.indicator(str(reading.indicator), cast("Sequence[float]", reading.params), subject)
        series = [NAN] * min(ago, len(series)) + series[: max(len(series) - ago, 0)]
        scale, offset = cast(float, reading.scale), cast(float, reading.offset)
        if scale != 1:
            series = [scale * x for x in series]
        if offset != 0:
            series = [x + offset for x in series]
        return series

    def share(self, whole: Split, session: int) -> Split | None:
        """The shares as they are when all children are present, else in proportion among those that are."""
        present = [self.present(child, session) for child, _ in whole]
        if whole and all(present):
            return whole
        kept = [pair for pair, here in zip(whole, present, strict=True) if here]
        total = 0.0
        for _, share in kept:
            total += share
        return tuple((child, share / total) for child, share in kept) if total != 0 else None

    def _spans(self, span: range) -> dict[int, range]:
        """By id of a node: the sessions on which it is followed. All of history below a ranked branch."""
        spans: dict[int, range] = {id(self.root): span}
        for item in reversed(self.items):  # parents first
            for child in nodes_in(item):
                whole = spans[id(item)] is self.history or is_ranked(item, child)
                if whole or id(child) not in spans:
                    spans[id(child)] = self.history if whole else span
        return spans

    def _follow(self, node: Node, span: range) -> None:
        """Notes the node's splits, and what it earns and is worth where it is followed through history."""
        rule = RULES[type(node)](self, node)
        splits: list[Split | None] = [None] * len(self.history)
        for session in span:
            splits[session] = rule(session)
        self.splits[id(node)] = splits
        if span is self.history:
            self.earns[id(node)] = earns = self._earnings(node)
            self.values[id(node)] = value_series(earns)

    def _earnings(self, node: Node) -> list[float]:
        """What the node earns from each session to the next one, NaN where a held ticker has no price."""
        if isinstance(node, Asset):
            closes = self.closes(str(node.ticker))
            return [later / now - 1.0 if now else NAN for now, later in pairwise(closes)] + [NAN]
        earns = []
        for session in self.history:
            split = self.splits[id(node)][session]
            if not split:  # cash itself, or a branch that is absent, which counts as cash
                earns.append(self.cash_return)
                continue
            total = 0.0
            for child, share in split:
                if share != 0:  # what has no share may lack a price
                    total += share * self.earns[id(child)][session]
            earns.append(total)
        return earns

    def _compute(self, name: str, params: Sequence[float], subject: str | Node) -> list[float]:
        inputs = INDICATORS[name].inputs
        if isinstance(subject, str):
            columns = {field: np.array(prices_of(self.panel, subject, field)) for field in inputs}
        elif branch_supported(name, params):
            columns = {"close": np.array(self.values[id(subject)])}
        else:
            raise StrategyError(
                f"a branch has no {name} with parameters {tuple(params)}: it has closes alone",
                hint="Rank branches by an indicator of closes, such as rsi or cumulative_return.",
            )
        return cast("list[float]", compute(name, columns, tuple(params)).tolist())

    def _once(self, key: object, make: Callable[[], list[float]]) -> list[float]:
        if key not in self._series:
            self._series[key] = make()
        return self._series[key]


# --- conditions: each gives its truth on every session of history -----------------------------------------


def _operand(tree: Tree, operand: Operand) -> list[float]:
    if isinstance(operand, Constant):
        return [cast(float, operand.value)] * len(tree.history)
    return tree.reading(operand, str(operand.ticker))


def _compare(tree: Tree, condition: Compare) -> list[bool]:
    """Exact; false where a side is NaN, for != too."""
    holds = COMPARE[str(condition.comparator)]
    pairs = zip(_operand(tree, condition.left), _operand(tree, condition.right), strict=True)
    return [not math.isnan(a) and not math.isnan(b) and holds(a, b) for a, b in pairs]


def _quantified(decide: Callable[[Sequence[bool]], bool]) -> Callable[[Tree, Any], list[bool]]:
    def truth(tree: Tree, condition: AllOf | AnyOf | NoneOf) -> list[bool]:
        parts = [tree.truth[id(part)] for part in condition.conditions]
        return [decide([part[session] for part in parts]) for session in tree.history]

    return truth


def _lasting(tree: Tree, condition: Lasting) -> list[bool]:
    """Held on each of the last n sessions; before history it did not hold."""
    truth: list[bool] = []
    run = 0
    for held in tree.truth[id(condition.condition)]:
        run = run + 1 if held else 0
        truth.append(run >= cast(float, condition.sessions))
    return truth


TRUTHS: Mapping[type[Item], Callable[[Tree, Any], list[bool]]] = {
    Compare: _compare,
    AllOf: _quantified(all),
    AnyOf: _quantified(any),
    NoneOf: _quantified(lambda held: not any(held)),
    Lasting: _lasting,
}


# --- nodes: each gives a rule from a session to its split there -------------------------------------------


def _leaf(_tree: Tree, _node: Node) -> Rule:
    return lambda _session: ()


def _empty(_tree: Tree, _node: Empty) -> Rule:
    return lambda _session: None


def _only(tree: Tree, node: Node, pick: Callable[[int], Node]) -> Rule:
    """All to the picked child; absent when that child is."""
    sole: Mapping[int, Split] = {id(child): ((child, 1.0),) for child in nodes_in(node)}

    def rule(session: int) -> Split | None:
        child = pick(session)
        return sole[id(child)] if tree.present(child, session) else None

    return rule


def _if(tree: Tree, node: If) -> Rule:
    truth = tree.truth[id(node.condition)]
    return _only(tree, node, lambda session: node.then if truth[session] else node.otherwise)


def _switch(tree: Tree, node: Switch) -> Rule:
    """Slot n − k for k of n conditions that hold; from an empty slot on to the next lower count."""
    truths = [tree.truth[id(condition)] for condition in node.conditions]

    def pick(session: int) -> Node:
        holding = sum(truth[session] for truth in truths)
        return next(branch for branch in node.branches[len(truths) - holding :] if branch is not None)

    return _only(tree, node, pick)


def _enter_exit(tree: Tree, node: EnterExit) -> Rule:
    """Outside at the start of history; only one of the two conditions is looked at on a session."""
    inside: list[bool] = []
    state = False
    for enter, leave in zip(tree.truth[id(node.enter)], tree.truth[id(node.exit)], strict=True):
        state = not leave if state else enter
        inside.append(state)
    return _only(tree, node, lambda session: node.then if inside[session] else node.otherwise)


def _equal(tree: Tree, node: Equal) -> Rule:
    whole = tuple((child, 1 / len(node.children)) for child in node.children)
    return lambda session: tree.share(whole, session)


def renormalised(weights: Sequence[float]) -> list[float] | None:
    """The weights over their sum, taken left to right; None when that is 0."""
    total = 0.0
    for weight in weights:
        total += weight
    return [weight / total for weight in weights] if total != 0 else None


def _specified(tree: Tree, node: Specified) -> Rule:
    weights = renormalised(cast("Sequence[float]", node.weights))
    if weights is None:
        raise StrategyError("the weights sum to 0")
    whole = tuple(zip(node.children, weights, strict=True))
    return lambda session: tree.share(whole, session)


def _scale(tree: Tree, node: Scale) -> Rule:
    """f to ``end`` and 1 − f to ``start``; f is 0 while the reading has no value."""
    series = tree.reading(node.reading, str(node.reading.ticker))
    low, high = cast(float, node.low), cast(float, node.high)
    if low == high:
        raise StrategyError(f"a scale from {low} to {high} has no width")

    def rule(session: int) -> Split | None:
        x = series[session]
        f = 0.0 if math.isnan(x) else min(max((x - low) / (high - low), 0.0), 1.0)
        return tree.share(((node.start, 1.0 - f), (node.end, f)), session)

    return rule


def _calm(tree: Tree, children: Sequence[Node], window: float, session: int) -> Split | None:
    """Each child in proportion to 1/σ of its returns; those without a σ, or absent, are left out.

    Where some σ is 0, the children without any movement share everything equally.
    """
    sigmas: list[tuple[Node, float]] = []
    for child in children:
        sigma = tree.indicator("stdev_return", (window,), child)[session]
        if tree.present(child, session) and not math.isnan(sigma):
            sigmas.append((child, sigma))
    still = [sigma for _, sigma in sigmas if sigma == 0]
    inverse = [float(sigma == 0) if still else 1 / sigma for _, sigma in sigmas]
    weights = renormalised(inverse)
    if weights is None:
        return None
    return tuple((child, weight) for (child, _), weight in zip(sigmas, weights, strict=True))


def _inverse_volatility(tree: Tree, node: InverseVolatility) -> Rule:
    return lambda session: _calm(tree, node.children, cast(float, node.window), session)


def _filter(tree: Tree, node: Filter) -> Rule:
    """Ranked, kept, then weighted and mixed in the children's order."""
    scores = [tree.reading(node.by, child) for child in node.children]
    count, highest_first = int(cast(float, node.count)), node.direction == "top"

    def rule(session: int) -> Split | None:
        here = {
            k: scores[k][session]
            for k, child in enumerate(node.children)
            if _can_be_held(tree, child, session)
        }
        candidates = {k: score for k, score in here.items() if not math.isnan(score)}
        # Python's sort is stable in both directions: equal scores stay in the children's order.
        ranking = sorted(candidates, key=candidates.__getitem__, reverse=highest_first)
        kept = _places(ranking, candidates, count) if node.keep_ties else ranking[:count]
        return _weight_kept(tree, node, sorted(kept), session)

    return rule


def _can_be_held(tree: Tree, child: Node, session: int) -> bool:
    """It is present and, an asset, has a price."""
    if isinstance(child, Asset):
        return not math.isnan(tree.closes(str(child.ticker))[session])
    return tree.present(child, session)


def _places(ranking: Sequence[int], scores: Mapping[int, float], count: int) -> list[int]:
    """The members of the first ``count`` places; a place is as wide as `PLACE_WIDTH` from its first score."""
    kept: list[int] = []
    places, first = 0, NAN
    for k in ranking:
        if places == 0 or abs(scores[k] - first) > PLACE_WIDTH:
            places, first = places + 1, scores[k]
        if places > count:
            break
        kept.append(k)
    return kept


def _weight_kept(tree: Tree, node: Filter, kept: Sequence[int], session: int) -> Split | None:
    children = [node.children[k] for k in kept]
    if not children:
        return None
    if node.volatility_window is not None:
        return _calm(tree, children, cast(float, node.volatility_window), session)
    weights = None
    if node.weights:
        weights = renormalised([cast(float, node.weights[k]) for k in kept])
    return tuple(zip(children, weights or [1 / len(kept)] * len(kept), strict=True))


RULES: Mapping[type[Item], Callable[[Tree, Any], Rule]] = {
    Asset: _leaf,
    Cash: _leaf,
    Empty: _empty,
    Equal: _equal,
    Specified: _specified,
    InverseVolatility: _inverse_volatility,
    If: _if,
    Switch: _switch,
    Filter: _filter,
    Scale: _scale,
    EnterExit: _enter_exit,
}
