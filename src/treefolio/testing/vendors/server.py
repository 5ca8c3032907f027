"""One HTTP server on 127.0.0.1 that speaks for vendors: each wire knows the paths of one.

The server does what all vendors do: it records requests, counts them against a limit per minute, and fails
when told to. Faults:

* ``down``     answers 503
* ``busy``     answers 429, as if the limit were reached
* ``slow``     holds the answer until `release`, or until the client has gone
* ``cut``      announces more bytes than it sends, and closes
* ``torn``     sends half of a JSON document as if it were whole
* ``garbage``  sends what is no JSON at all, and says that it is
* ``reset``    closes without an answer
* ``empty``    whatever the wire calls a page without content that is not the last one
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

WINDOW_SECONDS = 60.0
JSON = "application/json; charset=UTF-8"
FAULTS = ("down", "busy", "slow", "cut", "torn", "garbage", "reset", "empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked for. `at`: seconds of the server's clock."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server says."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON


class Wire(Protocol):
    """The paths of one vendor."""

    def answer(self, request: Request) -> Answer | None:
        """What the vendor answers; None when the path is not its."""
        ...

    def empty(self, request: Request) -> Answer | None:
        """A page without content that is followed by the one asked for; None when the path is not its."""
        ...


@dataclass(slots=True)
class _Fault:
    """So many times the fault, after so many requests that were answered well. `path`: only of these."""

    kind: str
    times: int
    after: int
    path: str


def json_answer(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """`document` as JSON."""
    body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    return Answer(status=status, body=body, headers=headers or {})


class VendorServer:
    """A server of `wires`, from entering its context to leaving it.

    Args:
        per_minute: more requests within a minute are answered with 429.
        retry_after: how 429 says when to come back: ``seconds``, ``date`` (``Retry-After``), ``reset``
            (``X-RateLimit-Reset``), or None for not at all.
        clock: seconds; of the limit and of `requests`.

    Attributes:
        requests: all that were made, in order; those answered with a fault too.
        refused: how many of them were above the limit.
    """

    def __init__(
        self,
        *wires: Wire,
        per_minute: int = 200,
        retry_after: str | None = "seconds",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.requests: list[Request] = []
        self.refused = 0
        self._wires = wires
        self._per_minute = per_minute
        self._retry_after = retry_after
        self._clock = clock
        self._window: deque[float] = deque()
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = _Listener(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:40123``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> VendorServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault(self, kind: str, *, times: int = 1, after: int = 0, path: str = "") -> None:
        """The next `times` requests (to `path`, if given) meet the fault, once `after` of them went well."""
        if kind not in FAULTS:
            raise ValueError(f"no fault {kind!r}: there are {', '.join(FAULTS)}")
        with self._lock:
            self._faults.append(_Fault(kind, times, after, path))

    def release(self) -> None:
        """Answers that a ``slow`` fault holds go out; from now on none is held."""
        self._released.set()

    def paths(self) -> Sequence[str]:
        """The paths of all requests, in order."""
        return [request.path for request in self.requests]

    def handle(self, request: Request) -> tuple[Answer, str | None]:
        """The answer, and the fault to send it with."""
        with self._lock:
            self.requests.append(request)
            fault = self._due(request.path)
            refusal = self._over_limit(request.at)
        if refusal is not None:
            return refusal, None
        if fault == "busy":
            return self._too_many(request.at), None
        if fault == "down":
            return json_answer({"message": "service unavailable"}, status=503), None
        ask = "empty" if fault == "empty" else "answer"
        for wire in self._wires:
            found: Answer | None = getattr(wire, ask)(request)
            if found is not None:
                return found, fault
        return json_answer({"message": "endpoint not found"}, status=404), fault

    def hold(self) -> None:
        """Until `release`."""
        self._released.wait()

    def now(self) -> float:
        """Seconds of its clock."""
        return self._clock()

    def _due(self, path: str) -> str | None:
        """The first scripted fault that this request meets."""
        for fault in self._faults:
            if fault.path and fault.path != path:
                continue
            if fault.after:
                fault.after -= 1
                return None
            fault.times -= 1
            if not fault.times:
                self._faults.remove(fault)
            return fault.kind
        return None

    def _over_limit(self, at: float) -> Answer | None:
        """429 when the last minute is full; else the request is counted."""
        while self._window and self._window[0] <= at - WINDOW_SECONDS:
            self._window.popleft()
        if len(self._window) >= self._per_minute:
            self.refused += 1
            return self._too_many(at)
        self._window.append(at)
        return None

    def _too_many(self, at: float) -> Answer:
        """429, with the headers that say when there is room again."""
        first = self._window[0] if len(self._window) >= self._per_minute else at
        wait = max(int(first + WINDOW_SECONDS - at) + 1, 1)
        headers = {"X-RateLimit-Limit": str(self._per_minute), "X-RateLimit-Remaining": "0"}
        if self._retry_after == "seconds":
            headers["Retry-After"] = str(wait)
        elif self._retry_after == "date":
            headers["Retry-After"] = formatdate(math.ceil(at) + wait, usegmt=True)
        elif self._retry_after == "reset":
            headers["X-RateLimit-Reset"] = str(math.ceil(at) + wait)
        return json_answer({"message": "too many requests."}, status=429, headers=headers)


class _Listener(ThreadingHTTPServer):
    """Threads that end with the server; a client that goes away is no news."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients hang up when they time out."""


def _handler_of(server: VendorServer) -> type[BaseHTTPRequestHandler]:
    """The class that `http.server` makes one of for each connection."""

    class Handler(BaseHTTPRequestHandler):
        """Speaks for `server`."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Answers a read."""
            self._respond()

        def do_POST(self) -> None:
            """Answers anything else: it is recorded like a read."""
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._respond()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Nothing: `requests` has it."""

        def _respond(self) -> None:
            split = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=split.path,
                query=dict(parse_qsl(split.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                at=server.now(),
            )
            answer, fault = server.handle(request)
            if fault == "reset":
                self.close_connection = True
                return
            if fault == "slow":
                server.hold()
            self._send(answer, fault)

        def _send(self, answer: Answer, fault: str | None) -> None:
            body = _spoilt(answer.body, fault)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body) if fault == "cut" else len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = self.close_connection or fault == "cut"

    return Handler


def _spoilt(body: bytes, fault: str | None) -> bytes:
    """What of the body goes out."""
    if fault in ("cut", "torn"):
        return body[: len(body) // 2]
    return b"<!doctype html>" if fault == "garbage" else body
