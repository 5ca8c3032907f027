"""Everything that is computed before the first combination: leaves, the static stage, the tabulated ones.

`fill_tables` takes a plan and a panel and returns the shared, read-only tables with the holdings of their
rows. The rest of a sweep only reads them, so threads share them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from treefolio.engine.assemble import Assembled, Layout, assemble, encode
from treefolio.engine.holdings import Holdings, make_holdings, mark_needed, update
from treefolio.engine.interpret import execute
from treefolio.engine.portfolios import (
    ABSENT_PORTFOLIO,
    CASH,
    FIRST_ASSET,
    Numbers,
    Store,
    enlarged,
    make_store,
)
from treefolio.engine.program import Floats, Ints, Mask, State
from treefolio.graph.ops import ABSENT, Kind, Op
from treefolio.graph.plan import Plan
from treefolio.indicators import INDICATORS, compute
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Var

SCRATCH_ROWS = 8


@dataclass(slots=True, kw_only=True)
class Tables:
    """The shared part of a compiled strategy.

    Attributes:
        holdable: (A) tickers, sorted, that the tree can hold; the columns of weights.
        first: the window's first session.
        portfolios: (rows, n) what the table's returns hold in the window of n sessions.
        store: the portfolios that they name; each thread goes on with a copy.
        numbers: (axes + constants,) to begin with; each thread changes a copy.
        stages: what was executed to fill them, with the state it left (for traces); main is last.
    """

    plan: Plan
    layout: Layout
    table: Floats
    mask_table: Mask
    numbers: Floats
    cash: float
    holdable: tuple[str, ...]
    first: int
    portfolios: Numbers
    store: Store
    stages: list[tuple[Assembled, State]] = field(default_factory=list)

    @property
    def main(self) -> Assembled:
        """The program that is executed for each combination."""
        return self.stages[-1][0]

    def state(self, assembled: Assembled) -> State:
        """A fresh work space for one thread."""
        sessions = self.table.shape[1]
        widest = int(np.diff(assembled.program.arg_at).max(initial=1))
        return State(
            table=self.table,
            mask_table=self.mask_table,
            work=np.empty((assembled.rows, sessions)),
            mask_work=np.empty((assembled.mask_rows, sessions), np.uint8),
            where=assembled.where.copy(),
            numbers=self.numbers.copy(),
            choice=np.zeros(max(len(self.plan.axes), 1), np.int64),
            scratch=np.empty((SCRATCH_ROWS, sessions)),
            shares=np.zeros(max(widest, 16)),
            cash=self.cash,
        )

    def holdings(self, assembled: Assembled) -> Holdings:
        """A fresh view of a stage's holdings for one thread."""
        return make_holdings(
            self.portfolios, assembled.program, assembled.rows, len(self.plan.axes), self.first
        )


def fill_tables(
    layout: Layout, panel: Panel, holdable: tuple[str, ...], window: tuple[int, int], cash: float
) -> Tables:
    """Leaves computed from the panel, then each stage but the main one executed for all its values."""
    assembled = [assemble(layout, stage) for stage in layout.plan.stages]
    tables = empty_tables(layout, len(panel.sessions), holdable, window, cash)
    for node in layout.plan.leaves:
        _fill_leaf(tables, panel, node)
    for part in assembled[:-1]:
        _execute_stage(tables, part)
    tables.stages.append((assembled[-1], tables.state(assembled[-1])))
    return tables


def empty_tables(
    layout: Layout, sessions: int, holdable: tuple[str, ...], window: tuple[int, int], cash: float
) -> Tables:
    """Room for everything, once all stages are assembled; nothing is computed yet."""
    numbers = np.zeros(len(layout.plan.axes) + len(layout.slots))
    for value, slot in layout.slots.items():
        numbers[slot] = value
    return Tables(
        plan=layout.plan,
        layout=layout,
        table=np.empty((layout.rows, sessions)),
        mask_table=np.empty((layout.mask_rows, sessions), np.uint8),
        numbers=numbers,
        cash=cash,
        holdable=holdable,
        first=window[0],
        portfolios=np.zeros((layout.rows, window[1] - window[0] + 1), np.int32),
        store=make_store(len(holdable)),
    )


