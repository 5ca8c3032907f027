"""How a client speaks to the service: questions that may be asked again, streams, files, what is refused."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Collection, Generator, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from treefolio.errors import TreefolioError
from treefolio.service.models import API, Answer, Problem

DEFAULT_URL = "http://127.0.0.1:8000"
PATIENCE_SECONDS = 20.0
"""For so long a service that does not answer is asked again."""
WATCHING_SECONDS = 120.0
"""Who watches a job is more patient."""
PAUSE_SECONDS = 0.5
"""Between two tries to watch."""
_PAUSES = (0.2, PAUSE_SECONDS, 1.0, 2.0)
_AWAY = (502, 503, 504)
_PIECE = 1 << 20
_START_IT = "Start it with `treefolio serve`, or name another one with --url or TREEFOLIO_URL."
_SPELL_IT = f"Write --url or TREEFOLIO_URL like {DEFAULT_URL}."

Query = Sequence[tuple[str, str]]
Shape = TypeVar("Shape", bound=Answer)


class ServiceError(TreefolioError):
    """The service does not answer, or refuses what it is asked.

    Attributes:
        code: the service's word for it; ``unreachable`` when it does not answer.
        status: of HTTP; None when it does not answer.
        request_id: lines of the service's log have it too.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int | None = None,
        request_id: str = "",
        path: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.code = code
        self.status = status
        self.request_id = request_id


class Transport:
    """The connection to a service at ``url``; arguments as those of `treefolio.client.Client`."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        patience: float = PATIENCE_SECONDS,
        hasty: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        timeout = httpx.Timeout(30.0, connect=5.0)
        require_address(url)
        self.http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)
        self.url = url
        self.patience = patience
        self.hasty = hasty
        self.reached = False

    def close(self) -> None:
        """Gives its connections back."""
        self.http.close()

    def get(self, shape: type[Shape], path: str, query: Query = ()) -> Shape:
        """What a route answers. Raises ServiceError."""
        return read(shape, self.ask("GET", path, params=query))

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Query = (),
        headers: dict[str, str] | None = None,
        content: str | None = None,
        repeat: bool = True,
    ) -> httpx.Response:
        """The answer to a question, which may be asked again if it may be repeated. Raises ServiceError."""
        given = dict(headers or {}) | ({} if content is None else {"Content-Type": "application/json"})

        def once() -> httpx.Response:
            return self.http.request(
                method, f"{API}{path}", params=list(params), headers=given, content=content
            )

        return self.again(once, repeat=repeat)

    def send(
        self,
        shape: type[Shape],
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        repeat: bool = False,
    ) -> Shape:
        """What a route answers to plain data, which is sent again when it did not arrive, or may be repeated.

        Raises:
            ServiceError: the service does not answer, or refuses it.
        """
        content = None if body is None else json.dumps(body, allow_nan=False)
        return read(shape, self.ask(method, path, headers=headers, content=content, repeat=repeat))

    def put(self, path: str, file: Path) -> None:
        """Uploads a file. Raises ServiceError."""

        def once() -> httpx.Response:
            with file.open("rb") as stream:
                return self.http.put(f"{API}{path}", content=stream, headers=_length(file))

        self.again(once)

    def save(self, path: str, target: Path, query: Query = ()) -> httpx.Headers:
        """Writes what a route streams to a file, whole or not at all; returns the headers."""

        from treefolio.sweep.files import explained  # noqa: PLC0415 - heavy

        def once() -> httpx.Response:
            partial = target.with_name(f".{target.name}.partial")
            try:
                with self.http.stream("GET", f"{API}{path}", params=list(query)) as answer:
                    if answer.is_success:
                        with explained(target), partial.open("wb") as file:
                            for piece in answer.iter_bytes(_PIECE):
                                file.write(piece)
                        partial.replace(target)
                    else:
                        answer.read()
                    return answer
            finally:
                partial.unlink(missing_ok=True)

        return self.again(once).headers

    def again(self, once: Callable[[], httpx.Response], *, repeat: bool = True) -> httpx.Response:
        """The answer, asked for as often as it takes. Raises ServiceError.

        ``repeat``: also when it is not known whether the question arrived.
        """
        began = time.monotonic()
        tries = 0
        while True:
            late = time.monotonic() - began > self.patience
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            try:
                answer = once()
            except httpx.TransportError as error:
                self.require_secured(error)
                self.require_reached(error)
                if late or not (repeat or isinstance(error, httpx.ConnectError)):
                    raise self.unreachable(error) from None
            else:
                self.reached = True
                if answer.is_success:
                    return answer
                if late or answer.status_code not in _AWAY:
                    raise _refusal(answer)
            tries += 1
            time.sleep(pause)

    def events(self, job: UUID) -> Generator[tuple[str, str], None, None]:
        """Name and data of the job's events. Raises ServiceError, httpx.TransportError, Away."""
        path = f"{API}/jobs/{job}/events"
        with self.http.stream("GET", path, timeout=httpx.Timeout(60.0, connect=5.0)) as answer:
            self.reached = True
            if answer.status_code in _AWAY:
                raise Away
            if not answer.is_success:
                answer.read()
                raise _refusal(answer)
            name, data = "", ""
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    data = value
                elif not line and name:
                    yield name, data
                    name, data = "", ""

    def unreachable(self, error: Exception | None = None) -> ServiceError:
        """Nobody answers there."""
        why = f" ({error})" if error and str(error) else ""
        return ServiceError(f"no service answers at {self.url}{why}", code="unreachable", hint=_START_IT)

    def require_reached(self, error: Exception) -> None:
        """Nothing, unless nobody listens there and nobody did before, and that is not waited for: it is not
        starting again. Raises ServiceError."""
        if self.hasty and not self.reached and isinstance(error, httpx.ConnectError):
            raise self.unreachable(error) from None

    def require_secured(self, error: Exception) -> None:
        """Nothing, unless it went wrong because whoever answers speaks no HTTPS, or cannot be trusted: asking
        again would not help. Raises ServiceError."""
        found = _unsecured(error)
        if found is None:
            return
        if isinstance(found, ssl.SSLCertVerificationError):
            why = f"{self.url} has a certificate that is not trusted here ({found.verify_message})"
            hint = "SSL_CERT_FILE names a file of those who are trusted."
        else:
            why = f"what answers at {self.url} speaks no HTTPS"
            hint = (
                f"Write {self.url.replace('https://', 'http://', 1)}, if that is a service of this machine."
            )
        raise ServiceError(why, code="no_tls", hint=hint) from None


