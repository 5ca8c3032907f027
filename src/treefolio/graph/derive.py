"""What follows from a graph without anybody saying it: variables, tickers, uses, memory.

All of it is one pass over the nodes, arguments first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from treefolio.errors import SpaceError
from treefolio.graph.graph import Graph, Node
from treefolio.graph.ops import RULES, Op
from treefolio.indicators import INDICATORS
from treefolio.strategy.tree import Var

Values = Mapping[str, Sequence[int | float | str]]


def own_variables(node: Node) -> frozenset[str]:
    """The variables among the node's own parameters."""
    return frozenset(p.name for p in node.params if isinstance(p, Var))


def variables(graph: Graph) -> list[frozenset[str]]:
    """For each node: the variables that its value depends on."""
    found: list[frozenset[str]] = []
    for node in graph.nodes:
        found.append(own_variables(node).union(*(found[a] for a in node.args)))
    return found


def choices(param: object, values: Values) -> tuple[int | float | str, ...]:
    """Every value that a parameter can take.

    Raises:
        SpaceError: it is a variable without values.
    """
    if isinstance(param, Var):
        if param.name not in values:
            raise SpaceError(
                f"the variable {param} has no value", hint="Bind it, or give the values it may take."
            )
        return tuple(values[param.name])
    return (param,)  # type: ignore[return-value]  # a parameter that is no variable is its own value


def tickers(graph: Graph, values: Values) -> tuple[set[str], set[str]]:
    """The tickers that can be held, and those that some indicator reads."""
    held: set[str] = set()
    read: set[str] = set()
    for node in graph.nodes:
        if node.op is Op.HOLD:
            held.update(str(t) for t in choices(node.params[0], values))
        elif node.op is Op.READING:
            read.update(str(t) for t in choices(node.params[1], values))
    return held, read


def fields(graph: Graph, values: Values) -> set[str]:
    """The price fields that some indicator of a ticker reads: close, high …"""
    found: set[str] = set()
    for node in graph.nodes:
        if node.op is Op.READING:
            found.update(f for name in choices(node.params[0], values) for f in INDICATORS[str(name)].inputs)
    return found


def reached(graph: Graph, *roots: int) -> list[bool]:
    """For each node: is it part of the value of one of ``roots`` (by default of the graph's root)?"""
    alive = [False] * len(graph)
    for root in roots or (graph.root,):
        alive[root] = True
    for k in range(len(graph) - 1, -1, -1):
        if alive[k]:
            for a in graph.nodes[k].args:
                alive[a] = True
    return alive


def needed_from(graph: Graph, first: int, values: Values) -> list[int]:
    """For each node: the session from which its value is needed when the root's is from ``first``.

    A memory (the value of a branch and its indicators, a latch) is computed from session 0.
    """
    need = [first] * len(graph)
    for k in range(len(graph) - 1, -1, -1):
        node = graph.nodes[k]
        if RULES[node.op].memory:
            need[k] = 0
        back = need[k]
        if node.op is Op.SHIFT:
            back -= int(max(float(v) for v in choices(node.params[0], values)))
        elif node.op is Op.LASTING:
            back -= int(max(float(v) for v in choices(node.params[0], values))) - 1
        for a in node.args:
            need[a] = min(need[a], max(0, back))
    return need
