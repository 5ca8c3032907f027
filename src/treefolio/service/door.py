"""What every request passes before a route sees it.

* It gets an id, which the answer carries as ``X-Request-ID`` and every log line about it has.
* A keeper says who asks, or that they may not come in: by its ``Host`` and ``Origin``, and where users log
  in by its session or token. A WebSocket is closed before it is open, with 4401 or 4403.
* Its body may be no longer than its route allows, whatever ``Content-Length`` claims; who is not known may
  send little, and all long ones that are in memory at the same time have a bound together. It must come in
  time, and what it held is given back when it does not.
* Its time is counted, and answers say that they shall not be kept or guessed at by browsers.

It is plain ASGI: streams pass through it as they come.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from treefolio.errors import DatabaseError
from treefolio.service.callers import ADMIT, CALLER
from treefolio.service.keepers import Keeper, Visit
from treefolio.service.problems import Declined, away, closing, refusal

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
)
_SECURE = ((b"strict-transport-security", b"max-age=31536000"),)
"""Where users reach it by HTTPS."""
_SHORT = 1_000_000
"""Bytes: a body that is no longer is taken however many others there are."""
_BUSY_SECONDS = 2
_SLOWEST = 20_000
"""Bytes a second, of what a body may come with at least: 160 kbit/s."""

Seen = Callable[[str, str, int, float], None]
"""Told of each request: method, route, status, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long bodies may be, in bytes, and how long they may take.

    Attributes:
        json: of what is read as a whole.
        strangers: of that, when nobody knows who sends it.
        together: of all that are read as a whole at the same time.
        files: under the paths that begin with `files_at`; they go to the disk as they come.
        seconds: a body may take as long, and a second more for each 20 KB of it that came.
    """

    json: int
    strangers: int
    together: int
    files: int
    files_at: str
    seconds: float

    def of(self, scope: Scope) -> int:
        """Of this request, once it is known who sends it."""
        if scope.get(CALLER) is None:
            return self.strangers
        return self.files if self.is_file(scope) else self.json

    def due(self, taken: int) -> float:
        """Seconds that a body of which ``taken`` bytes came may have been waited for until more comes."""
        return self.seconds + taken / _SLOWEST

    def is_file(self, scope: Scope) -> bool:
        """The body goes to the disk as it comes."""
        return scope["method"] == "PUT" and str(scope["path"]).startswith(self.files_at)


class TooLong(HTTPException):
    """The body is longer than it may be; whoever reads it passes this on."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"the body is longer than {limit:,} bytes")


class TooMuch(HTTPException):
    """There are as many long bodies in memory as there may be."""

    def __init__(self) -> None:
        busy = "too much is being sent at once; ask again in a moment"
        super().__init__(503, busy, headers={"Retry-After": str(_BUSY_SECONDS)})


class TooSlow(HTTPException):
    """The body comes too slowly, or not at all: whoever sends it is not waited for."""

    def __init__(self) -> None:
        slow = f"the body came more slowly than {_SLOWEST // 1_000} KB a second"
        super().__init__(408, slow, headers={"Connection": "close"})


