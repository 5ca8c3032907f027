"""``treefolio jobs submit run``: one backtest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from typer import Context

from treefolio.cli import show
from treefolio.cli.asked import Asker, ask, blaming_values, day, first_seen_on, imported, one_of
from treefolio.cli.flags import Period, Prices, Sets, StrategyFile, Trading, spread
from treefolio.cli.jobs.connect import Service
from treefolio.cli.jobs.kept import strategy_file
from treefolio.cli.jobs.submit.question import Key, OnService, as_fetched, as_sent, send
from treefolio.cli.run import ENGINES, EngineName, Since

if TYPE_CHECKING:
    from pathlib import Path

    from treefolio.jobs.requests import RunRequest
    from treefolio.market.supply import Supplied


@spread
def verb(
    strategy: StrategyFile,
    prices: Prices,
    period: Period,
    trading: Trading,
    context: Context,
    service: Service,
    sets: Sets = None,
    engine: EngineName = "compiled",
    out_of_sample_from: Since = None,
    on_service: OnService = False,
    key: Key = None,
) -> int:
    """Submit one backtest."""
    one_of(engine, ENGINES, "--engine")
    since = day(out_of_sample_from, "--out-of-sample-from")
    make = _on_service if on_service else _from_here
    with strategy_file(strategy, service, context) as file:
        request, supplied = make(file.path, prices, period, trading, sets or [])
    request = replace(
        request,
        engine=engine,  # type: ignore[arg-type]  # it is one of them
        out_of_sample_from=since or file.made_on or request.out_of_sample_from,
    )
    return send(request, supplied, context, service, key)


def _from_here(
    path: Path, prices: Prices, period: Period, trading: Trading, sets: list[str]
) -> tuple[RunRequest, Supplied | None]:
    """The run with the prices that are read here; it is made here first, so that it will go through."""
    from treefolio.jobs.requests import RunRequest  # noqa: PLC0415 - heavy
    from treefolio.jobs.requests import run as backtest  # noqa: PLC0415 - heavy
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.sweep.ask import values  # noqa: PLC0415 - heavy

    found = ask(path, prices, period, trading, sets)
    request = RunRequest(
        strategy=write(found.imported.strategy),
        asked=as_sent(found.question, period, wished=found.wished),
        values=values(sets),
    )
    show.compile_kernels()
    with blaming_values():
        result = backtest(request, found.supplied.panel)
    show.say(result.strategy.name, style="bold")
    if result.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    show.notes((*found.supplied.notes, *result.notes))
    return replace(request, out_of_sample_from=first_seen_on(result.strategy)), found.supplied


def _on_service(
    path: Path, prices: Prices, period: Period, trading: Trading, sets: list[str]
) -> tuple[RunRequest, Supplied | None]:
    """The run whose prices the service fetches."""
    from treefolio.indicators import SIGNATURES  # noqa: PLC0415 - heavy
    from treefolio.jobs.requests import RunRequest  # noqa: PLC0415 - heavy
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.strategy.variables import bind  # noqa: PLC0415 - heavy
    from treefolio.sweep.ask import opened, values  # noqa: PLC0415 - heavy

    asker = Asker(prices, period, trading)
    tree = imported(path, period.empty).strategy
    strategy, chosen = opened(tree, values(sets))
    request = RunRequest(
        strategy=write(tree),
        asked=as_fetched(asker, prices, period),
        values=values(sets),
        out_of_sample_from=first_seen_on(bind(strategy, chosen, SIGNATURES)),
    )
    return request, None
