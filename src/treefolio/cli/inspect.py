"""``treefolio inspect``: what a file says, without prices: size, tickers, variables, handles, notes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.cli import show
from treefolio.cli.asked import imported, note_import, supply
from treefolio.cli.flags import AsJson, Prices, StrategyFile, spread

if TYPE_CHECKING:
    from treefolio.formats import Import, Report
    from treefolio.graph.graph import Graph
    from treefolio.strategy.tree import Strategy

COMPOSER = "composer"
"""Formats whose name begins so count an if as three nodes (itself and both branches), and the file as one."""


@spread
def verb(
    strategy: StrategyFile,
    prices: Prices,
    as_json: AsJson = False,
    graph: Annotated[bool, Option("--graph", help="The graph too, node by node.")] = False,
) -> int:
    """Say what a strategy's file holds; with a source, which prices it needs and which are known."""
    from treefolio.graph.build import build  # noqa: PLC0415 - heavy
    from treefolio.graph.show import show as lines  # noqa: PLC0415 - heavy

    found = imported(Path(strategy))
    note_import(found.strategy)
    built = build(found.strategy).graph
    facts = describe(found, built)
    if prices != Prices():
        facts["prices"] = prices_needed(found.strategy, prices)
    if as_json:
        dump = {"graph": list(lines(built))} if graph else {}
        print_json(facts | dump)
        return 0
    _print(facts)
    if graph:
        for line in lines(built):
            show.say(line)
    return 0


