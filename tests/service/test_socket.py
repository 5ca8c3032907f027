"""News of a job over a socket: the same as the stream of events, to the end; who goes away is let go.

Who may not be in any more is put out.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from account_samples import House, Person
from service_samples import Served, wait_for
from treefolio.client import Client
from treefolio.jobs.ledger.store import CHANNEL, Store
from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import Event, State
from treefolio.market import snapshots
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.bell import Bell
from treefolio.service.callers import Admit, admission, owner
from treefolio.service.entering import enter
from treefolio.service.local import LOCAL
from treefolio.service.routes import events
from treefolio.service.settings import ServiceSettings
from treefolio.testing.postgres import PostgresServer

API = "/api/v1"
TREE = "variables: {hot: 70}\ntree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\n"


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(
        seed=4, start=date(2014, 1, 2), end=date(2015, 12, 31), tickers=["BIL", "SPY", "TQQQ"]
    )


@pytest.fixture(scope="module")
def sweep(panel: Panel) -> SweepRequest:
    return SweepRequest(strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "60:89:1"})


# Against a service that runs.


def opened(served: Served, job: UUID, **query: int) -> connect:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    url = served.url.replace("http://", "ws://")
    return connect(f"{url}{API}/jobs/{job}/socket?{asked}", proxy=None)


def rest(connection: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """All messages to come, and with which code the service closed it."""
    found = []
    with suppress(ConnectionClosed):
        while True:
            found.append(json.loads(connection.recv()))
    return found, connection.close_code


def everything(opening: connect) -> tuple[list[dict[str, Any]], int | None]:
    """All messages, and with which code the service closed it."""
    with opening as connection:
        return rest(connection)


def streamed(served: Served, job: UUID) -> list[dict[str, Any]]:
    """The messages of the stream of events."""
    found: list[dict[str, Any]] = []
    one: dict[str, Any] = {"event": None, "id": None, "data": None}
    with httpx.stream("GET", f"{served.url}{API}/jobs/{job}/events", timeout=60) as answer:
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if not line and one["event"]:
                found.append(one)
                one = {"event": None, "id": None, "data": None}
            elif field in one:
                one[field] = value if field == "event" else json.loads(value)
    return found


def test_it_says_what_the_stream_of_events_says(
    served: Served, client: Client, sweep: SweepRequest, panel: Panel
) -> None:
    """From the queue to the end; later the same again, and only what came after the one seen last."""
    job = client.submit(sweep, panel).id
    found, code = everything(opened(served, job))
    assert code == 1000
    assert [each["event"] for each in found[-2:]] == ["progress", "end"]
    assert found[-1] == {"event": "end", "id": None, "data": {"state": "done"}}
    assert [each["data"]["data"]["state"] for each in found if each["event"] == "state"] == [
        "queued",
        "running",
        "done",
    ]
    numbers = [each["id"] for each in found if each["id"] is not None]
    assert numbers == sorted(set(numbers))
    grown = [each["data"]["job"]["rows_done"] for each in found if each["event"] == "progress"]
    assert grown == sorted(grown)
    assert grown[-1] == 30

    def timeless(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in messages if each["event"] != "progress"]

    again, _ = everything(opened(served, job))
    assert timeless(again) == timeless(streamed(served, job)) == timeless(found)
    later, _ = everything(opened(served, job, after=numbers[-2]))
    assert [each["event"] for each in later] == ["state", "progress", "end"]


def test_an_unknown_job(served: Served) -> None:
    """Is said by the code with which it is closed."""
    assert everything(opened(served, uuid4())) == ([], events.UNKNOWN)


def test_whoever_talks_too_long_is_put_out(served: Served, client: Client, panel: Panel) -> None:
    """There is nothing to be said; what is short is passed over."""
    late = SweepRequest(
        strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "1:99:0.001"}, reality=0
    )
    job = client.submit(late, panel).id
    client.tell(job, Event.PAUSE)
    with opened(served, job) as connection:
        connection.send("hello")
        assert json.loads(connection.recv())["event"] == "state"
        connection.send("x" * 100_000)
        assert rest(connection)[1] == 1009
    client.tell(job, Event.CANCEL)


# Within the process, to see who is waited for.


@dataclass(frozen=True, kw_only=True)
class Small:
    """As much of a house as news needs."""

    store: Store
    bell: Bell
    settings: ServiceSettings


@pytest.fixture
def small(server: PostgresServer, tmp_path: Path) -> Iterator[Small]:
    url = server.database()
    store = enter(url, JobSettings(home=tmp_path))
    yield Small(store=store, bell=Bell(url, CHANNEL), settings=ServiceSettings())
    store.close()


@pytest.fixture
def waiting(small: Small, tmp_path: Path, sweep: SweepRequest, panel: Panel) -> UUID:
    """A job that no worker takes."""
    name = snapshots.keep(panel, tmp_path)
    small.store.put_snapshot(LOCAL, name, snapshots.find(name, tmp_path).read_bytes())
    return small.store.submit(LOCAL, sweep).id


def who(connection: HTTPConnection) -> str:
    """The user whom a client says that it is."""
    return connection.headers.get("x-user", LOCAL)


def anybody() -> Admit:
    """There is no door here."""

    async def admit() -> None:
        return None

    return admit


@pytest.fixture
def address(small: Small) -> Iterator[str]:
    """Where news are told."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        listening = asyncio.create_task(small.bell.listen())
        yield
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening

    app = FastAPI(lifespan=life)
    app.include_router(events.router(small))  # type: ignore[arg-type]
    app.dependency_overrides[owner] = who
    app.dependency_overrides[admission] = anybody
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=answering.run, args=([listening],))
        thread.start()
        wait_for(lambda: answering.started or not thread.is_alive(), "the service")
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}"
        answering.should_exit = True
        thread.join()


