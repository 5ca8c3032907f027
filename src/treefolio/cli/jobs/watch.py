"""``treefolio jobs watch``: how far a job is, until it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from typer import Context

from treefolio.cli import fail, show
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Id, Service, connect, job_id
from treefolio.errors import RunError

if TYPE_CHECKING:
    from uuid import UUID

    from treefolio.client import Client
    from treefolio.service.models import Job, Progress

_ENOUGH, _OFTEN = 8, 0.5
"""Chunks, and the share of them that began unprepared, from which that is worth a word."""
_SILENT_SECONDS = 6.0
"""Beats come every two."""


@spread
def verb(job: Id, context: Context, service: Service) -> int:
    """Show how far a job is, until it ends; it goes on when you stop watching."""
    with connect(service, context) as client:
        ended = until_end(client, job_id(job, client))
    return finish(ended)


def until_end(client: Client, job: UUID) -> Job:
    """Shows how far the job is; returns it as it ended."""
    with _bar() as update:
        try:
            for progress in client.watch(job):
                update(progress)
        except KeyboardInterrupt:
            raise fail.Halted(
                "stopped watching", hint=f"The job goes on; `treefolio jobs watch {job}` comes back."
            ) from None
    return progress.job


def finish(job: Job) -> int:
    """Says how the job ended. Raises RunError unless it is done."""
    if job.state == "done":
        rows = job.rows_total or 0
        show.say(f"{job.id} is done: {rows:,} row{'' if rows == 1 else 's'}{_took(job)}")
        return 0
    if job.state == "partial":
        show.say(f"{job.id} is partial{_took(job)}", style="yellow")
        raise RunError(
            f"{job.rows_failed:,} of {job.rows_total or 0:,} rows could not be computed: {job.reason}",
            hint=f"The others are there: `treefolio jobs export {job.id} --out DIR`.",
        )
    why = f": {job.reason}" if job.reason else ""
    raise RunError(
        f"{job.id} is {job.state}{why}",
        hint="Submit it again when the reason is gone." if why else "Submit it again when you like.",
    )


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return f" in {show.duration((job.finished_at - job.started_at).total_seconds())}"


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """Progress on standard error; nothing when that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Display  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    whole, wrapped = Column(no_wrap=True), Column()  # in a narrow window the words give way, not the count
    columns = (
        BarColumn(),
        MofNCompleteColumn(table_column=whole),
        TextColumn("{task.fields[said]}", table_column=wrapped),
    )
    with Display(*columns, console=show.err(), transient=True) as display:
        task = display.add_task("", total=None, said="")

        def update(at: Progress) -> None:
            display.update(task, completed=at.job.rows_done, total=at.job.rows_total, said=said(at))

        yield update


def said(at: Progress) -> str:
    """What is known of a job's progress, in a line."""
    parts = [at.job.state.value]
    if at.position is not None:
        parts.append(f"{at.position:,} before it")
        if at.starts_in_seconds is not None:
            parts.append(f"begins in about {show.duration(at.starts_in_seconds)}")
        if at.queue:
            parts.append(f"{at.queue:,} chunk{' waits' if at.queue == 1 else 's wait'}")
    if at.job.reason is not None and not at.job.ended:
        return ", ".join([*parts, f"waits: {at.job.reason}"])
    if at.rate is not None and not at.job.ended:
        parts.append(f"{at.rate:,.0f} a second on {at.workers} worker{'' if at.workers == 1 else 's'}")
    if at.eta_seconds is not None:
        low, high = show.duration(at.eta_seconds.low), show.duration(at.eta_seconds.high)
        parts.append(f"{low} left" if low == high else f"{low} to {high} left")
    return ", ".join([*parts, *_odd(at)])


def _odd(at: Progress) -> Iterator[str]:
    """What is not as it should be, of the workers and what they have ready."""
    chunks = at.cache_hits + at.cache_misses
    if chunks >= _ENOUGH and at.cache_misses > _OFTEN * chunks:
        yield f"{at.cache_misses:,} of {chunks:,} chunks had to prepare first"
    for hand in at.hands:
        if hand.beat_s > _SILENT_SECONDS:
            yield f"worker {hand.worker} is silent for {show.duration(hand.beat_s)}"
    if len(versions := sorted({hand.version for hand in at.hands})) > 1:
        yield f"workers have versions {' and '.join(versions)}"
