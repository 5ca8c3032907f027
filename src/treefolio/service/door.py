"""What every request passes before a route sees it.

* It gets an id, which the answer carries as ``X-Request-ID`` and every log line about it has.
* Its ``Host`` must be a name of this machine, and so must its ``Origin`` when a browser sends one: there is
  no login here yet, so no page of another site may speak to the service through its user's browser.
* Its body may be no longer than its route allows, whatever ``Content-Length`` claims.
* Its time is counted, and answers say that they shall not be kept or guessed at by browsers.

It is plain ASGI: streams pass through it as they come.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from treefolio.service.callers import CALLER, THE_USER
from treefolio.service.problems import problem

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

Seen = Callable[[str, str, int, float], None]
"""Told of each request: method, route, status, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long bodies may be, in bytes: of JSON, and of files under the paths that begin with `files_at`."""

    json: int
    files: int
    files_at: str

    def of(self, scope: Scope) -> int:
        """Of this request."""
        upload = scope["method"] == "PUT" and scope["path"].startswith(self.files_at)
        return self.files if upload else self.json


class TooLong(HTTPException):
    """The body is longer than it may be; whoever reads it passes this on."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"the body is longer than {limit:,} bytes")


class Door:
    """See the module."""

    def __init__(self, app: ASGIApp, *, bounds: Bounds, hosts: Collection[str], seen: Seen) -> None:
        self.app = app
        self.bounds = bounds
        self.hosts = frozenset(hosts)
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request in, or answers it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get(b"x-request-id", "")
        scope["request_id"] = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope[CALLER] = THE_USER
        passage = _Passage(scope, receive, send, self.bounds.of(scope))
        began = time.perf_counter()
        try:
            await self.pass_on(scope, headers, passage)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            self.seen(scope["method"], route, passage.status, time.perf_counter() - began)

    async def pass_on(self, scope: Scope, headers: MutableMapping[bytes, str], passage: _Passage) -> None:
        """To the application, unless it comes from elsewhere or says that it is too long."""
        refusal = self.refusal(headers) or _too_long(headers, passage.limit)
        if refusal is not None:
            answer = problem(scope["request_id"], **refusal)
            await answer(scope, passage.receive, passage.send)
            return
        await self.app(scope, passage.receive, passage.send)

    def refusal(self, headers: MutableMapping[bytes, str]) -> dict[str, Any] | None:
        """Why this request may not come in; None when it may."""
        for name in (b"host", b"origin"):
            value = headers.get(name)
            if value is not None and _hostname(value, name) not in self.hosts:
                return {
                    "status": 403,
                    "code": "elsewhere",
                    "message": f"{name.decode()} {value[:100]!r} is not this service",
                    "hint": "Without a login it is spoken to from its own machine alone, as 127.0.0.1.",
                }
        return None


class _Passage:
    """One request on its way: counts its body, notes its status, adds headers to its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        self.request_id: str = scope["request_id"]
        self._receive = receive
        self._send = send
        self.limit = limit
        self.taken = 0
        self.status = 0

    async def receive(self) -> Message:
        """The next piece of the body. Raises TooLong."""
        message = await self._receive()
        self.taken += len(message.get("body", b""))
        if self.taken > self.limit:
            raise TooLong(self.limit)
        return message

    async def send(self, message: Message) -> None:
        """The next piece of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name.lower() for name, _ in message["headers"]}
            extra = [(HEADER.lower().encode(), self.request_id.encode()), *_ALWAYS]
            kept = [*message["headers"], *(pair for pair in extra if pair[0] not in own)]
            message = {**message, "headers": kept}
        await self._send(message)


def _hostname(value: str, name: bytes) -> str | None:
    """The machine in a header, without its port."""
    try:
        return urlsplit(value if name == b"origin" else f"//{value}").hostname
    except ValueError:
        return None


def _too_long(headers: MutableMapping[bytes, str], limit: int) -> dict[str, Any] | None:
    """Why a body that says its length may not be sent; None when it may."""
    length = headers.get(b"content-length", "0")
    if length.isdecimal() and len(length) < 20 and int(length) <= limit:
        return None
    return {
        "status": 413,
        "code": "too_large",
        "message": str(TooLong(limit).detail),
        "hint": "Send less; prices are uploaded as a snapshot, once.",
    }
