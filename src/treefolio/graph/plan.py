"""In which order, and how often, the nodes of a graph are computed when its variables take many values.

The nodes fall into stages by the variables that they depend on:

1. **static**: no variable. Computed once.
2. **tabulated**, one stage for each variable: only that variable. Computed once for each of its values and
   kept in a table, unless the table would be larger than `TABLE_BYTES`.
3. **main**: everything else, computed for each combination, in a nest of loops. Variables are ordered so
   that the innermost one reaches the least work; a change of a variable re-computes its own level and
   those inside it.

A stage's `outputs` are the nodes that a later stage, or the run itself, reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from treefolio.graph import derive
from treefolio.graph.graph import Graph
from treefolio.graph.ops import RULES, Kind, Op

Axes = Mapping[str, tuple[int | float | str, ...]]
"""Variables in their listed order, each with its values."""

LEAVES = frozenset({Op.HOLD, Op.CASH, Op.EMPTY, Op.READING})
TABLE_BYTES = 256 << 20
"""A variable's table may be this large; a larger one is not worth its memory."""

_COST = {Op.VALUE: 12.0, Op.INDICATOR: 60.0, Op.FILTER: 60.0, Op.FILTER_VOLATILITY: 80.0, Op.SCALE: 20.0}
_COST |= {Op.INVERSE_VOLATILITY: 30.0, Op.LATCH: 8.0, Op.LASTING: 6.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Nodes that are computed together.

    Attributes:
        variables: the nest, outermost first; () for the static stage.
        nodes: what to compute, level by level, arguments first.
        levels: for each of them, the position in `variables` of its innermost variable (0 without any).
        fetched: table nodes whose row depends on these variables, with their levels.
        outputs: nodes that others read.
    """

    variables: tuple[str, ...]
    nodes: tuple[int, ...]
    levels: tuple[int, ...]
    fetched: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A graph with its stages.

    Attributes:
        depends: for each node, the variables that its value depends on, in the order of the axes.
        needed_from: for each node, the first session on which its value is needed.
        leaves: HOLD, CASH, EMPTY and READING nodes.
        stages: static first, main last.
    """

    graph: Graph
    axes: Axes
    depends: tuple[tuple[str, ...], ...]
    needed_from: tuple[int, ...]
    leaves: tuple[int, ...]
    stages: tuple[Stage, ...]

    def rows(self, node: int) -> int:
        """How many rows of a table a node takes: one for each combination of its variables' values."""
        return math.prod(len(self.axes[name]) for name in self.depends[node])

    @property
    def main(self) -> Stage:
        """The stage that is computed for each combination."""
        return self.stages[-1]


def make_plan(graph: Graph, axes: Axes, first: int, sessions: int) -> Plan:
    """The plan for a run whose root is needed from session ``first`` of ``sessions``."""
    free = derive.variables(graph)
    depends = tuple(tuple(name for name in axes if name in names) for names in free)
    alive = derive.reached(graph)
    leaves = tuple(k for k, node in enumerate(graph.nodes) if alive[k] and node.op in LEAVES)
    inner = [k for k, node in enumerate(graph.nodes) if alive[k] and node.op not in LEAVES]
    groups = _groups(graph, depends, axes, inner, sessions)
    stages = [_stage(graph, depends, groups, group) for group in sorted(set(groups.values()) | {MAIN})]
    return Plan(
        graph=graph,
        axes=axes,
        depends=depends,
        needed_from=tuple(derive.needed_from(graph, first, axes)),
        leaves=leaves,
        stages=tuple(stages),
    )


MAIN = (1, "")
STATIC = (-1, "")
Group = tuple[int, str]


def _groups(
    graph: Graph, depends: tuple[tuple[str, ...], ...], axes: Axes, inner: list[int], sessions: int
) -> dict[int, Group]:
    """The stage of each node that is computed: STATIC, (0, variable) or MAIN. They sort in order of time."""
    groups: dict[int, Group] = {}
    root_depends = depends[graph.root]
    for k in inner:
        names = depends[k]
        if not names:
            groups[k] = STATIC
        elif len(names) == 1 and names != root_depends:
            groups[k] = (0, names[0])
        else:
            groups[k] = MAIN
    for name in axes:
        own = (0, name)
        outputs = _outputs(graph, groups, own)
        if len(outputs) * len(axes[name]) * sessions * 8 > TABLE_BYTES:
            groups |= {k: MAIN for k, group in groups.items() if group == own}
    return groups


def _outputs(graph: Graph, groups: dict[int, Group], group: Group) -> list[int]:
    """The group's nodes that another group's nodes take, or that are the root (outside of main)."""
    read = {a for k, other in groups.items() if other != group for a in graph.nodes[k].args}
    if group != MAIN:
        read.add(graph.root)
    return sorted(k for k in read if groups.get(k) == group)


def _stage(
    graph: Graph, depends: tuple[tuple[str, ...], ...], groups: dict[int, Group], group: Group
) -> Stage:
    members = [k for k, own in groups.items() if own == group]
    cost: dict[str, float] = {}
    for k in members:
        for name in depends[k]:
            cost[name] = cost.get(name, 0.0) + _COST.get(graph.nodes[k].op, 1.0)
    members_set = set(members)
    read = {a for k in members for a in graph.nodes[k].args} - members_set
    if group == MAIN and graph.root not in members_set:
        read.add(graph.root)
    for k in read:
        for name in depends[k]:
            cost.setdefault(name, 0.0)
    nest = tuple(sorted(cost, key=lambda name: -cost[name]))

    def level(k: int) -> int:
        return max((nest.index(name) for name in depends[k]), default=0)

    order = sorted(members, key=lambda k: (level(k), k))
    return Stage(
        variables=nest,
        nodes=tuple(order),
        levels=tuple(level(k) for k in order),
        fetched=tuple((k, level(k)) for k in sorted(read) if depends[k]),
        outputs=tuple(_outputs(graph, groups, group)),
    )


def work_bytes(plan: Plan, sessions: int) -> int:
    """An estimate of the memory of tables and one thread's work space."""
    width = {Kind.MASK: 1, Kind.SERIES: 8, Kind.RETURN: 8}
    nodes = plan.graph.nodes

    def size(k: int) -> int:
        return width[RULES[nodes[k].op].gives] * sessions

    tables = sum(size(k) * plan.rows(k) for k in plan.leaves)
    for stage in plan.stages:
        tables += sum(size(k) * plan.rows(k) for k in stage.outputs)
    return tables + max(sum(size(k) for k in stage.nodes) for stage in plan.stages)