class Away(Exception):  # noqa: N818 - it is what happened, and is seen here alone
    """The service says that it cannot answer now."""


def _unsecured(error: BaseException | None) -> ssl.SSLError | None:
    """Why no secret was agreed upon, when that is what went wrong: asking again would not help."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return error
        error = error.__cause__ or error.__context__
    return None


def require_address(url: str) -> None:
    """Nothing, when this is where a service could be. Raises ServiceError."""
    try:
        found = urlsplit(url)
        whole = found.scheme in ("http", "https") and found.hostname and (found.port or 1)
    except ValueError:
        whole = None
    if not whole:
        raise ServiceError(f"{url!r} is no address of a service", code="address", hint=_SPELL_IT)


def asked(**given: Collection[str] | str | int | None) -> Query:
    """Parameters of a route: several of a list, none of None."""
    found: list[tuple[str, str]] = []
    for name, value in given.items():
        if isinstance(value, str | int):
            found.append((name, str(value)))
        elif value is not None:
            found += [(name, str(each)) for each in value]
    return found


def _length(file: Path) -> dict[str, str]:
    return {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}


def read(shape: type[Shape], answer: httpx.Response) -> Shape:
    """The answer as a value. Raises ServiceError when it is another service's."""
    try:
        return shape.model_validate_json(answer.content)
    except ValueError:
        raise _stranger(answer) from None


def _refusal(answer: httpx.Response) -> ServiceError:
    """What the service says is wrong."""
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValueError:
        if answer.request.method == "HEAD":
            return ServiceError(
                f"the service refuses it, with status {answer.status_code}",
                code="refused",
                status=answer.status_code,
                hint="Try again in a moment.",
            )
        return _stranger(answer)
    which = f" (request {problem.request_id})" if answer.is_server_error and problem.request_id else ""
    return ServiceError(
        problem.message + which,
        code=problem.code,
        status=answer.status_code,
        request_id=problem.request_id,
        path=problem.path and problem.path.removeprefix("body."),
        hint=problem.hint,
    )


def _stranger(answer: httpx.Response) -> ServiceError:
    return ServiceError(
        f"what answers at {answer.request.url} is no Treefolio service (status {answer.status_code})",
        code="stranger",
        status=answer.status_code,
        hint=_START_IT,
    )
