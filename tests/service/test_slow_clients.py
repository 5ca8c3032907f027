"""Clients that are slow, silent or many: each is let go in time, and what it held is there for others."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from service_samples import DEADLINE_SECONDS, Served, wait_for
from treefolio.jobs.settings import JobSettings
from treefolio.service.answering import configuration
from treefolio.service.app import application
from treefolio.service.connections import bounded
from treefolio.service.door import Bounds, Door, TooSlow
from treefolio.service.entering import enter
from treefolio.service.keepers import HouseKeeper
from treefolio.service.models import API
from treefolio.service.serving import listen
from treefolio.service.settings import ServiceSettings
from treefolio.testing.postgres import PostgresServer

SHAPE = {"code", "message", "path", "hint", "request_id"}
LONG = 3_000_000
SOON = 0.05
"""Seconds that pass in the tests below, which wait for what follows and measure nothing."""


# Bodies, at the door.


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time goes by when a test says so."""

    now = 0.0

    def time(self) -> float:
        return self.now


Piece = tuple[int, float]
"""How long it is, and how many seconds it takes to come."""


def answered(app: ASGIApp, pieces: Sequence[Piece], path: str = "/x") -> Message:
    """The beginning of the answer to a body that comes in pieces; it has ten seconds."""
    bounds = Bounds(json=LONG, strangers=0, together=LONG, files=LONG, files_at="/files/", seconds=10)
    entry = Door(app, bounds=bounds, keeper=HouseKeeper(), seen=lambda *_: None)
    told: list[Message] = []
    left = list(pieces)
    with asyncio.Runner(loop_factory=Clock) as runner:
        clock = runner.get_loop()
        assert isinstance(clock, Clock)

        async def receive() -> Message:
            size, seconds = left[0] if left else (0, 11)
            clock.now += seconds
            for _ in range(3):
                await asyncio.sleep(0)
            if not left:
                return {"type": "http.disconnect"}
            left.pop(0)
            return {"type": "http.request", "body": b"x" * size, "more_body": bool(left)}

        async def send(message: Message) -> None:
            told.append(message)

        scope = {"type": "http", "method": "PUT", "path": path, "headers": [], "query_string": b""}
        runner.run(entry(scope, receive, send))
    assert entry.held == 0
    return told[0]


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    """Says 200 when the whole body has come, or the status of why not."""
    answer = PlainTextResponse("")
    try:
        await Request(scope, receive).body()
    except TooSlow as error:
        answer = PlainTextResponse("", status_code=error.status_code, headers=error.headers)
    await answer(scope, receive, send)


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([(0, 9)], 200),
        ([(10, 9)], 200),
        ([(10, 11)], 408),
        ([(10, 6), (10, 6)], 408),
        ([(1, 1)] * 20, 408),
        ([(20_000, 1)] * 100, 200),
        ([(10_000, 1)] * 100, 408),
        ([(LONG - 1, 9), (1, 150)], 200),
        ([(LONG - 1, 9), (1, 152)], 408),
        ([(LONG - 1, 11), (1, 0)], 408),
    ],
)
@pytest.mark.parametrize("path", ["/x", "/files/x"])
def test_a_body_comes_in_time(pieces: list[Piece], status: int, path: str) -> None:
    """Or is not waited for, and the connection ends; what came gives time to what comes. Nothing is kept."""
    answer = answered(read_all, pieces, path)
    assert answer["status"] == status
    assert ((b"connection", b"close") in answer["headers"]) == (status == 408)


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers while it listens to its client."""
    del scope
    rest = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    assert len((await rest)["body"]) == 1
    assert len((await receive())["body"]) == 2


@pytest.mark.parametrize("pieces", [[(1, 0), (2, 11)], [(1, 11), (2, 11)]])
def test_an_answer_that_has_begun_goes_on(pieces: list[Piece]) -> None:
    """Its client may be silent meanwhile, whatever it had still to say: streams listen for its end."""
    assert answered(stream, pieces)["status"] == 200


async def read_and_listen(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the whole body, and answers when its client has gone."""
    await Request(scope, receive).body()
    assert (await receive())["type"] == "http.disconnect"
    await PlainTextResponse("")(scope, receive, send)


def test_who_has_said_all_is_waited_for() -> None:
    """Nothing more need come."""
    assert answered(read_and_listen, [(1, 1)])["status"] == 200


# Over sockets.


@contextmanager
def running(app: ASGIApp, *, most: int = 50, seconds: float = DEADLINE_SECONDS) -> Iterator[int]:
    """The port of a server that takes requests as the service does."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(configuration(app, bounded(most=most, seconds=seconds)))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        wait_for(lambda: server.started or not thread.is_alive(), "the server")
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def connected(port: int, said: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as connection:
        connection.sendall(said)
        yield connection


def heard(connection: socket.socket) -> bytes:
    """All that comes until the other side closes. Raises TimeoutError when it does not."""
    told = b""
    try:
        while piece := connection.recv(65_536):
            told += piece
    except ConnectionResetError:
        pass
    return told


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", "")).encode()


@pytest.fixture(scope="module")
def hasty(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a service that waits for no body, and the folder where uploads come and go."""
    folder = tmp_path_factory.mktemp("hasty")
    database = server.database()
    store = enter(database, JobSettings(home=folder))
    with running(application(store, database, folder, ServiceSettings(body_seconds=SOON))) as port:
        yield port, folder / "passing"
    store.close()


