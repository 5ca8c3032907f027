"""``treefolio jobs submit sweep``: every combination of some values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.asked import Asker, blaming_values, day, imported, selection
from treefolio.cli.flags import Period, Prices, Selection, Sets, StrategyFile, Trading, spread
from treefolio.cli.jobs.connect import Service
from treefolio.cli.jobs.kept import strategy_file, with_lists
from treefolio.cli.jobs.submit.question import (
    Key,
    OnService,
    announce,
    as_fetched,
    as_sent,
    listed,
    send,
)
from treefolio.cli.sweep import ExactPbo, Latest, Varied, combinations, require_some
from treefolio.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from treefolio.jobs.requests import SweepRequest
    from treefolio.market.supply import Supplied
    from treefolio.strategy.tree import Strategy


@spread
def verb(
    strategy: StrategyFile,
    prices: Prices,
    period: Period,
    trading: Trading,
    selected: Selection,
    context: Context,
    service: Service,
    vary: Varied = None,
    sets: Sets = None,
    latest_start: Latest = None,
    reality: Annotated[
        int,
        Option("--reality", metavar="K", help="Test the best K rows together, as White and Hansen do."),
    ] = 0,
    exact_pbo: ExactPbo = False,
    on_service: OnService = False,
    key: Key = None,
) -> int:
    """Submit every combination of some values."""
    require_some(reality)
    with strategy_file(strategy, service, context) as file:
        tree = imported(file.path, period.empty).strategy
    request, supplied = sweep_of(
        tree,
        with_lists(pairs_of(vary), service, context),
        prices,
        period,
        trading,
        selected,
        sets or [],
        latest_start,
        there=on_service,
    )
    request = replace(request, reality=reality, exact=exact_pbo)
    if supplied is not None:
        from treefolio.jobs.requests import plan  # noqa: PLC0415 - heavy

        show.compile_kernels()
        with blaming_values():
            planned = plan(request, supplied.panel)
        announce(planned, supplied, context, service)
    return send(request, supplied, context, service, key)


def pairs_of(vary: list[str] | None) -> dict[str, str]:
    """``--vary`` texts as names with what they take. Raises UsageError."""
    from treefolio.sweep.ask import pairs  # noqa: PLC0415 - heavy

    return pairs(vary or [], "--vary")


def sweep_of(
    tree: Strategy,
    specs: Mapping[str, str | Sequence[int | float | str]],
    prices: Prices,
    period: Period,
    trading: Trading,
    selected: Selection,
    sets: list[str],
    latest_start: str | None,
    *,
    there: bool,
) -> tuple[SweepRequest, Supplied | None]:
    """The sweep that the flags ask for, and its prices; None when the service fetches them (``there``)."""
    from treefolio.jobs.requests import SweepRequest  # noqa: PLC0415 - heavy
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.sweep.ask import values  # noqa: PLC0415 - heavy
    from treefolio.sweep.assignments import open_selection  # noqa: PLC0415 - heavy

    asker = Asker(prices, period, trading)
    latest = day(latest_start, "--latest-start")
    fixed, select = values(sets), listed(selection(selected))
    opened, space = open_selection(tree, specs, fixed, select)
    if not space.axes:
        raise SpaceError(
            "nothing varies", hint="Add --vary NAME=SPEC; `treefolio inspect` lists variables and handles."
        )
    if there:
        asked = as_fetched(asker, prices, period)
        show.say(opened.name, style="bold")
        show.say(combinations(space))
    else:
        question = asker(opened, {**space.axes, **{name: (value,) for name, value in space.fixed.items()}})
        asked = as_sent(question, period, wished=asker.wished)
    request = SweepRequest(
        strategy=write(tree), asked=asked, vary=specs, fix=fixed, select=select, latest_start=latest
    )
    return request, asker.supplied
