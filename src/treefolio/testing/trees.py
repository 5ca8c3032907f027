"""Random strategies that use every kind of node, condition and operand.

`random_strategy` builds the tree from the leaves up: each new node takes its children from those that wait,
or makes new leaves. Thresholds are drawn from the range in which the indicator usually lies (`USUAL`), so
that both sides of a condition occur. With variables, `_Variables` then puts variables in the place of some
of the tree's numbers and words, and declares them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np

from treefolio.indicators import INDICATORS, branch_supported
from treefolio.strategy.tree import (
    COMPARATORS,
    DIRECTIONS,
    REBALANCINGS,
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Condition,
    Constant,
    Empty,
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
    Number,
    Operand,
    Reading,
    Rebalance,
    Rebalancing,
    Scale,
    Specified,
    Strategy,
    Switch,
    Var,
    Variable,
    rebuild,
)

LEAVES: tuple[type[Item], ...] = (Asset, Cash, Empty)
BRANCHES: tuple[type[Item], ...] = (
    Equal,
    Specified,
    InverseVolatility,
    If,
    Switch,
    Filter,
    Scale,
    EnterExit,
    Group,
)
CONDITIONS: tuple[type[Item], ...] = (Compare, AllOf, AnyOf, NoneOf, Lasting)
KINDS: tuple[type[Item], ...] = (*LEAVES, *BRANCHES, *CONDITIONS)

USUAL: Mapping[str, tuple[float, float]] = {
    "rsi": (35, 65),
    "cumulative_return": (-0.05, 0.05),
    "mean_return": (-0.003, 0.004),
    "stdev_return": (0.004, 0.025),
    "max_drawdown": (0.01, 0.12),
    "volatility": (0.06, 0.4),
    "return_since_start": (-0.1, 0.2),
    "macd": (-0.5, 0.5),
    "macd_signal": (-0.5, 0.5),
    "macd_hist": (-0.2, 0.2),
    "ppo": (-1, 1),
    "ppo_signal": (-1, 1),
    "ppo_hist": (-0.4, 0.4),
    "natr": (0.5, 3),
    "adx": (15, 35),
    "aroon_up": (20, 80),
    "aroon_down": (20, 80),
    "aroon_osc": (-50, 50),
    "stoch_k": (25, 75),
    "mfi": (35, 65),
    "obv": (-1e6, 1e6),
    "ad": (-1e6, 1e6),
    "adosc": (-2e5, 2e5),
    "cci": (-80, 80),
    "willr": (-75, -25),
}
"""Where an indicator of a random panel usually lies. Those that are missing lie where the price does."""

RANGES: Mapping[str, tuple[int, int]] = {
    "fastperiod": (2, 5),
    "slowperiod": (7, 13),
    "signalperiod": (2, 5),
    "fastk_period": (3, 12),
    "slowk_period": (2, 4),
    "slowd_period": (2, 4),
    "nbdevup": (1, 3),
    "nbdevdn": (1, 3),
    "matype": (0, 1),
    "slowk_matype": (0, 1),
}
"""What a parameter is drawn from, both ends included; any other is a window."""
WINDOWS = (2, 20)

SWAPPABLE = ("rsi", "cumulative_return", "mean_return", "max_drawdown", "volatility", "stdev_return")
"""Indicators of one window that a variable may stand for together."""

T = TypeVar("T")


def random_strategy(
    rng: np.random.Generator,
    *,
    tickers: Sequence[str],
    nodes: int = 40,
    variables: bool = False,
    kinds: Collection[type[Item]] = KINDS,
) -> Strategy:
    """A random strategy over ``tickers`` of about ``nodes`` nodes.

    Args:
        variables: some numbers and words are declared variables, at any kind of place.
        kinds: the classes of nodes and conditions that may occur; Asset and Compare always may.
    """
    grower = _Grower(rng, tuple(tickers), kinds)
    root = grower.tree(nodes)
    rebalance = _rebalance(rng)
    declared: tuple[Variable, ...] = ()
    if variables:
        changer = _Variables(rng, tuple(tickers))
        root = rebuild(root, changer.change)
        if rebalance.corridor is not None and rng.random() < 0.5:
            rebalance = replace(rebalance, corridor=changer.put(rebalance.corridor, (0.02, 0.05, 0.1)))
        declared = tuple(changer.declared)
    return Strategy(
        name="random",
        root=root,
        variables=declared,
        rebalance=rebalance,
        empty="redistribute" if rng.random() < 0.7 else "cash",
    )


def _rebalance(rng: np.random.Generator) -> Rebalance:
    rule = "daily" if rng.random() < 0.5 else str(rng.choice(REBALANCINGS))
    corridor = float(rng.choice([0.02, 0.05, 0.1])) if rule == "threshold" else None
    return Rebalance(rule=cast(Rebalancing, rule), corridor=corridor)


def draw_parameters(rng: np.random.Generator, name: str) -> tuple[Number, ...]:
    """Parameters for indicator ``name``: short windows, fast below slow."""
    drawn: list[Number] = []
    for parameter in INDICATORS[name].parameters:
        low, high = RANGES.get(parameter.name, WINDOWS)
        drawn.append(int(rng.integers(low, high + 1)))
    return tuple(drawn)


class _Grower:
    """Draws nodes and conditions."""

    def __init__(
        self, rng: np.random.Generator, tickers: tuple[str, ...], kinds: Collection[type[Item]]
    ) -> None:
        self.rng = rng
        self.tickers = tickers
        self.kinds = set(kinds) | {Asset, Compare}
        self.waiting: list[Node] = []
        self.made = 0
        self.joining = False

    def tree(self, nodes: int) -> Node:
        """One node with about ``nodes`` nodes in it."""
        branches = [kind for kind in BRANCHES if kind in self.kinds]
        if not branches:
            return self.leaf()
        while self.made < nodes:
            self.add(self.pick(branches))
        self.joining = True
        wide = [kind for kind in branches if kind is not Group]
        while wide and len(self.waiting) > 1:
            self.add(self.pick(wide))
        return self.waiting.pop()

    def add(self, kind: type[Item]) -> None:
        """Makes a branch, which then waits for its parent."""
        node = MAKERS[kind](self)
        self.made += 1
        self.waiting.append(node)

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.rng.integers(len(options)))]

    def often(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def whole(self, low: int, high: int) -> int:
        """Both ends included."""
        return int(self.rng.integers(low, high + 1))

    def ticker(self) -> str:
        return self.pick(self.tickers)

    def child(self) -> Node:
        """One that waits, mostly the newest, or a new leaf."""
        if self.waiting and (self.joining or self.often(0.6)):
            return self.waiting.pop(-1 if self.often(0.7) else self.whole(0, len(self.waiting) - 1))
        return self.leaf()

    def leaf(self) -> Node:
        self.made += 1
        if Empty in self.kinds and self.often(0.08):
            return Empty()
        if Cash in self.kinds and self.often(0.08):
            return Cash()
        return Asset(self.ticker())

    def assets(self, most: int) -> tuple[Node, ...]:
        """Two or more of them, and nothing else."""
        count = self.whole(2, most)
        self.made += count
        return tuple(Asset(self.ticker()) for _ in range(count))

    def children(self, most: int = 5) -> tuple[Node, ...]:
        return tuple(self.child() for _ in range(self.whole(2, most)))

    def weights(self, count: int) -> tuple[Number, ...]:
        """Not summing to 1; the later ones are sometimes 0, the first never is."""
        drawn = [self.pick((0.1, 0.25, 0.333, 0.5, 1, 20, 33.3, 60)) for _ in range(count)]
        return tuple(0 if k and self.often(0.1) else weight for k, weight in enumerate(drawn))

    def reading(self, names: Sequence[str], ticker: str | None) -> Reading:
        name = self.pick(names)
        low, high = USUAL.get(name, (0.0, 0.0))
        return Reading(
            indicator=name,
            params=draw_parameters(self.rng, name),
            ticker=ticker,
            sessions_ago=self.whole(1, 5) if self.often(0.15) else 0,
            scale=self.pick((0.97, 1.03, 2.0, -1.0)) if self.often(0.1) else 1,
            offset=round(float(self.rng.uniform(-0.2, 0.2)) * (high - low), 6) if self.often(0.1) else 0,
        )

    def threshold(self, name: str) -> float:
        low, high = USUAL[name]
        return float(f"{self.rng.uniform(low, high):.4g}")

    def compare(self) -> Compare:
        """With a number, with another ticker's reading of the same kind, or of two levels of one ticker."""
        style = self.rng.random()
        left = self.reading(list(USUAL), self.ticker())
        right: Operand
        if style < 0.5:
            right = Constant(self.threshold(str(left.indicator)))
        elif style < 0.75:
            right = self.reading([str(left.indicator)], self.ticker())
        else:
            levels = [name for name in INDICATORS if name not in USUAL]
            left = replace(self.reading(levels, self.ticker()), scale=1)
            right = replace(self.reading(levels, str(left.ticker)), scale=1)
        comparator = self.pick((">", "<")) if self.often(0.6) else self.pick(COMPARATORS)
        return Compare(left, comparator, right) if self.often(0.9) else Compare(right, comparator, left)

    def condition(self) -> Condition:
        """A comparison, wrapped up to three times."""
        condition: Condition = self.compare()
        for _ in range(3):
            kind = self.pick(CONDITIONS)
            if kind is Compare or kind not in self.kinds or self.often(0.3):
                break
            if kind is Lasting:
                condition = Lasting(condition, self.whole(1, 4))
            else:
                others = [self.compare() for _ in range(self.whole(0, 2))]
                condition = cast("type[AllOf]", kind)((condition, *others))
        return condition


