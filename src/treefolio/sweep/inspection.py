"""What a strategy's file holds, as plain data: `treefolio inspect` and the service say the same."""

from __future__ import annotations

import dataclasses

import numpy as np

from treefolio.formats import Import, Report
from treefolio.graph.build import build
from treefolio.graph.derive import choices
from treefolio.graph.derive import tickers as tickers_of_graph
from treefolio.graph.graph import Graph
from treefolio.graph.ops import Op
from treefolio.graph.start import starts
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import FIELDS, Panel
from treefolio.strategy.handles import handles
from treefolio.strategy.tree import If, Strategy, count_nodes, depth, iterate
from treefolio.strategy.variables import bind

COMPOSER = "composer"
"""Formats whose name begins so count an if as three nodes (itself and both branches), and the file as one."""


def describe(found: Import, built: Graph) -> dict[str, object]:
    """Everything that is said of an import, as plain data."""
    strategy = found.strategy
    values = {variable.name: variable.values for variable in strategy.variables}
    read_by = [node for node in built.nodes if node.op in (Op.READING, Op.INDICATOR)]
    return {
        "name": strategy.name,
        "format": found.format,
        "nodes": nodes(found),
        "depth": depth(strategy.root),
        "graph_nodes": len(built),
        "tickers": tickers(strategy, built),
        "indicators": sorted({str(name) for node in read_by for name in choices(node.params[0], values)}),
        "lookback": lookback(strategy),
        "variables": [dataclasses.asdict(variable) for variable in strategy.variables],
        "handles": [dataclasses.asdict(handle) for handle in handles(strategy, SIGNATURES)],
        "report": report(found.report),
    }


def tickers(strategy: Strategy, built: Graph) -> list[str]:
    """All that the strategy can hold or looks at, whatever values its variables have."""
    held, read = tickers_of_graph(built, {variable.name: variable.values for variable in strategy.variables})
    return sorted(held | read)


def report(found: Report) -> dict[str, list[dict[str, object]]]:
    """The import's notes by kind."""
    return {
        "ignored": [dataclasses.asdict(note) for note in found.ignored],
        "approximated": [dataclasses.asdict(note) for note in found.approximated],
        "unsupported": [dataclasses.asdict(note) for note in found.unsupported],
    }


def nodes(found: Import) -> int:
    """The nodes of the tree, as the format that it came in counts them."""
    own = count_nodes(found.strategy.root)
    if not found.format.startswith(COMPOSER):
        return own
    return 1 + own + 2 * sum(isinstance(item, If) for item in iterate(found.strategy.root))


def lookback(strategy: Strategy) -> int:
    """Sessions before the first decision, with all variables at their defaults and prices from the first."""
    bound = bind(strategy, {}, SIGNATURES)
    graph = build(bound).graph
    names = tuple(tickers(bound, graph))
    one_day = Panel(
        sessions=np.array(["2020-01-02"], "datetime64[D]"),
        tickers=names,
        fields={field: np.ones((1, len(names))) for field in FIELDS},
        basis="ones",
        source="ones",
    )
    return int(str(starts(graph, one_day, {}, np.zeros((1, 0), np.int64)).root))