SNAPSHOT = f"{API}/snapshots/{'0' * 64}"
JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        (head("POST", f"{API}/jobs", JSON, "Content-Length: 1000"), b""),
        (head("POST", f"{API}/jobs", JSON, "Content-Length: 1000"), b"{"),
        (head("POST", f"{API}/jobs", JSON, "Content-Length: 1000", "Expect: 100-continue"), b""),
        (head("POST", f"{API}/jobs", JSON, "Transfer-Encoding: chunked"), b"1\r\n{\r\n"),
        (head("PUT", SNAPSHOT, "Content-Length: 400000000"), b""),
        (head("PUT", SNAPSHOT, "Content-Length: 400000000"), b"PK"),
        (head("PUT", SNAPSHOT, "Transfer-Encoding: chunked"), b"2\r\nPK\r\n"),
    ],
)
def test_a_body_that_does_not_come(hasty: tuple[int, Path], said: bytes, rest: bytes) -> None:
    """The answer says so in the one shape, the connection ends, and nothing lies about."""
    port, passing = hasty
    with connected(port, said + rest) as connection:
        told = heard(connection).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    lines, _, body = told.partition(b"\r\n\r\n")
    assert lines.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in lines.lower()
    found = json.loads(body)
    assert (set(found), found["code"]) == (SHAPE, "too_slow")
    assert found["request_id"].encode() in lines
    assert not list(passing.iterdir())


def test_it_still_answers_others(hasty: tuple[int, Path]) -> None:
    """And counts who was sent away."""
    port, _ = hasty
    with httpx.Client(base_url=f"http://127.0.0.1:{port}{API}") as client:
        assert client.post("/jobs", json={}).json()["code"] == "invalid"
        assert 'route="/jobs",status="408"' in client.get("/metrics").text


class Waiting:
    """An application whose answers wait until they may be given."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.app = Starlette(routes=[Route("/", self.answer), WebSocketRoute("/socket", self.talk)])

    async def gone_on(self) -> None:
        while not self.go_on.is_set():
            await asyncio.sleep(0.01)

    async def answer(self, request: Request) -> PlainTextResponse:
        del request
        await self.gone_on()
        return PlainTextResponse("here")

    async def talk(self, socket: WebSocket) -> None:
        await socket.accept()
        await self.gone_on()
        await socket.send_text("here")
        await socket.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET",
        head("GET", "/")[:-2],
        head("GET", "/nothing") + b"GET /noth",
        head("POST", "/nothing", "Content-Length: 100") + b"x",
        head("POST", "/nothing", "Transfer-Encoding: chunked") + b"1\r\nx\r\n",
    ],
    ids=["nothing", "a word", "no end of the head", "half a second one", "half a body", "a chunk"],
)
def test_a_connection_without_a_request_ends(said: bytes) -> None:
    """When nothing comes, and when its head, or a body that was answered, comes without an end."""
    with running(Waiting().app, seconds=SOON) as port, connected(port, said) as connection:

        def ended() -> bool:
            try:
                connection.sendall(b"x")
                return connection.recv(65_536) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        connection.settimeout(0.01)
        wait_for(ended, "the end")


def test_what_is_under_way_is_not_ended(caplog: pytest.LogCaptureFixture) -> None:
    """However long it takes: a request, and a socket; nothing is said of either."""
    waiting = Waiting()
    with (
        running(waiting.app, seconds=SOON) as port,
        connected(port, head("GET", "/", "Connection: close")) as asked,
        connect(f"ws://127.0.0.1:{port}/socket", proxy=None) as talked,
    ):
        with connected(port) as silent:
            assert heard(silent) == b""
        waiting.go_on.set()
        assert heard(asked).endswith(b"here")
        assert talked.recv(DEADLINE_SECONDS) == "here"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_there_are_only_so_many() -> None:
    """The next one is closed as it comes; when one has gone, there is room."""
    waiting = Waiting()
    waiting.go_on.set()
    with running(waiting.app, most=2) as port:
        with connected(port) as one, connected(port, head("GET", "/", "Connection: close")) as two:
            assert heard(two).endswith(b"here")
            with connected(port), connected(port) as third:
                assert heard(third) == b""
            assert one.fileno() > 0

        def let_in() -> bool:
            try:
                with connected(port, head("GET", "/", "Connection: close")) as another:
                    return heard(another).endswith(b"here")
            except OSError:
                return False

        wait_for(let_in, "room")


ROOM = """
import resource, sys
files = resource.RLIMIT_NOFILE
resource.setrlimit(files, (int(sys.argv[1]), int(sys.argv[2])))
from treefolio.service.connections import room
print(room(), resource.getrlimit(files)[0])
"""


@pytest.mark.parametrize(
    ("now", "limit", "found"),
    [
        (256, 4_000, "2000 3780"),
        (256, 2_780, "1000 2780"),
        (3_900, 4_000, "2000 3900"),
        (256, 256, "100 256"),
    ],
)
def test_room_for_them(now: int, limit: int, found: str) -> None:
    """As many files as they need are allowed, as far as a process may do that itself."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most not in (-1, resource.RLIM_INFINITY) and most < limit:
        pytest.skip("fewer files may be open on this machine")
    asked = [sys.executable, "-c", ROOM, str(now), str(limit)]
    assert subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip() == found


@pytest.mark.skipif(sys.platform != "linux", reason="asks what Linux says of a process")
def test_the_service_makes_room(served: Served) -> None:
    """The process that answers may open as many files as it needs."""
    (answering,) = served.processes("treefolio", "answer")
    now, limit = psutil.Process(answering.pid).rlimit(psutil.RLIMIT_NOFILE)
    assert now >= min(3_780, limit)