def _specified(grow: _Grower) -> Node:
    children = grow.children()
    return Specified(children, grow.weights(len(children)))


def _inverse_volatility(grow: _Grower) -> Node:
    return InverseVolatility(grow.children(4), grow.whole(2, 15))


def _if(grow: _Grower) -> Node:
    return If(grow.condition(), grow.child(), grow.child())


def _switch(grow: _Grower) -> Node:
    conditions = tuple(grow.condition() for _ in range(grow.whole(1, 4)))
    slots = tuple(None if grow.often(0.4) else grow.child() for _ in conditions)
    return Switch(conditions, (*slots, grow.child()))


def _filter(grow: _Grower) -> Node:
    children = grow.assets(6) if grow.often(0.5) else grow.children(6)
    names = [name for name, row in INDICATORS.items() if row.inputs == ("close",)]
    if all(isinstance(child, Asset) for child in children) and grow.often(0.3):
        names = list(INDICATORS)
    by = grow.reading(names, None)
    if not branch_supported(str(by.indicator), cast("tuple[float, ...]", by.params)) and not all(
        isinstance(child, Asset) for child in children
    ):
        by = Reading("rsi", (grow.whole(2, 14),))
    style = grow.pick(("equal", "equal", "weights", "calm"))
    return Filter(
        children=children,
        by=by,
        direction=grow.pick(DIRECTIONS),
        count=grow.whole(1, max(1, len(children) - 1)),
        weights=grow.weights(len(children)) if style == "weights" else (),
        volatility_window=grow.whole(2, 15) if style == "calm" else None,
        keep_ties=grow.often(0.3),
    )


