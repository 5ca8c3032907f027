"""What happens to a job, as it happens: server-sent events, and a socket that says the same (`news`)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from anyio import create_task_group
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Query, WebSocket, WebSocketDisconnect
from sse_starlette import EventSourceResponse, ServerSentEvent

from treefolio.errors import DatabaseError, NoSuchJob
from treefolio.service.callers import Admission, Admit, Owner
from treefolio.service.house import House
from treefolio.service.news import Gauges, Listeners, News, news
from treefolio.service.problems import TRY_LATER, Declined, closing
from treefolio.service.routes.jobs import MISSING

UNKNOWN = 4404
"""Closes a socket of a job that there is not."""
_PING_SECONDS = 15
After = Annotated[int, Query(ge=0, lt=2**63, description="Those with larger numbers.")]


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["events"])
    listeners = Listeners(house.settings.streams)
    gauges = Gauges(house.store)
    _stream(routes, house, listeners, gauges)
    _socket(routes, house, listeners, gauges)
    return routes


def _stream(routes: APIRouter, house: House, listeners: Listeners, gauges: Gauges) -> None:
    async def counted(owner: Owner) -> AsyncIterator[None]:
        with listeners.one(owner):
            yield

    async def stream(owner: str, job: UUID, after: int, admit: Admit) -> AsyncIterator[ServerSentEvent]:
        with suppress(NoSuchJob, Declined):  # it is gone, or the login is; the next question says so
            async for each in news(house.bell, gauges.of(owner, job), after, admit):
                number = None if each.id is None else str(each.id)
                yield ServerSentEvent(each.data.model_dump_json(), event=each.event, id=number)

    @routes.get(
        "/jobs/{job}/events",
        response_class=EventSourceResponse,
        responses={**MISSING, 200: {"content": {"text/event-stream": {}}}},
        dependencies=[Depends(counted, scope="request")],  # it is over when the stream is, however that ends
    )
    async def events(
        job: UUID,
        owner: Owner,
        admit: Admission,
        after: After = 0,
        last: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^\d{1,18}$")] = None,
    ) -> EventSourceResponse:
        """Milestones and progress of a job, until its end."""
        await run_sync(house.store.get, owner, job)
        since = max(after, int(last or 0))
        return EventSourceResponse(stream(owner, job, since, admit), ping=_PING_SECONDS)


def _socket(routes: APIRouter, house: House, listeners: Listeners, gauges: Gauges) -> None:
    async def push(socket: WebSocket, owner: str, job: UUID, after: int, admit: Admit) -> None:
        """Says everything to the end, and closes."""
        try:
            with listeners.one(owner):
                await run_sync(house.store.get, owner, job)
                async for each in news(house.bell, gauges.of(owner, job), after, admit):
                    await socket.send_text(_text(each))
                await socket.close()
        except NoSuchJob:
            await socket.close(UNKNOWN, "there is no such job")
        except Declined as error:
            await socket.close(*closing(error))
        except DatabaseError:
            await socket.close(TRY_LATER, "the database does not answer")

    @routes.websocket("/jobs/{job}/socket")
    async def pushed(socket: WebSocket, job: UUID, owner: Owner, admit: Admission, after: After = 0) -> None:
        """The same messages as those of ``events``, as JSON texts: ``{"event": …, "id": …, "data": {…}}``."""
        await socket.accept()
        async with create_task_group() as group:

            async def listen() -> None:
                """Nothing that a client says matters, but that it goes away."""
                while (await socket.receive())["type"] != "websocket.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(listen)
            with suppress(WebSocketDisconnect):
                await push(socket, owner, job, after, admit)
            group.cancel_scope.cancel()


def _text(each: News) -> str:
    said = {"event": each.event, "id": each.id, "data": each.data.model_dump(mode="json")}
    return json.dumps(said, ensure_ascii=False)
