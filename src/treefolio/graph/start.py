"""When a run can start: the first session on which everything that the tree can reach has a value.

A look-back is the only thing that delays a start; every indicator and every holdable ticker counts, be it
in a condition, among a filter's candidates or in a branch that is never taken. For a sweep the same pass
works on arrays with one entry for each combination, a block of them at a time: only the root's start is kept
of each, so memory does not grow with the size of the graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.graph.derive import own_variables
from treefolio.graph.graph import Graph, Node
from treefolio.graph.ops import Op
from treefolio.graph.plan import Axes
from treefolio.indicators import INDICATORS
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Var

NEVER = 1 << 40
Start = int | NDArray[np.int64]
"""A session's position, or one for each combination; NEVER or more where there is no such session."""
_BLOCK = 1 << 14
"""Combinations at a time."""


@dataclass(slots=True)
class Starts:
    """When a graph can start, for each combination of its variables.

    Attributes:
        choices: (combinations, axes) the position of each variable's value.
        of: node → its start, in the first combination.
        root: the start of the run, in each combination.
    """

    graph: Graph
    panel: Panel
    axes: Axes
    choices: NDArray[np.int64]
    of: list[int]
    root: Start

    def cause(self, row: int = 0) -> str:
        """What sets the root's start, in words; for combination ``row`` of a sweep."""
        node = self.graph.nodes[self._way(row)[-1][0]]
        if node.op is Op.HOLD:
            return f"{self._words(node, row)[0]} has its first price then"
        if node.op is Op.READING:
            return f"{self._named(node, row)} is first defined then"
        return "it is the first session of the prices"

    def lacking(self, row: int = 0) -> str:
        """What adds most to the root's start, which the prices do not reach, and the variables in it."""
        k = max(self._way(row), key=lambda step: step[1])[0]
        node = self.graph.nodes[k]
        names = sorted(own_variables(node))
        chosen = ", ".join(f"{name} = {_word(self._value(Var(name), row))}" for name in names)
        if node.op is Op.HOLD:
            said = f"{self._words(node, row)[0]} has no price"
        else:
            said = f"{self._named(node, row)} needs a longer history"
        return f"{said} ({chosen})" if chosen else said

    def _way(self, row: int) -> list[tuple[int, int]]:
        """From the root to the leaf that sets its start: each node, with the sessions that it adds."""
        of = _of_one(self.graph, self.panel, self.axes, self.choices[row : row + 1])
        k, way = self.graph.root, []
        while args := self.graph.nodes[k].args:
            latest = max(args, key=of.__getitem__)
            way.append((k, of[k] - of[latest]))
            k = latest
        return [*way, (k, of[k])]

    def _named(self, node: Node, row: int) -> str:
        """A node that looks back, as it is written."""
        name, *rest = self._words(node, row)
        if node.op in (Op.READING, Op.INDICATOR):
            return f"{name}({', '.join(rest)})" + (" of a branch" if node.op is Op.INDICATOR else "")
        return f"a value {name} sessions ago" if node.op is Op.SHIFT else f"a condition for {name} sessions"

    def _words(self, node: Node, row: int) -> list[str]:
        return [_word(self._value(param, row)) for param in node.params]

    def _value(self, param: object, row: int) -> object:
        """A parameter, or what its variable is in this combination."""
        if not isinstance(param, Var):
            return param
        return self.axes[param.name][self.choices[row, list(self.axes).index(param.name)]]


def _word(param: object) -> str:
    return f"{param:g}" if isinstance(param, float) else str(param)


def starts(graph: Graph, panel: Panel, axes: Axes, choices: NDArray[np.int64]) -> Starts:
    """When the graph can start for each combination.

    Args:
        choices: (combinations, axes) the position of each variable's value.
    """
    known: dict[tuple[int, ...], int] = {}
    root: list[Start] = []
    for first in range(0, len(choices), _BLOCK):
        found = _starts(graph, panel, axes, choices[first : first + _BLOCK], known)[graph.root]
        root.append(found)
        if isinstance(found, int):  # no variable moves it
            break
    of = _of_one(graph, panel, axes, choices[:1])
    return Starts(graph, panel, axes, choices, of, root[0] if len(root) == 1 else np.concatenate(root))


def _of_one(graph: Graph, panel: Panel, axes: Axes, choices: NDArray[np.int64]) -> list[int]:
    """The start of each node, for a single combination."""
    found = _starts(graph, panel, axes, choices, {})
    return [int(start[0]) if isinstance(start, np.ndarray) else start for start in found]


def _starts(
    graph: Graph,
    panel: Panel,
    axes: Axes,
    choices: NDArray[np.int64],
    known: dict[tuple[int, ...], int],
) -> list[Start]:
    """The start of each node for some combinations. ``known`` remembers leaves from call to call."""
    names = list(axes)

    def leaf(k: int, node: Node) -> Start:
        """Looked up for each combination of its own variables' values."""
        own = own_variables(node)
        columns = [v for v, name in enumerate(names) if name in own]
        if not columns:
            return _leaf(panel, node, {})
        distinct, inverse = np.unique(choices[:, columns], axis=0, return_inverse=True)
        of_distinct = np.empty(len(distinct), np.int64)
        for j, positions in enumerate(distinct.tolist()):
            key = (k, *positions)
            if key not in known:
                chosen = {names[v]: axes[names[v]][p] for v, p in zip(columns, positions, strict=True)}
                known[key] = _leaf(panel, node, chosen)
            of_distinct[j] = known[key]
        return of_distinct[inverse.reshape(-1)]

    found: list[Start] = []
    for k, node in enumerate(graph.nodes):
        before: Start = 0
        for a in node.args:
            before = _later(before, found[a])
        found.append(before + leaf(k, node) if node.op in _OWN else before)
    return found


def structural(graph: Graph) -> frozenset[str]:
    """The variables that can move the start: windows, tickers, indicators, numbers of sessions."""
    return frozenset().union(*(own_variables(node) for node in graph.nodes if node.op in _OWN))


_OWN = {Op.HOLD, Op.READING, Op.SHIFT, Op.LASTING, Op.INDICATOR}


def _later(a: Start, b: Start) -> Start:
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    return np.maximum(a, b)


def _leaf(panel: Panel, node: Node, chosen: dict[str, object]) -> int:
    """The sessions that a node adds to its arguments' start; for a leaf, its start itself."""
    words = [chosen[p.name] if isinstance(p, Var) else p for p in node.params]
    if node.op is Op.HOLD:
        return first_price(panel, str(words[0]), ("close",))
    if node.op is Op.READING:
        row = INDICATORS[str(words[0])]
        return first_price(panel, str(words[1]), row.inputs) + row.lookback_sessions(*row.typed(words[2:]))
    if node.op is Op.INDICATOR:
        row = INDICATORS[str(words[0])]
        return row.lookback_sessions(*row.typed(words[1:]))
    sessions = int(float(str(words[0])))
    return sessions if node.op is Op.SHIFT else sessions - 1


def first_price(panel: Panel, ticker: str, fields: tuple[str, ...]) -> int:
    """The first session on which the ticker has all of these fields; NEVER when it has not."""
    if ticker not in panel or any(name not in panel.fields for name in fields):
        return NEVER
    k = panel.position(ticker)
    priced = np.ones(len(panel.sessions), bool)
    for name in fields:
        priced &= np.isfinite(panel.fields[name][:, k])
    return int(priced.argmax()) if priced.any() else NEVER
