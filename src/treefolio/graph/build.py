"""From the tree to the graph, parts before what is made of them, without recursion.

Each class of the tree is one row of `_BUILDERS`, with the builder that takes it; a builder is handed the
graph nodes of the item's parts and adds its own. `Built.node_of` remembers which graph node came of which
item of the tree, for traces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from treefolio.graph.graph import Graph, Param
from treefolio.graph.ops import Op
from treefolio.indicators import INDICATORS
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
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
    NoneOf,
    NumberLike,
    Operand,
    Reading,
    Scale,
    Specified,
    Strategy,
    Switch,
    Var,
    iterate,
)

MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
COMPARATOR_CODES = {">": 0, "<": 1, ">=": 2, "<=": 3, "==": 4, "!=": 5}
DIRECTION_CODES = {"top": 0, "bottom": 1}


@dataclass(slots=True)
class Built:
    """A graph and where each item of its tree went (by the item's identity)."""

    graph: Graph
    node_of: dict[int, int]
    empty_is_cash: bool

    def parts(self, items: tuple[Item, ...]) -> tuple[int, ...]:
        """The graph nodes of some items that were built before."""
        return tuple(self.node_of[id(item)] for item in items)


def build(strategy: Strategy) -> Built:
    """The graph of a strategy; its variables stay variables."""
    built = Built(Graph(), {}, strategy.empty == "cash")
    for item in reversed(list(iterate(strategy.root))):
        if id(item) not in built.node_of:
            built.node_of[id(item)] = _BUILDERS[type(item)](built, item)
    built.graph.root = built.node_of[id(strategy.root)]
    return built


def number(value: NumberLike) -> float | Var:
    """A parameter of the graph: variables stay, numbers become float, so that 79 and 79.0 are one node."""
    return value if isinstance(value, Var) else float(value)


def reading(graph: Graph, item: Reading, branch: int | None = None) -> int:
    """An indicator of a ticker, or of the branch whose value series is node ``branch``."""
    if branch is None:
        assert item.ticker is not None
        node = graph.add(Op.READING, (), (item.indicator, item.ticker, *map(number, item.params)))
    else:
        node = graph.add(Op.INDICATOR, (branch,), (item.indicator, *map(number, item.params)))
    if item.sessions_ago != 0:
        node = graph.add(Op.SHIFT, (node,), (number(item.sessions_ago),))
    if (item.scale, item.offset) != (1, 0):
        node = graph.add(Op.AFFINE, (node,), (number(item.scale), number(item.offset)))
    return node


def _operand(graph: Graph, operand: Operand) -> int:
    if isinstance(operand, Constant):
        return graph.add(Op.FILL, (), (number(operand.value),))
    return reading(graph, operand)


def _compare(built: Built, item: Compare) -> int:
    graph, left, comparator, right = built.graph, item.left, item.comparator, item.right
    if isinstance(left, Constant) and not isinstance(right, Constant) and isinstance(comparator, str):
        left, comparator, right = right, MIRRORED[comparator], left
    if isinstance(right, Constant):
        return graph.add(Op.THRESHOLD, (_operand(graph, left),), (comparator, number(right.value)))
    return graph.add(Op.COMPARE, (_operand(graph, left), _operand(graph, right)), (comparator,))


def _mask(op: Op) -> Callable[[Built, AllOf | AnyOf | NoneOf], int]:
    return lambda built, item: built.graph.add(op, built.parts(item.conditions))


def _lasting(built: Built, item: Lasting) -> int:
    return built.graph.add(Op.LASTING, built.parts((item.condition,)), (number(item.sessions),))


def _asset(built: Built, item: Asset) -> int:
    return built.graph.add(Op.HOLD, (), (item.ticker,))


def _cash(built: Built, _: Cash) -> int:
    return built.graph.add(Op.CASH)


def _empty(built: Built, _: Empty) -> int:
    return built.graph.add(Op.CASH if built.empty_is_cash else Op.EMPTY)


def _group(built: Built, item: Group) -> int:
    return built.node_of[id(item.child)]


def _mix(graph: Graph, children: tuple[int, ...], weights: tuple[float | Var, ...]) -> int:
    """A weighted sum; weights that hold a variable are renormalised where they are known."""
    if any(isinstance(w, Var) for w in weights):
        return graph.add(Op.MIX, children, (1, *weights))
    if len(children) == 1:
        return children[0]
    return graph.add(Op.MIX, children, (0, *weights))


def _equal(built: Built, item: Equal) -> int:
    children = built.parts(item.children)
    return _mix(built.graph, children, (1 / len(children),) * len(children))


def _specified(built: Built, item: Specified) -> int:
    weights = tuple(map(number, item.weights))
    total = 0.0
    for weight in weights:
        if isinstance(weight, Var):
            break
        total += weight
    else:
        weights = tuple(float(w) / total for w in weights if not isinstance(w, Var))
    return _mix(built.graph, built.parts(item.children), weights)


def _score(built: Built, child: Item, by: Reading) -> int:
    """The series on which a filter ranks this child: of its prices, or of its own value.

    A group is but a label: a labelled asset is ranked on its prices.
    """
    graph = built.graph
    while isinstance(child, Group):
        child = child.child
    if not isinstance(child, Asset):
        return reading(graph, by, branch=graph.add(Op.VALUE, built.parts((child,))))
    of_ticker = Reading(by.indicator, by.params, child.ticker, by.sessions_ago, by.scale, by.offset)
    score = reading(graph, of_ticker)
    if by.sessions_ago == 0 and isinstance(by.indicator, str) and "close" in INDICATORS[by.indicator].inputs:
        return score  # it is undefined wherever the price is
    return graph.add(Op.DEFINED, (score, graph.add(Op.READING, (), ("price", child.ticker))))


def _volatility(built: Built, child: Item, window: NumberLike) -> int:
    return _score(built, child, Reading("stdev_return", (window,)))


def _inverse_volatility(built: Built, item: InverseVolatility) -> int:
    args: list[int] = []
    for child in item.children:
        args += (built.node_of[id(child)], _volatility(built, child, item.window))
    return built.graph.add(Op.INVERSE_VOLATILITY, tuple(args))


def _filter(built: Built, item: Filter) -> int:
    params: tuple[Param, ...] = (item.direction, number(item.count), int(item.keep_ties))
    args: list[int] = []
    for child in item.children:
        args += (built.node_of[id(child)], _score(built, child, item.by))
        if item.volatility_window is not None:
            args.append(_volatility(built, child, item.volatility_window))
    if item.volatility_window is not None:
        return built.graph.add(Op.FILTER_VOLATILITY, tuple(args), params)
    return built.graph.add(Op.FILTER, tuple(args), (*params, *map(number, item.weights)))


def _if(built: Built, item: If) -> int:
    return built.graph.add(Op.SELECT, built.parts((item.condition, item.then, item.otherwise)))


def _switch(built: Built, item: Switch) -> int:
    """A chain of selections by "exactly k hold"; a null slot takes the branch of the next lower count."""
    conditions = built.parts(item.conditions)
    last = item.branches[-1]
    assert last is not None
    chosen = below = built.node_of[id(last)]
    for held, branch in enumerate(reversed(item.branches[:-1]), start=1):
        below = below if branch is None else built.node_of[id(branch)]
        mask = built.graph.add(Op.COUNT, conditions, (held,))
        chosen = built.graph.add(Op.SELECT, (mask, below, chosen))
    return chosen


def _scale(built: Built, item: Scale) -> int:
    x = reading(built.graph, item.reading)
    ends = built.parts((item.start, item.end))
    return built.graph.add(Op.SCALE, (x, *ends), (number(item.low), number(item.high)))


def _enter_exit(built: Built, item: EnterExit) -> int:
    inside = built.graph.add(Op.LATCH, built.parts((item.enter, item.exit)))
    return built.graph.add(Op.SELECT, (inside, *built.parts((item.then, item.otherwise))))


_BUILDERS: dict[type[Item], Callable[[Built, Any], int]] = {
    Compare: _compare,
    AllOf: _mask(Op.ALL),
    AnyOf: _mask(Op.ANY),
    NoneOf: _mask(Op.NONE),
    Lasting: _lasting,
    Asset: _asset,
    Cash: _cash,
    Empty: _empty,
    Group: _group,
    Equal: _equal,
    Specified: _specified,
    InverseVolatility: _inverse_volatility,
    Filter: _filter,
    If: _if,
    Switch: _switch,
    Scale: _scale,
    EnterExit: _enter_exit,
}