def _scale(grow: _Grower) -> Node:
    names = [name for name in USUAL if name in INDICATORS]
    reading = grow.reading(names, grow.ticker())
    low, high = USUAL[str(reading.indicator)]
    if grow.often(0.3):
        low, high = high, low
    return Scale(reading, low, high, grow.child(), grow.child())


def _enter_exit(grow: _Grower) -> Node:
    return EnterExit(grow.condition(), grow.condition(), grow.child(), grow.child())


MAKERS: Mapping[type[Item], Callable[[_Grower], Node]] = {
    Equal: lambda grow: Equal(grow.children()),
    Specified: _specified,
    InverseVolatility: _inverse_volatility,
    If: _if,
    Switch: _switch,
    Filter: _filter,
    Scale: _scale,
    EnterExit: _enter_exit,
    Group: lambda grow: Group(grow.pick(("Bull", "Bear", "Hedge")), grow.child()),
}


class _Variables:
    """Puts variables in the place of numbers and words, one in seven, and declares them."""

    SHARE = 1 / 7

    def __init__(self, rng: np.random.Generator, tickers: tuple[str, ...]) -> None:
        self.rng = rng
        self.tickers = tickers
        self.declared: list[Variable] = []

    def put(self, value: Any, options: Sequence[Any]) -> Any:
        """A variable whose default is ``value``; one with the same values is sometimes taken again."""
        values = tuple(dict.fromkeys((value, *options)))
        again = [v for v in self.declared if set(v.values) == set(values)]
        if again and self.rng.random() < 0.5:
            return Var(again[0].name)
        variable = Variable(f"v{len(self.declared) + 1}", values, value)
        self.declared.append(variable)
        return Var(variable.name)

    def may(self, value: Any, options: Sequence[Any]) -> Any:
        """The value itself, or sometimes a variable in its place."""
        return self.put(value, options) if self.rng.random() < self.SHARE else value

    def change(self, item: Item) -> Item:
        """The item, some of its own numbers and words being variables."""
        changer = _CHANGES.get(type(item))
        return changer(self, item) if changer else item

    def reading(self, reading: Reading) -> Reading:
        """Windows, names, tickers, sessions ago, scale and offset."""
        name = str(reading.indicator)
        params = tuple(
            self.may(value, _nearby(value, RANGES.get(parameter.name, WINDOWS)))
            for value, parameter in zip(reading.params, INDICATORS[name].parameters, strict=True)
        )
        ticker = reading.ticker
        return Reading(
            indicator=self.may(name, SWAPPABLE[:3]) if name in SWAPPABLE else name,
            params=params,
            ticker=ticker if ticker is None else self.may(ticker, self.tickers[:3]),
            sessions_ago=self.may(reading.sessions_ago, (0, 1, 3)),
            scale=self.may(reading.scale, (1, 1.02)),
            offset=self.may(reading.offset, (0, 0.01)),
        )

    def operand(self, operand: Operand) -> Operand:
        if isinstance(operand, Reading):
            return self.reading(operand)
        value = cast(float, operand.value)
        return Constant(self.may(value, (round(value * 0.9, 6), round(value * 1.1, 6))))

    def weights(self, weights: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(self.may(weight, (0.2, 0.5)) for weight in weights)


def _nearby(value: Any, within: tuple[int, int]) -> tuple[int, ...]:
    low, high = within
    return tuple(sorted({max(low, value - 1), min(high, value + 1)}))


def _change_compare(put: _Variables, item: Compare) -> Item:
    return Compare(
        put.operand(item.left), put.may(item.comparator, (">", "<", ">=")), put.operand(item.right)
    )


def _change_filter(put: _Variables, item: Filter) -> Item:
    window = item.volatility_window
    return replace(
        item,
        by=put.reading(item.by),
        direction=put.may(item.direction, DIRECTIONS),
        count=put.may(item.count, (1, 2)),
        weights=put.weights(item.weights),
        volatility_window=window if window is None else put.may(window, (5, 10)),
    )


def _change_scale(put: _Variables, item: Scale) -> Item:
    """The ends are moved apart, so that the range never loses its width."""
    low, high = cast(float, item.low), cast(float, item.high)
    step = (high - low) / 10
    return replace(
        item,
        reading=put.reading(item.reading),
        low=put.may(item.low, (round(low - step, 6),)),
        high=put.may(item.high, (round(high + step, 6),)),
    )


_CHANGES: Mapping[type[Item], Callable[[_Variables, Any], Item]] = {
    Compare: _change_compare,
    Filter: _change_filter,
    Scale: _change_scale,
    Lasting: lambda put, item: replace(item, sessions=put.may(item.sessions, (1, 2, 3))),
    Asset: lambda put, item: replace(item, ticker=put.may(item.ticker, put.tickers[:3])),
    Specified: lambda put, item: replace(item, weights=put.weights(item.weights)),
    InverseVolatility: lambda put, item: replace(item, window=put.may(item.window, (5, 10))),
}
