"""From flags to what is sent: the question, its prices or where they come from, and the sending."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.asked import Asker, day, keep_snapshot
from treefolio.cli.flags import Period, Prices
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.sweep import combinations
from treefolio.errors import UsageError

if TYPE_CHECKING:
    from treefolio.engine.question import Question
    from treefolio.jobs.requests import Asked, Request
    from treefolio.market.supply import Supplied
    from treefolio.strategy.tree import Strategy
    from treefolio.sweep.assignments import Listed, Sample
    from treefolio.sweep.many import Planned

Key = Annotated[
    str | None, Option("--key", metavar="TEXT", help="The same key again gives the same job, not another.")
]
OnService = Annotated[
    bool, Option("--on-service", help="The service fetches the prices from --source, with your keys there.")
]


def listed(select: Path | Sample | None) -> Listed | Sample | None:
    """Combinations in a file as values, because the service reads no file of ours."""
    from treefolio.sweep.assignments import Listed, read_assignments  # noqa: PLC0415 - heavy

    return Listed(name=select.name, columns=read_assignments(select)) if isinstance(select, Path) else select


def as_sent(question: Question, period: Period, *, wished: bool) -> Asked:
    """The question as it travels: the prices by their hash, the hold-out as it was asked for."""
    from treefolio.jobs.requests import Asked  # noqa: PLC0415 - heavy

    name, text = _rival(question.benchmark)
    return Asked(
        snapshot=question.panel.content_hash,
        source=question.panel.source,
        synthetic=question.panel.synthetic,
        start=question.start,
        end=day(period.end, "--end"),
        benchmark=name,
        rival=text,
        wished=wished,
        missing=question.missing,
        holdout=period.holdout,
        execution=question.execution,
    )


def as_fetched(asker: Asker, prices: Prices, period: Period) -> Asked:
    """The question whose prices the service fetches.

    Raises:
        UsageError: the prices are files or a snapshot, or nothing is to be asked of a vendor.
    """
    from treefolio.jobs.requests import Asked, Fetch  # noqa: PLC0415 - heavy

    source = "synthetic" if prices.synthetic else prices.source
    if source is None or prices.offline:
        raise UsageError(
            "--on-service fetches prices from a vendor",
            hint="Add --source NAME, and leave --prices, --snapshot and --offline out.",
        )
    feed = f"seed-{prices.market_seed}" if source == "synthetic" else prices.feed
    name, text = _rival(asker.rival())
    return Asked(
        fetch=Fetch(source=source, feed=feed, adjustment=prices.adjustment or "all"),
        start=asker.start,
        end=asker.end,
        benchmark=name,
        rival=text,
        wished=asker.wished,
        missing=asker.missing,  # type: ignore[arg-type]  # it is one of them
        holdout=period.holdout,
        execution=asker.execution,
    )


def _rival(benchmark: str | Strategy | None) -> tuple[str | None, str | None]:
    """The benchmark's name, and its text when it is a strategy."""
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.strategy.tree import Strategy  # noqa: PLC0415 - heavy

    return (benchmark.name, write(benchmark)) if isinstance(benchmark, Strategy) else (benchmark, None)


def announce(planned: Planned, supplied: Supplied, context: Context, service: Service) -> None:
    """What will be done, what it will take, and what is to be known of it. Raises ServiceError."""
    from treefolio.sweep.constants import constants_note  # noqa: PLC0415 - heavy

    prepared = planned.prepared
    show.say(prepared.strategy.name, style="bold")
    if prepared.panel.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    show.say(combinations(planned.space))
    show.say(
        f"{prepared.sessions[0]} to {prepared.sessions[-1]}, {prepared.window.sessions:,} sessions; "
        f"the start: {prepared.window.cause}"
    )
    show.say(expected(planned, context, service))
    alike = constants_note(prepared.strategy, planned.space.axes)
    show.notes((*supplied.notes, *prepared.notes, *alike))


def expected(planned: Planned, context: Context, service: Service) -> str:
    """What all rows will take on the workers that there are, once it is their turn, as some take here."""
    with connect(service, context) as client:
        workers = max(1, client.health().workers)
    estimate = planned.estimate(workers)
    them = "a worker" if workers == 1 else f"{workers:,} workers"
    return (
        f"Estimate: {show.duration(estimate.seconds)} on {them} as fast as this machine, "
        f"{show.megabytes(estimate.bytes)} of memory"
    )


def send(
    request: Request, supplied: Supplied | None, context: Context, service: Service, key: str | None
) -> int:
    """Uploads the prices when they are not there, submits, and prints the id alone on the last line."""
    if supplied is not None:
        keep_snapshot(supplied)
        show.fetched(supplied)
    with connect(service, context) as client:
        job = client.submit(request, None if supplied is None else supplied.panel, key=key)
    show.offer(f"`treefolio jobs watch {job.id}` shows how far it is.")
    show.say(str(job.id))
    return 0
