"""The graph: every distinct sub-expression of a strategy once.

Building a node looks it up (`Graph.add`), so common sub-expressions are shared by construction: a tree of
3,752 nodes with 96 distinct conditions becomes a graph of some hundreds. Arguments stand before the nodes
that take them, so a pass over `Graph.nodes` from the front is a pass bottom-up.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from treefolio.graph.ops import RULES, Kind, Op
from treefolio.strategy.tree import Var

Param = int | float | str | Var


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes:
        args: positions of its arguments in `Graph.nodes`; all of them are smaller than its own.
        params: numbers, words, or variables that stand for them; their meaning is in `ops.RULES`.
    """

    op: Op
    args: tuple[int, ...] = ()
    params: tuple[Param, ...] = ()

    @property
    def kind(self) -> Kind:
        """The type of its value."""
        return RULES[self.op].gives


@dataclass(slots=True)
class Graph:
    """Interned nodes, arguments first. `root` is the strategy's own return."""

    nodes: list[Node] = field(default_factory=list)
    root: int = -1
    _known: dict[tuple[object, ...], int] = field(default_factory=dict)

    def add(self, op: Op, args: tuple[int, ...] = (), params: tuple[Param, ...] = ()) -> int:
        """The position of this node: of the one that is there already, else of a new one."""
        key = (op, args, params, tuple(map(type, params)))  # 1 and 1.0 are equal, but print differently
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = len(self.nodes)
            self.nodes.append(Node(op, args, params))
        return known

    def __len__(self) -> int:
        return len(self.nodes)
