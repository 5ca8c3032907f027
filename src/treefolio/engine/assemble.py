"""From a stage of a plan to a `Program`: nodes become rows, parameters become numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from treefolio.engine.program import Program
from treefolio.graph.build import COMPARATOR_CODES, DIRECTION_CODES
from treefolio.graph.graph import Param
from treefolio.graph.ops import Kind, Op
from treefolio.graph.plan import Plan, Stage
from treefolio.indicators import INDICATORS
from treefolio.strategy.tree import Var


@dataclass(slots=True)
class Layout:
    """Where things stand in the shared tables and among the numbers.

    Attributes:
        base: node → its first row in the table of its kind.
        rows, mask_rows: how many rows the tables have.
        slots: constant → its position in `State.numbers`; the axes' variables stand before.
    """

    plan: Plan
    base: dict[int, int] = field(default_factory=dict)
    rows: int = 0
    mask_rows: int = 0
    slots: dict[float, int] = field(default_factory=dict)

    def place(self, node: int) -> None:
        """Gives a node its rows in the table: one for each combination of its variables' values."""
        if node in self.base:
            return
        if self.plan.graph.nodes[node].kind is Kind.MASK:
            self.base[node] = self.mask_rows
            self.mask_rows += self.plan.rows(node)
        else:
            self.base[node] = self.rows
            self.rows += self.plan.rows(node)

    def strides(self, node: int) -> list[tuple[int, int]]:
        """For each variable of the node: its position among the axes, and the rows between its values."""
        names = list(self.plan.axes)
        found = []
        stride = 1
        for name in reversed(self.plan.depends[node]):
            found.append((names.index(name), stride))
            stride *= len(self.plan.axes[name])
        return found[::-1]

    def slot(self, param: Param) -> int:
        """The position of a parameter in `State.numbers`."""
        if isinstance(param, Var):
            return list(self.plan.axes).index(param.name)
        return self.slots.setdefault(encode(param), len(self.plan.axes) + len(self.slots))


def encode(value: int | float | str) -> float:
    """A parameter's value as the kernel reads it; words that it never reads (tickers) are NaN."""
    if not isinstance(value, str):
        return float(value)
    for codes in (COMPARATOR_CODES, DIRECTION_CODES):
        if value in codes:
            return float(codes[value])
    row = INDICATORS.get(value)
    return float(row.branch_code) if row is not None and row.branch_code is not None else float("nan")


def make_layout(plan: Plan) -> Layout:
    """Rows for all leaves and for everything that one stage hands to another."""
    layout = Layout(plan)
    for node in plan.leaves:
        layout.place(node)
    for stage in plan.stages:
        for node in stage.outputs:
            layout.place(node)
    return layout


@dataclass(frozen=True, slots=True)
class Assembled:
    """A stage ready to execute.

    Attributes:
        where: (nodes,) the rows to begin with; each thread changes a copy.
        rows, mask_rows: the work space that it needs.
        nest: for each level, the position of its variable among the axes.
    """

    stage: Stage
    program: Program
    where: np.ndarray[tuple[int], np.dtype[np.int64]]
    rows: int
    mask_rows: int
    nest: np.ndarray[tuple[int], np.dtype[np.int64]]


def assemble(layout: Layout, stage: Stage) -> Assembled:
    """The stage's program; constants that it needs get their slots in the layout."""
    plan = layout.plan
    nodes = plan.graph.nodes
    where = np.zeros(len(nodes), np.int64)
    for node, row in layout.base.items():
        where[node] = row
    work = {Kind.MASK: 0, Kind.SERIES: 0, Kind.RETURN: 0}
    for node in stage.nodes:
        kind = Kind.MASK if nodes[node].kind is Kind.MASK else Kind.SERIES
        where[node] = -1 - work[kind]
        work[kind] += 1
    steps = [(level, Op.LOOKUP, node) for node, level in stage.fetched]
    steps += [(level, nodes[node].op, node) for node, level in zip(stage.nodes, stage.levels, strict=True)]
    steps.sort(key=lambda step: (step[0], step[1] is not Op.LOOKUP, step[2]))
    names = list(plan.axes)
    return Assembled(
        stage=stage,
        program=_program(layout, stage, steps),
        where=where,
        rows=work[Kind.SERIES],
        mask_rows=work[Kind.MASK],
        nest=np.array([names.index(name) for name in stage.variables], np.int64),
    )


def _program(layout: Layout, stage: Stage, steps: list[tuple[int, Op, int]]) -> Program:
    plan = layout.plan
    args: list[int] = []
    pars: list[int] = []
    arg_at, par_at = [0], [0]
    instruction = np.full(len(plan.graph.nodes), -1, np.int64)
    for i, (_, op, node) in enumerate(steps):
        if op is Op.LOOKUP:
            args.append(layout.base[node])
            args += (number for pair in layout.strides(node) for number in pair)
        else:
            instruction[node] = i
            args += plan.graph.nodes[node].args
            pars += (layout.slot(param) for param in plan.graph.nodes[node].params)
        arg_at.append(len(args))
        par_at.append(len(pars))
    levels = np.array([level for level, _, _ in steps], np.int64)
    return Program(
        ops=np.array([int(op) for _, op, _ in steps], np.int64),
        node=np.array([node for _, _, node in steps], np.int64),
        lo=np.array([plan.needed_from[node] for _, _, node in steps], np.int64),
        arg_at=np.array(arg_at, np.int64),
        args=np.array(args, np.int64),
        par_at=np.array(par_at, np.int64),
        pars=np.array(pars, np.int64),
        level_at=np.searchsorted(levels, np.arange(max(len(stage.variables), 1) + 1)).astype(np.int64),
        instruction=instruction,
    )