def watched(address: str, job: UUID, user: str = LOCAL) -> connect:
    return connect(f"{address}/jobs/{job}/socket", additional_headers={"X-User": user}, proxy=None)


def test_who_goes_away_is_let_go(address: str, small: Small, waiting: UUID) -> None:
    """Though nothing is to be said: nobody waits for news of the job any more."""
    with watched(address, waiting) as connection:
        assert [json.loads(connection.recv())["event"] for _ in range(2)] == ["state", "progress"]
        assert str(waiting) in small.bell.waiting
    wait_for(lambda: not small.bell.waiting, "the service to notice")


def test_a_client_that_dies_is_let_go(address: str, small: Small, waiting: UUID) -> None:
    """Without a word: its machine says that nobody is there."""
    where = urlsplit(address)
    lines = (
        f"GET /jobs/{waiting}/socket HTTP/1.1",
        f"Host: {where.netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    with socket.create_connection((where.hostname, where.port)) as plain:
        plain.sendall("\r\n".join((*lines, "", "")).encode())
        assert plain.recv(100).startswith(b"HTTP/1.1 101")
        wait_for(lambda: small.bell.waiting, "the service to begin")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: not small.bell.waiting, "the service to notice")


def test_news_come_as_they_happen(address: str, small: Small, waiting: UUID) -> None:
    """And the end closes it."""
    with watched(address, waiting) as connection:
        assert json.loads(connection.recv())["data"]["data"] == {"state": "queued"}
        assert small.store.ask(LOCAL, waiting, Event.CANCEL).state is State.CANCELLED
        found, code = rest(connection)
    assert [each["event"] for each in found[-3:]] == ["state", "progress", "end"]
    assert (found[-1]["data"], code) == ({"state": "cancelled"}, 1000)


def test_a_job_of_somebody_else(address: str, small: Small, waiting: UUID) -> None:
    """Is one that there is not."""
    small.store.enter_user("eve")
    assert everything(watched(address, waiting, "eve")) == ([], events.UNKNOWN)
    assert not small.bell.waiting


# Against a service of several users: what is open ends with the login or token that opened it.


@pytest.fixture
def ann(here: House) -> Person:
    """A user who has just come in."""
    name = f"ann{uuid4().hex}"
    link = here.accounts.link(here.accounts.enter(name).id)
    person = here.person(name)
    assert person.open_link(link.url(here.url)).status_code == 200
    return person


@pytest.fixture
def hers(here: House, ann: Person, tmp_path: Path, sweep: SweepRequest, panel: Panel) -> UUID:
    """A job of Ann's that no worker takes."""
    name = snapshots.keep(panel, tmp_path)
    here.store.put_snapshot(ann.id, name, snapshots.find(name, tmp_path).read_bytes())
    return here.store.submit(ann.id, sweep).id


def shut(here: House, ann: Person) -> dict[str, Callable[[], object]]:
    """Ways to end what Ann has."""
    return {
        "logged out": lambda: ann.post("/logout"),
        "disabled": lambda: here.accounts.change(ann.id, disabled=True),
        "revoked": lambda: ann.delete(f"/tokens/{ann.get('/tokens').json()['tokens'][0]['id']}"),
    }


@pytest.mark.parametrize(
    ("by", "how"), [("session", "logged out"), ("session", "disabled"), ("token", "revoked")]
)
def test_a_socket_ends_with_what_opened_it(here: House, ann: Person, hers: UUID, by: str, how: str) -> None:
    """Nothing more is told, though the job goes on; the code says why."""
    cookie = "; ".join(f"{name}={value}" for name, value in ann.http.cookies.items())
    session = {"Cookie": cookie, "Origin": here.origin}
    headers = session if by == "session" else {"Authorization": f"Bearer {ann.token('read')}"}
    url = f"{here.url.replace('http://', 'ws://')}{API}/jobs/{hers}/socket"
    with connect(url, additional_headers=headers, proxy=None) as connection:
        assert [json.loads(connection.recv())["event"] for _ in range(2)] == ["state", "progress"]
        shut(here, ann)[how]()
        assert rest(connection) == ([], 4401)


def test_a_stream_ends_with_what_opened_it(here: House, ann: Person, hers: UUID) -> None:
    """And whoever asks again is told why."""
    script = here.script(ann.token("read"))
    with script.http.stream("GET", f"{API}/jobs/{hers}/events") as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: state"
        shut(here, ann)["revoked"]()
        here.store.ask(ann.id, hers, Event.CANCEL)
        assert "cancelled" not in "".join(lines)
    assert script.get(f"/jobs/{hers}/events").status_code == 401
