"""A server on this machine that speaks as Discord does when users log in by it.

It holds clients to the protocol: the right client and secret, PKCE with S256, the address to go back to, and
a code that is used once. `person` is who sits before the browser, and agrees unless `denies`.

Faults: ``down`` answers 503, ``slow`` holds each answer until `release`, ``garbage`` is no JSON, ``stranger``
is JSON of another kind.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

CLIENT_ID = "1234567890"
CLIENT_SECRET = "discord-client-secret"
_MOST_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordUser:
    """Somebody who has an account there."""

    id: str
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Granted:
    user: DiscordUser
    challenge: str
    back: str


class DiscordServer:
    """The server, from entering its context to leaving it.

    Attributes:
        person: who sits before the browser.
        denies: they do not agree.
        fault: see the module; of the routes that the service itself asks.
        asked: paths of the requests, in order.
    """

    def __init__(self, person: DiscordUser) -> None:
        self.person = person
        self.denies = False
        self.fault: str | None = None
        self.asked: list[str] = []
        self._codes: dict[str, _Granted] = {}
        self._tokens: dict[str, DiscordUser] = {}
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def release(self) -> None:
        """Lets go of the answers that ``slow`` holds now."""
        held, self._released = self._released, threading.Event()
        held.set()

    def authorize(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """The page on which a person agrees; it sends the browser back."""
        wanted = {"client_id": CLIENT_ID, "response_type": "code", "scope": "identify"}
        pkce = query.get("code_challenge_method") == "S256" and len(query.get("code_challenge", "")) == 43
        if any(query.get(name) != value for name, value in wanted.items()) or not pkce:
            return _json(400, {"error": "invalid_request"})
        said = {"error": "access_denied", "error_description": "The resource owner denied the request"}
        if not self.denies:
            code = secrets.token_urlsafe(16)
            self._codes[code] = _Granted(
                user=self.person, challenge=query["code_challenge"], back=query["redirect_uri"]
            )
            said = {"code": code}
        where = f"{query['redirect_uri']}?{urlencode({**said, 'state': query['state']})}"
        return 302, {"Location": where}, b""

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, str], bytes]:
        """A token for a code."""
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {basic}":
            return _json(401, {"error": "invalid_client"})
        granted = self._codes.pop(form.get("code", ""), None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).decode().rstrip("=")
        given = (form.get("grant_type"), challenge, form.get("redirect_uri"))
        if granted is None or given != ("authorization_code", granted.challenge, granted.back):
            return _json(400, {"error": "invalid_grant", "error_description": 'Invalid "code" in request.'})
        token = secrets.token_urlsafe(16)
        self._tokens[token] = granted.user
        return _json(
            200, {"access_token": token, "token_type": "Bearer", "expires_in": 604800, "scope": "identify"}
        )

    def me(self, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Who a token is for."""
        user = self._tokens.get(authorization.removeprefix("Bearer "))
        if user is None:
            return _json(401, {"message": "401: Unauthorized", "code": 0})
        said = {"id": user.id, "username": user.username, "global_name": None, "discriminator": "0"}
        return _json(200, said)

    def faulty(self) -> tuple[int, dict[str, str], bytes] | None:
        """What is answered instead, when there is a fault."""
        if self.fault == "slow":
            self._released.wait(_MOST_SECONDS)
        faults = {"down": (503, b""), "garbage": (200, b"<html>"), "stranger": (200, b'["no", "token"]')}
        status, body = faults.get(self.fault or "", (0, b""))
        return (status, {"Content-Type": "application/json"}, body) if status else None


def _json(status: int, said: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(said).encode()


def _handler(server: DiscordServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            server.asked.append(where.path)
            if where.path == "/oauth2/authorize":
                self._say(*server.authorize(dict(parse_qsl(where.query))))
            elif where.path == "/api/users/@me":
                self._say(*(server.faulty() or server.me(self.headers.get("Authorization", ""))))
            else:
                self._say(404, {}, b"")

        def do_POST(self) -> None:
            server.asked.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            if self.path == "/api/oauth2/token":
                given = self.headers.get("Authorization", "")
                self._say(*(server.faulty() or server.token(dict(parse_qsl(body)), given)))
            else:
                self._say(404, {}, b"")

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the client did not wait so long

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    return Handler
