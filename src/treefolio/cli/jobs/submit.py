"""``treefolio jobs submit``: a run or a sweep, with the flags that these verbs have.

Prices are read here and uploaded under the hash of their content; the service opens no file of ours. All that
can be wrong with the question is found before it is sent: the sweep is planned here as `sweep` plans it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.asked import (
    Asker,
    ask,
    blaming_values,
    day,
    first_seen_on,
    imported,
    keep_snapshot,
    one_of,
    selection,
)
from treefolio.cli.flags import Period, Prices, Selection, Sets, StrategyFile, Trading, spread
from treefolio.cli.jobs.connect import Service, before, connect
from treefolio.cli.run import ENGINES, EngineName, Since
from treefolio.cli.sweep import Varied, combinations
from treefolio.errors import SpaceError, UsageError

if TYPE_CHECKING:
    from treefolio.engine.compiled import Question
    from treefolio.jobs.requests import Asked, Request
    from treefolio.market.supply import Supplied
    from treefolio.sweep.assignments import Listed, Sample
    from treefolio.sweep.many import Planned

app = typer.Typer(
    help="Submit a sweep or a run; the job's id stands alone on the last line.",
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(before)
Key = Annotated[
    str | None, Option("--key", metavar="TEXT", help="The same key again gives the same job, not another.")
]


@app.command("sweep")
@spread
def sweep(
    strategy: StrategyFile,
    prices: Prices,
    period: Period,
    trading: Trading,
    selected: Selection,
    context: Context,
    service: Service,
    vary: Varied = None,
    sets: Sets = None,
    latest_start: Annotated[
        str | None, Option(metavar="DATE", help="Skip combinations that need a later start.")
    ] = None,
    reality: Annotated[
        int,
        Option("--reality", metavar="K", help="Test the best K rows together, as White and Hansen do."),
    ] = 0,
    exact_pbo: Annotated[
        bool, Option("--exact-pbo", help="All splits behind the probability of overfitting, not a sample.")
    ] = False,
    key: Key = None,
) -> int:
    """Submit every combination of some values."""
    if reality < 0:
        raise UsageError(f"--reality {reality} is below 1", hint="Say how many of the best rows to test.")
    from treefolio.jobs.requests import SweepRequest, plan  # noqa: PLC0415 - heavy
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.sweep.ask import pairs, values  # noqa: PLC0415 - heavy
    from treefolio.sweep.assignments import open_selection  # noqa: PLC0415 - heavy

    asker = Asker(prices, period, trading)
    latest = day(latest_start, "--latest-start")
    tree = imported(strategy, period.empty).strategy
    specs, fixed, select = pairs(vary or [], "--vary"), values(sets or []), listed(selection(selected))
    opened, space = open_selection(tree, specs, fixed, select)
    if not space.axes:
        raise SpaceError(
            "nothing varies", hint="Add --vary NAME=SPEC; `treefolio inspect` lists variables and handles."
        )
    question = asker(opened, {**space.axes, **{name: (value,) for name, value in space.fixed.items()}})
    request = SweepRequest(
        strategy=write(tree),
        asked=as_sent(question, period, wished=asker.wished),
        vary=specs,
        fix=fixed,
        select=select,
        latest_start=latest,
        reality=reality,
        exact=exact_pbo,
    )
    assert asker.supplied is not None
    show.compile_kernels()
    with blaming_values():
        announce(plan(request, asker.supplied.panel), asker.supplied)
    return send(request, asker.supplied, context, service, key)


@app.command("run")
@spread
def run(
    strategy: StrategyFile,
    prices: Prices,
    period: Period,
    trading: Trading,
    context: Context,
    service: Service,
    sets: Sets = None,
    engine: EngineName = "compiled",
    out_of_sample_from: Since = None,
    key: Key = None,
) -> int:
    """Submit one backtest."""
    one_of(engine, ENGINES, "--engine")
    from treefolio.jobs.requests import RunRequest  # noqa: PLC0415 - heavy
    from treefolio.jobs.requests import run as backtest  # noqa: PLC0415 - heavy
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.sweep.ask import values  # noqa: PLC0415 - heavy

    since = day(out_of_sample_from, "--out-of-sample-from")
    found = ask(strategy, prices, period, trading, sets or [])
    request = RunRequest(
        strategy=write(found.imported.strategy),
        asked=as_sent(found.question, period, wished=found.wished),
        values=values(sets or []),
        engine=engine,  # type: ignore[arg-type]  # it is one of them
    )
    show.compile_kernels()
    with blaming_values():
        result = backtest(replace(request, engine="compiled"), found.supplied.panel)
    request = replace(request, out_of_sample_from=since or first_seen_on(result.strategy))
    show.say(result.strategy.name, style="bold")
    if result.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    show.notes((*found.supplied.notes, *result.notes))
    return send(request, found.supplied, context, service, key)


def listed(select: Path | Sample | None) -> Listed | Sample | None:
    """Combinations in a file as values, because the service reads no file of ours."""
    from treefolio.sweep.assignments import Listed, read_assignments  # noqa: PLC0415 - heavy

    return Listed(name=select.name, columns=read_assignments(select)) if isinstance(select, Path) else select


def as_sent(question: Question, period: Period, *, wished: bool) -> Asked:
    """The question as it travels: the prices by their hash, the hold-out as it was asked for."""
    from treefolio.jobs.requests import Asked  # noqa: PLC0415 - heavy
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.strategy.tree import Strategy  # noqa: PLC0415 - heavy

    rival = question.benchmark
    return Asked(
        snapshot=question.panel.content_hash,
        source=question.panel.source,
        synthetic=question.panel.synthetic,
        start=question.start,
        end=day(period.end, "--end"),
        benchmark=rival.name if isinstance(rival, Strategy) else rival,
        rival=write(rival) if isinstance(rival, Strategy) else None,
        wished=wished,
        missing=question.missing,
        holdout=period.holdout,
        execution=question.execution,
    )


def announce(planned: Planned, supplied: Supplied) -> None:
    """What will be done, and what is to be known of it."""
    prepared = planned.prepared
    show.say(prepared.strategy.name, style="bold")
    if prepared.panel.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    show.say(combinations(planned.space))
    show.say(
        f"{prepared.sessions[0]} to {prepared.sessions[-1]}, {prepared.window.sessions:,} sessions; "
        f"the start: {prepared.window.cause}"
    )
    show.notes((*supplied.notes, *prepared.notes))


def send(request: Request, supplied: Supplied, context: Context, service: Service, key: str | None) -> int:
    """Uploads the prices when they are not there, submits, and prints the id alone on the last line."""
    keep_snapshot(supplied)
    show.fetched(supplied)
    with connect(service, context) as client:
        job = client.submit(request, supplied.panel, key=key)
    show.say(f"`treefolio jobs watch {job.id}` shows how far it is.")
    show.say(str(job.id))
    return 0
