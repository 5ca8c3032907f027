"""News of a job as it happens: what streams of events and sockets carry.

Each milestone of the ledger is a message under its own number, so a client that comes back says the last one
that it saw and misses none. After each there is one called ``progress``, which says how far the job is, and
at the end one called ``end``.

How far a job is takes the database long to say when it has many chunks, so all who listen to it share that.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakValueDictionary

from anyio.to_thread import run_sync

from treefolio.errors import DatabaseError
from treefolio.jobs.ledger.records import Milestone
from treefolio.jobs.ledger.store import Store
from treefolio.service.bell import Bell
from treefolio.service.callers import Admit
from treefolio.service.models import Answer, End, Event, Progress
from treefolio.service.problems import Declined
from treefolio.service.routes.jobs import progress_of

_LOOK_SECONDS = 5.0
"""A bell that was not heard costs no more than this."""
_AWAY_SECONDS = 1.0
_APART_SECONDS = 0.2
"""A sweep's chunks end faster than anybody reads."""
_MEASURED_SECONDS = 1.0
"""Progress is measured no more often, but when the job's state changes."""
_PAGE = 1_000
"""Milestones that are read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A message: its name, its number when it is a milestone, and what it says."""

    event: str
    id: int | None
    data: Answer


class Listeners:
    """How many streams and sockets each user has open in this process. For one event loop."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: Counter[str] = Counter()

    @contextmanager
    def one(self, owner: str) -> Iterator[None]:
        """One more of this user's, until the block ends. Raises Declined: there are as many as may be."""
        if self.open[owner] >= self.most:
            raise Declined(
                f"{self.most} streams of events and sockets are open",
                code="streams",
                status=429,
                hint="Close one of them, or ask for the job's progress instead.",
                retry_after=int(_LOOK_SECONDS),
            )
        self.open[owner] += 1
        try:
            yield
        finally:
            self.open[owner] -= 1
            if not self.open[owner]:
                del self.open[owner]


class Gauge:
    """How far a job is, for all who listen to it. For one event loop."""

    def __init__(self, store: Store, owner: str, job: UUID) -> None:
        self.store = store
        self.owner = owner
        self.job = job
        self.lock = asyncio.Lock()
        self.began = -_MEASURED_SECONDS
        self.found: Progress | None = None

    async def progress(self, since: float, *, at_once: bool) -> Progress:
        """As it was at ``since``, a moment of `time.monotonic`, or later.

        Unless it is wanted ``at_once``, it is measured `_MEASURED_SECONDS` after the last time or later.

        Raises:
            NoSuchJob, DatabaseError.
        """
        if not at_once:
            await asyncio.sleep(self.began + _MEASURED_SECONDS - time.monotonic())
        async with self.lock:
            if self.found is None or self.began < since:
                self.began, self.found = time.monotonic(), None
                self.found = await run_sync(self._measured)
            return self.found

    def milestones(self, after: int) -> Sequence[Milestone]:
        """Those with larger numbers, the oldest first; no more than `_PAGE`."""
        return self.store.milestones(self.owner, self.job, after=after, limit=_PAGE)

    def _measured(self) -> Progress:
        return progress_of(self.store.progress(self.owner, self.job))


class Gauges:
    """Of the jobs that somebody listens to. For one event loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.used: WeakValueDictionary[tuple[str, UUID], Gauge] = WeakValueDictionary()

    def of(self, owner: str, job: UUID) -> Gauge:
        """The job's, which is one for all who listen."""
        return self.used.setdefault((owner, job), Gauge(self.store, owner, job))


async def news(bell: Bell, gauge: Gauge, after: int, admit: Admit) -> AsyncIterator[News]:
    """The milestones with larger numbers than ``after``, progress, and the end.

    Each look asks the door again, so nobody learns more than `_LOOK_SECONDS` after a login or token ended.

    Raises:
        NoSuchJob: there is none of this owner, or none any more. Declined: the login or token has ended.
    """
    known: Progress | None = None
    silent = False
    with bell.waiter(str(gauge.job)) as rung:
        while True:
            rung.clear()
            try:
                await admit()
                found = await run_sync(gauge.milestones, after)
                progress = known
                if progress is None or found or silent:  # it was measured before these, or long ago
                    progress = await gauge.progress(time.monotonic(), at_once=_pressing(found))
            except DatabaseError:
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            for each in found:
                after = each.id
                yield News(event=each.kind, id=each.id, data=Event.model_validate(each, from_attributes=True))
            if found or known is None or progress.job != known.job:
                yield News(event="progress", id=None, data=progress)
            known = progress
            if progress.job.ended and not found:
                yield News(event="end", id=None, data=End(state=progress.job.state))
                return
            if progress.job.ended or len(found) == _PAGE:
                continue  # there are more, or there may be some from between the two questions
            await asyncio.sleep(_APART_SECONDS)
            try:
                await asyncio.wait_for(rung.wait(), _LOOK_SECONDS)
                silent = False
            except TimeoutError:
                silent = True  # there may be no milestone to wait for: the client named one that is not known


def _pressing(found: Sequence[Milestone]) -> bool:
    """The job's state has changed, or more milestones follow."""
    return len(found) == _PAGE or any(each.kind == "state" for each in found)