def _combinations(plan: Plan, node: int) -> Iterator[tuple[int, dict[str, int | float | str]]]:
    """Each combination of the values of a node's variables, with its row behind the node's base."""
    names = plan.depends[node]
    for k, values in enumerate(itertools.product(*(plan.axes[name] for name in names))):
        yield k, dict(zip(names, values, strict=True))


def _fill_leaf(tables: Tables, panel: Panel, position: int) -> None:
    node = tables.plan.graph.nodes[position]
    base = tables.layout.base[position]
    if node.op in (Op.CASH, Op.EMPTY):
        tables.table[base] = tables.cash if node.op is Op.CASH else ABSENT
        tables.portfolios[base] = CASH if node.op is Op.CASH else ABSENT_PORTFOLIO
        return
    for k, chosen in _combinations(tables.plan, position):
        words = [chosen[p.name] if isinstance(p, Var) else p for p in node.params]
        if node.op is Op.HOLD:
            tables.table[base + k] = forward_returns(panel, str(words[0]))
            tables.portfolios[base + k] = FIRST_ASSET + tables.holdable.index(str(words[0]))
        else:
            tables.table[base + k] = read(panel, str(words[0]), str(words[1]), words[2:])


def forward_returns(panel: Panel, ticker: str) -> Floats:
    """(T,) what the ticker earns from each session to the next; NaN without a price on either.

    The last session's is 0 where there is a price: nothing is earned after it.
    """
    out = np.full(len(panel.sessions), np.nan)
    if ticker in panel:
        price = panel.column(ticker)
        out[:-1] = price[1:] / price[:-1] - 1.0
        out[-1] = 0.0 if np.isfinite(price[-1]) else np.nan
    return out


def read(panel: Panel, indicator: str, ticker: str, params: list[int | float | str]) -> Floats:
    """(T,) an indicator of a ticker, NaN where undefined or the ticker (or a field of it) is not there."""
    row = INDICATORS[indicator]
    if ticker not in panel or any(name not in panel.fields for name in row.inputs):
        return np.full(len(panel.sessions), np.nan)
    inputs = {name: panel.column(ticker, name) for name in row.inputs}
    return compute(indicator, inputs, row.typed(params))


def choose(state: State, tables: Tables, chosen: Ints) -> None:
    """Sets every variable of a state to the value at this position."""
    for v, values in enumerate(tables.plan.axes.values()):
        state.choice[v] = chosen[v]
        state.numbers[v] = encode(values[chosen[v]])


def _execute_stage(tables: Tables, part: Assembled) -> None:
    """Executes a stage for each value of its variable; its outputs and their holdings go to the tables."""
    plan = tables.plan
    state, holdings = tables.state(part), tables.holdings(part)
    tables.stages.append((part, state))
    names = list(plan.axes)
    variable = part.stage.variables[0] if part.stage.variables else None
    chosen = np.zeros(len(names), np.int64)
    returns = [node for node in part.stage.outputs if plan.graph.nodes[node].kind is Kind.RETURN]
    outputs = np.array(returns, np.int64)
    for k in range(len(plan.axes[variable]) if variable else 1):
        if variable:
            chosen[names.index(variable)] = k
        choose(state, tables, chosen)
        execute(part.program, state, 0)
        mark_needed(part.program, state, holdings, outputs)
        while not update(part.program, state, holdings, tables.store, 0):
            holdings.fresh[0] = 1
            tables.store = enlarged(tables.store, 4)
        for node in part.stage.outputs:
            row = tables.layout.base[node] + k
            own = -1 - part.where[node]
            if plan.graph.nodes[node].kind is Kind.MASK:
                tables.mask_table[row] = state.mask_work[own]
            else:
                tables.table[row] = state.work[own]
                tables.portfolios[row] = holdings.work[own]
    tables.store.base[:] = tables.store.used
