"""A strategy's graph, computed up to one session, and questions to it. `treefolio.engine.trace` asks them."""

from __future__ import annotations

from typing import cast

import numpy as np

from treefolio.engine import window as windows
from treefolio.engine.assemble import make_layout
from treefolio.engine.holdings import update
from treefolio.engine.interpret import execute
from treefolio.engine.portfolios import Store, enlarged
from treefolio.engine.program import Floats, Program, State
from treefolio.engine.run import Missing, Window
from treefolio.engine.shares import argument_rows, divide, parameters
from treefolio.engine.tables import Tables, fill_tables
from treefolio.errors import WindowError
from treefolio.graph import derive
from treefolio.graph.build import Built, build
from treefolio.graph.check import check
from treefolio.graph.plan import make_plan
from treefolio.graph.start import starts
from treefolio.kernels import kernel
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Condition, Item, Strategy


@kernel
def shares_of(program: Program, state: State, i: int, t: int) -> Floats:
    """(children,) the shares of weighting instruction i's children on session t."""
    rows, numbers = argument_rows(program, state, i), parameters(program, state, i)
    count = divide(program.ops[i], state.table, state.work, rows, numbers, t, state.shares)
    return state.shares[:count].copy()


class Sight:
    """The graph of a strategy, computed up to a session, and questions to it on one session at a time.

    Attributes:
        t: the session that is asked about, a position in the panel, from `first` to the last.
    """

    def __init__(
        self, strategy: Strategy, panel: Panel, first: int, last: int, missing: Missing, cash_rate: float
    ) -> None:
        self.panel = windows.until(panel, panel.sessions[last].item())
        self.first = self.t = first
        self.built: Built = build(strategy)
        graph = self.built.graph
        check(graph, {})
        held, read = derive.tickers(graph, {})
        if missing == "error":
            self._require(strategy, held | read)
        self.holdable = tuple(sorted(held))
        plan = make_plan(graph, {}, first, last + 1)
        tables = fill_tables(make_layout(plan), self.panel, self.holdable, (first, last), cash_rate / 252)
        self.tables: Tables = tables
        self.state = tables.state(tables.main)
        self.store: Store = enlarged(tables.store, 2)
        self.holdings = tables.holdings(tables.main)
        execute(tables.main.program, self.state, 0)
        while not update(tables.main.program, self.state, self.holdings, self.store, 0):
            self.holdings.fresh[0] = 1
            self.store = enlarged(self.store, 2)
        self.made = {node: stage for stage in tables.stages for node in stage[0].stage.nodes}

    def _require(self, strategy: Strategy, tickers: set[str]) -> None:
        windows.require_tickers(self.panel, tickers, strategy, {})
        found = starts(self.built.graph, self.panel, {}, np.zeros((1, 0), np.int64))
        first = int(str(found.root))
        if first > self.t:
            raise WindowError(
                f"the strategy has not all its values on {self.panel.sessions[self.t]} yet",
                session=str(self.panel.sessions[self.t]),
                hint="Choose a later --on, prices with more history, or --missing skip.",
            )
        window = Window(first=self.t, last=self.t)
        windows.require_prices(self.panel, window, tickers, strategy, {})

    def node(self, item: Item) -> int:
        """The graph's node of a tree item."""
        return self.built.node_of[id(item)]

    def value(self, node: int) -> float:
        """A series or return on the session; NaN where undefined, `ABSENT` where nothing is allocated."""
        if node in self.made:
            part, state = self.made[node]
            return float(state.work[-1 - part.where[node], self.t])
        return float(self.tables.table[self.tables.layout.base[node], self.t])

    def truth(self, node: int, sessions: int = 1) -> list[bool]:
        """A mask on the last ``sessions`` sessions, the newest last."""
        first = max(0, self.t + 1 - sessions)
        part, state = self.made[node]
        seen = state.mask_work[-1 - part.where[node], first : self.t + 1]
        return [bool(bit) for bit in seen]

    def holds(self, condition: Condition) -> bool:
        """The condition is true on the session."""
        return self.truth(self.node(condition))[-1]

    def shares(self, node: int) -> list[float]:
        """What a weighting node gives to each of its children."""
        part, state = self.made[node]
        found = shares_of(part.program, state, int(part.program.instruction[node]), self.t)
        return cast("list[float]", found.tolist())

    def weights(self) -> dict[str, float]:
        """Ticker → weight of the root's portfolio."""
        tables, store = self.tables, self.store
        root = tables.plan.graph.root
        row = int(self.state.where[root])
        k = self.t - self.first
        number = int(tables.portfolios[row, k] if row >= 0 else self.holdings.work[-1 - row, k])
        span = range(int(store.at[number]), int(store.at[number + 1]))
        return {self.holdable[int(store.column[j])]: float(store.weight[j]) for j in span}