def print_json(data: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def describe(found: Import, built: Graph) -> dict[str, object]:
    """Everything that is said of an import, as plain data."""
    from treefolio.graph.derive import choices, tickers  # noqa: PLC0415 - heavy
    from treefolio.graph.ops import Op  # noqa: PLC0415 - heavy
    from treefolio.indicators import SIGNATURES  # noqa: PLC0415 - heavy
    from treefolio.strategy.handles import handles  # noqa: PLC0415 - heavy
    from treefolio.strategy.tree import depth  # noqa: PLC0415 - heavy

    strategy = found.strategy
    values = {variable.name: variable.values for variable in strategy.variables}
    held, read = tickers(built, values)
    read_by = [node for node in built.nodes if node.op in (Op.READING, Op.INDICATOR)]
    return {
        "name": strategy.name,
        "format": found.format,
        "nodes": nodes(found),
        "depth": depth(strategy.root),
        "graph_nodes": len(built),
        "tickers": sorted(held | read),
        "indicators": sorted({str(name) for node in read_by for name in choices(node.params[0], values)}),
        "lookback": lookback(strategy),
        "variables": [dataclasses.asdict(variable) for variable in strategy.variables],
        "handles": [dataclasses.asdict(handle) for handle in handles(strategy, SIGNATURES)],
        "report": report(found.report),
    }


def prices_needed(strategy: Strategy, flags: Prices) -> dict[str, object]:
    """Everything that a run would ask for, before anything is fetched."""
    from treefolio.market.bars import RAW  # noqa: PLC0415 - heavy
    from treefolio.market.supply import VendorSupply  # noqa: PLC0415 - heavy
    from treefolio.sweep.ask import DEFAULT_BENCHMARK, defaults, needs  # noqa: PLC0415 - heavy

    axes = {variable.name: variable.values for variable in strategy.variables} or defaults(strategy)
    needed = needs(strategy, axes, benchmark=DEFAULT_BENCHMARK, opens=False)
    facts: dict[str, object] = {
        "held": sorted(needed.held),
        "read": sorted(needed.read),
        "benchmark": sorted(needed.beside),
        "fields": sorted(needed.fields),
    }
    found = supply(flags)
    if not isinstance(found, VendorSupply):
        known = set(found.tickers())
        return facts | {"absent": sorted(needed.tickers - known)}
    last = found.last(None, found.store.watch.now())
    adjusted_on = None if found.adjustment == RAW else last
    figures = found.store.look(needed.tickers, found.store.source.earliest, last, adjusted_on=adjusted_on)
    return facts | {
        "source": found.store.source.shelf.name,
        "adjustment": found.adjustment,
        "first": str(found.store.source.earliest),
        "last": str(last),
        "sessions": figures.sessions,
        "hits": figures.hits,
        "misses": figures.misses,
    }


def report(found: Report) -> dict[str, list[dict[str, object]]]:
    """The import's notes by kind."""
    return {
        "ignored": [dataclasses.asdict(note) for note in found.ignored],
        "approximated": [dataclasses.asdict(note) for note in found.approximated],
        "unsupported": [dataclasses.asdict(note) for note in found.unsupported],
    }


def nodes(found: Import) -> int:
    """The nodes of the tree, as the format that it came in counts them."""
    from treefolio.strategy.tree import If, count_nodes, iterate  # noqa: PLC0415 - heavy

    own = count_nodes(found.strategy.root)
    if not found.format.startswith(COMPOSER):
        return own
    return 1 + own + 2 * sum(isinstance(item, If) for item in iterate(found.strategy.root))


def lookback(strategy: Strategy) -> int:
    """Sessions before the first decision, with all variables at their defaults and prices from the first."""
    import numpy as np  # noqa: PLC0415 - heavy

    from treefolio.graph.build import build  # noqa: PLC0415 - heavy
    from treefolio.graph.derive import tickers  # noqa: PLC0415 - heavy
    from treefolio.graph.start import starts  # noqa: PLC0415 - heavy
    from treefolio.indicators import SIGNATURES  # noqa: PLC0415 - heavy
    from treefolio.market.panel import FIELDS, Panel  # noqa: PLC0415 - heavy
    from treefolio.strategy.variables import bind  # noqa: PLC0415 - heavy

    graph = build(bind(strategy, {}, SIGNATURES)).graph
    held, read = tickers(graph, {})
    names = tuple(sorted(held | read))
    one_day = Panel(
        sessions=np.array(["2020-01-02"], "datetime64[D]"),
        tickers=names,
        fields={field: np.ones((1, len(names))) for field in FIELDS},
        basis="ones",
        source="ones",
    )
    return int(str(starts(graph, one_day, {}, np.zeros((1, 0), np.int64)).root))


def _print(facts: dict[str, object]) -> None:
    show.say(str(facts["name"]), style="bold")
    show.say(
        f"{facts['format']}: {facts['nodes']:,} nodes, {facts['depth']} deep; "
        f"a graph of {facts['graph_nodes']:,}; look-back {facts['lookback']:,} sessions"
    )
    for key in ("tickers", "indicators"):
        found: list[str] = facts[key]  # type: ignore[assignment]
        show.say(f"{len(found)} {key}: {', '.join(found)}")
    for variable in facts["variables"]:  # type: ignore[attr-defined]
        values = ", ".join(map(str, variable["values"]))
        show.say(f"${variable['name']} = {variable['default']} of {values}")
    show.handles(facts["handles"])  # type: ignore[arg-type]
    if "prices" in facts:
        _print_prices(facts["prices"])  # type: ignore[arg-type]
    for kind, remarks in facts["report"].items():  # type: ignore[attr-defined]
        for note in remarks:
            times = f" ({note['count']} times)" if note["count"] > 1 else ""
            show.say(f"{kind}: {note['message']}{times}, at {note['path']}")


def _print_prices(facts: dict[str, object]) -> None:
    names = {"held": "can be held", "read": "looked at", "benchmark": "to be compared with"}
    parts = [f"{len(facts[key])} {said}" for key, said in names.items() if facts[key]]  # type: ignore[arg-type]
    show.say(f"Prices: {', '.join(parts)}; fields: {', '.join(facts['fields'])}")  # type: ignore[arg-type]
    if facts.get("absent"):
        show.say(f"Without prices: {', '.join(facts['absent'])}", style="yellow")  # type: ignore[arg-type]
    if "source" in facts:
        asked = int(str(facts["hits"])) + int(str(facts["misses"]))
        share = 100 * int(str(facts["hits"])) // asked if asked else 100
        show.say(
            f"{facts['source']}, adjustment {facts['adjustment']}: {facts['first']} to {facts['last']}, "
            f"{facts['sessions']:,} sessions; {share} % in the cache"
        )
