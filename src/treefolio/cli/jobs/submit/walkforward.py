"""``treefolio jobs submit walkforward``: choose on some sessions, judge on others."""

from __future__ import annotations

from typer import Context

from treefolio.cli import show
from treefolio.cli.asked import blaming_values, imported
from treefolio.cli.flags import Period, Prices, Selection, Sets, StrategyFile, Trading, spread
from treefolio.cli.jobs.connect import Service
from treefolio.cli.jobs.kept import strategy_file, with_lists
from treefolio.cli.jobs.submit.question import Key, OnService, announce, send
from treefolio.cli.jobs.submit.sweep import pairs_of, sweep_of
from treefolio.cli.sweep import Latest, Varied
from treefolio.cli.walkforward import Choosing, scheme_of


@spread
def verb(
    strategy: StrategyFile,
    prices: Prices,
    period: Period,
    trading: Trading,
    selected: Selection,
    choosing: Choosing,
    context: Context,
    service: Service,
    vary: Varied = None,
    sets: Sets = None,
    latest_start: Latest = None,
    on_service: OnService = False,
    key: Key = None,
) -> int:
    """Submit a choice of the best combination on some sessions, judged on those that follow."""
    scheme = scheme_of(choosing)
    from treefolio.jobs.requests import WalkForwardRequest, walk  # noqa: PLC0415 - heavy
    from treefolio.sweep.walkforward.plan import criterion  # noqa: PLC0415 - heavy

    criterion(choosing.by, scheme)
    with strategy_file(strategy, service, context) as file:
        tree = imported(file.path, period.empty).strategy
    sweep, supplied = sweep_of(
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
    request = WalkForwardRequest(
        strategy=sweep.strategy,
        asked=sweep.asked,
        scheme=scheme,
        by=choosing.by,
        vary=sweep.vary,
        fix=sweep.fix,
        select=sweep.select,
        latest_start=sweep.latest_start,
    )
    if supplied is not None:
        show.compile_kernels()
        with blaming_values():
            planned = walk(request, supplied.panel)
        announce(planned.planned, supplied, context, service)
        show.say(f"{len(planned.folds.folds)} folds, chosen by {planned.by}")
        show.notes(planned.folds.notes)
    return send(request, supplied, context, service, key)
