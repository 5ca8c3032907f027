"""What happens to a job, as it happens: server-sent events.

Each milestone of the ledger is an event under its own number, so a client that comes back says the last one
that it saw (``Last-Event-ID``) and misses none. After each there is an event ``progress``, which says how far
the job is, and at the end one ``end``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from treefolio.errors import DatabaseError
from treefolio.jobs.ledger.records import Milestone
from treefolio.service.callers import Owner
from treefolio.service.house import House
from treefolio.service.models import Event, Progress
from treefolio.service.routes.jobs import MISSING, progress_of

_PING_SECONDS = 15
_LOOK_SECONDS = 5.0
"""A bell that was not heard costs no more than this."""
_AWAY_SECONDS = 1.0
_APART_SECONDS = 0.2
"""A sweep's chunks end faster than anybody reads."""


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["events"])
    store = house.store

    def news(owner: str, job: UUID, after: int) -> tuple[Sequence[Milestone], Progress]:
        return store.milestones(owner, job, after=after), progress_of(store.progress(owner, job))

    async def stream(owner: str, job: UUID, after: int) -> AsyncIterator[ServerSentEvent]:
        first = True
        with house.bell.waiter(str(job)) as rung:
            while True:
                rung.clear()
                try:
                    found, progress = await run_sync(news, owner, job, after)
                except DatabaseError:
                    await asyncio.sleep(_AWAY_SECONDS)
                    continue
                for each in found:
                    after = each.id
                    event = Event.model_validate(each, from_attributes=True)
                    yield ServerSentEvent(event.model_dump_json(), event=each.kind, id=str(each.id))
                if found or first:
                    yield ServerSentEvent(progress.model_dump_json(), event="progress")
                first = False
                if progress.job.ended and not found:
                    yield ServerSentEvent(progress.job.state.value, event="end")
                    return
                if progress.job.ended:
                    continue  # what happened between the two questions comes before the end
                await asyncio.sleep(_APART_SECONDS)
                try:
                    await asyncio.wait_for(rung.wait(), _LOOK_SECONDS)
                except TimeoutError:
                    continue

    @routes.get(
        "/jobs/{job}/events",
        response_class=EventSourceResponse,
        responses={**MISSING, 200: {"content": {"text/event-stream": {}}}},
    )
    async def events(
        job: UUID,
        owner: Owner,
        after: Annotated[int, Query(ge=0, lt=2**63, description="Those with larger numbers.")] = 0,
        last: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^\d{1,18}$")] = None,
    ) -> EventSourceResponse:
        """Milestones and progress of a job, until its end."""
        await run_sync(store.get, owner, job)
        since = max(after, int(last or 0))
        return EventSourceResponse(stream(owner, job, since), ping=_PING_SECONDS)

    return routes
