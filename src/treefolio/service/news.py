"""News of a job as it happens: what streams of events and sockets carry.

Each milestone of the ledger is a message under its own number, so a client that comes back says the last one
that it saw and misses none. After each there is one called ``progress``, which says how far the job is, and
at the end one called ``end``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from anyio.to_thread import run_sync

from treefolio.errors import DatabaseError
from treefolio.jobs.ledger.records import Milestone
from treefolio.service.callers import Admit
from treefolio.service.house import House
from treefolio.service.models import Answer, End, Event, Progress
from treefolio.service.problems import Declined
from treefolio.service.routes.jobs import progress_of

_LOOK_SECONDS = 5.0
"""A bell that was not heard costs no more than this."""
_AWAY_SECONDS = 1.0
_APART_SECONDS = 0.2
"""A sweep's chunks end faster than anybody reads."""


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


async def news(house: House, owner: str, job: UUID, after: int, admit: Admit) -> AsyncIterator[News]:
    """The milestones with larger numbers than ``after``, progress, and the end.

    Each look asks the door again, so nobody learns more than `_LOOK_SECONDS` after a login or token ended.

    Raises:
        NoSuchJob: there is none of this owner, or none any more. Declined: the login or token has ended.
    """
    first = True
    with house.bell.waiter(str(job)) as rung:
        while True:
            rung.clear()
            try:
                await admit()
                found, progress = await run_sync(_look, house, owner, job, after)
            except DatabaseError:
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            for each in found:
                after = each.id
                yield News(event=each.kind, id=each.id, data=Event.model_validate(each, from_attributes=True))
            if found or first:
                yield News(event="progress", id=None, data=progress)
            first = False
            if progress.job.ended and not found:
                yield News(event="end", id=None, data=End(state=progress.job.state))
                return
            if progress.job.ended:
                continue  # what happened between the two questions comes before the end
            await asyncio.sleep(_APART_SECONDS)
            try:
                await asyncio.wait_for(rung.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue


def _look(house: House, owner: str, job: UUID, after: int) -> tuple[Sequence[Milestone], Progress]:
    store = house.store
    return store.milestones(owner, job, after=after), progress_of(store.progress(owner, job))
