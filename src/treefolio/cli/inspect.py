"""``treefolio inspect``: what a file says, without prices: size, tickers, variables, handles, notes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.cli import show
from treefolio.cli.asked import note_import, supply
from treefolio.cli.flags import AsJson, Prices, StrategyFile, spread
from treefolio.errors import short_path

if TYPE_CHECKING:
    from treefolio.strategy.tree import Strategy

SEARCHED = ("id", "value", "text")
"""What `--grep` looks at of a handle."""
MANY = 50
"""From more handles on, it is offered."""


@spread
def verb(
    strategy: StrategyFile,
    prices: Prices,
    as_json: AsJson = False,
    graph: Annotated[bool, Option("--graph", help="The graph too, node by node.")] = False,
    grep: Annotated[
        str | None,
        Option("--grep", metavar="TEXT", help="Only handles with it in their name, value or text."),
    ] = None,
) -> int:
    """Say what a strategy's file holds; with a source, which prices it needs and which are known."""
    from treefolio.graph.build import build  # noqa: PLC0415 - heavy
    from treefolio.graph.show import show as lines  # noqa: PLC0415 - heavy
    from treefolio.sweep.ask import load  # noqa: PLC0415 - heavy
    from treefolio.sweep.inspection import describe  # noqa: PLC0415 - heavy

    found = load(Path(strategy))
    note_import(found.strategy)
    built = build(found.strategy).graph
    facts = describe(found, built)
    everything = facts["handles"]
    facts["handles"] = handles_with(grep, everything)  # type: ignore[arg-type]
    if prices != Prices():
        facts["prices"] = prices_needed(found.strategy, prices)
    if as_json:
        dump = {"graph": list(lines(built))} if graph else {}
        print_json(facts | dump)
        return 0
    _print(facts)
    if said := _of_handles(len(facts["handles"]), len(everything), grep):  # type: ignore[arg-type]
        show.say(said)
    if graph:
        for line in lines(built):
            show.say(line)
    return 0


def handles_with(text: str | None, handles: list[dict[str, object]]) -> list[dict[str, object]]:
    """Those with a text in their name, their value or what they are of, whatever its case; None: all."""
    wanted = (text or "").casefold()
    return [each for each in handles if any(wanted in str(each[key]).casefold() for key in SEARCHED)]


def _of_handles(shown: int, total: int, text: str | None) -> str | None:
    """How many are not listed, or how to list fewer of many."""
    if text is not None:
        return f"{shown:,} of {total:,} handles have {text!r} in them."
    return f"{total:,} handles; --grep TEXT lists those with TEXT in them." if total > MANY else None


def print_json(data: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


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
            show.say(f"{kind}: {note['message']}{times}, at {short_path(note['path'])}")


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