class Door:
    """See the module. held: bytes of bodies that are in memory now."""

    def __init__(self, app: ASGIApp, *, bounds: Bounds, keeper: Keeper, seen: Seen) -> None:
        self.app = app
        self.bounds = bounds
        self.keeper = keeper
        self.seen = seen
        self.held = 0
        self.always = (*_ALWAYS, *(_SECURE if keeper.address.secure else ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request in, or answers it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        visit = _visit(scope)
        given = visit.headers.get("x-request-id", "")
        scope["request_id"] = given if _ID.fullmatch(given) else uuid.uuid4().hex
        if visit.socket:
            await self.open_socket(scope, visit, receive, send)
            return
        passage = _Passage(self, scope, receive, send)
        began = time.perf_counter()
        try:
            await self.pass_on(scope, visit, passage)
        finally:
            self.held -= passage.held
            route = getattr(scope.get("route"), "path", "unknown")
            self.seen(scope["method"], route, passage.status, time.perf_counter() - began)

    async def pass_on(self, scope: Scope, visit: Visit, passage: _Passage) -> None:
        """To the application, unless it may not come in or says that it is too long."""
        refused = await self.refused(scope, visit)
        passage.limit = self.bounds.of(scope)
        refused = refused or _too_long(visit, passage.limit)
        if refused is None:
            await self.app(scope, passage.receive, passage.send)
        else:
            answer = refusal(scope["request_id"], refused)
            await answer(scope, passage.receive, passage.send)

    async def open_socket(self, scope: Scope, visit: Visit, receive: Receive, send: Send) -> None:
        """To the application, or closed before it is open."""
        refused = await self.refused(scope, visit)
        if refused is None:
            await self.app(scope, receive, send)
            return
        await receive()  # that it wants to be opened
        code, reason = closing(refused)
        await send({"type": "websocket.close", "code": code, "reason": reason})

    async def refused(self, scope: Scope, visit: Visit) -> Declined | None:
        """Why this request may not come in; None when it may, and then the scope says who asks."""
        scope[ADMIT] = partial(self.keeper.admit, visit)
        try:
            scope[CALLER] = await self.keeper.admit(visit)
        except Declined as error:
            return error
        except DatabaseError as error:
            return away(error)
        return None


class _Passage:
    """One request on its way: counts its body, notes its status, adds headers to its answer."""

    def __init__(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        self.door = door
        self.request_id: str = scope["request_id"]
        self.is_file = door.bounds.is_file(scope)
        self._receive = receive
        self._send = send
        self.limit = 0
        self.taken = 0
        self.held = 0
        self.status = 0
        self.waited = 0.0
        self.whole = False

    async def receive(self) -> Message:
        """The next piece of the body. Raises TooLong, TooMuch, TooSlow."""
        message = await self.in_time()
        self.whole = not message.get("more_body", False)
        piece = len(message.get("body", b""))
        self.taken += piece
        if self.taken > self.limit:
            raise TooLong(self.limit)
        if not self.is_file:
            self.held += piece
            self.door.held += piece
            if self.taken > _SHORT and self.door.held > self.door.bounds.together:
                raise TooMuch
        return message

    async def in_time(self) -> Message:
        """What comes next: of a body that is not answered yet, in time. Raises TooSlow."""
        if self.whole:
            return await self._receive()
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(began + self.door.bounds.due(self.taken) - self.waited):
                return await self._receive()
        except TimeoutError:
            if self.status:
                return await self._receive()
            raise TooSlow from None
        finally:
            self.waited += asyncio.get_running_loop().time() - began

    async def send(self, message: Message) -> None:
        """The next piece of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name.lower() for name, _ in message["headers"]}
            extra = [(HEADER.lower().encode(), self.request_id.encode()), *self.door.always]
            if self.status == HTTPStatus.UNAUTHORIZED:
                extra.append((b"www-authenticate", b"Bearer"))
            kept = [*message["headers"], *(pair for pair in extra if pair[0] not in own)]
            message = {**message, "headers": kept}
        await self._send(message)


def _visit(scope: Scope) -> Visit:
    """The request as it says of itself."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    socket = scope["type"] == "websocket"
    method = "GET" if socket else scope["method"]
    return Visit(method=method, path=scope["path"], headers=headers, socket=socket)


def _too_long(visit: Visit, limit: int) -> Declined | None:
    """Why a body that says its length may not be sent; None when it may."""
    length = visit.headers.get("content-length", "0")
    if length.isdecimal() and len(length) < 20 and int(length) <= limit:
        return None
    return Declined(
        str(TooLong(limit).detail),
        code="too_large",
        status=413,
        hint="Send less; prices are uploaded as a snapshot, once.",
    )
