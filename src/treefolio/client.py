"""Speaks to a Treefolio service, as the command line does: submit, look at, wait for, fetch.

    client = Client("http://127.0.0.1:8000")
    job = client.submit(request, panel)
    for progress in client.watch(job.id):
        ...
    client.export(job.id, Path("result"))

What may be asked twice is asked again when the service does not answer: it may be starting again. Submitting
is such a question too, because each submission has a key of its own.
"""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from treefolio.errors import TreefolioError
from treefolio.jobs.states import Event, State
from treefolio.service.models import (
    API,
    Answer,
    File,
    Files,
    Health,
    Job,
    Jobs,
    Problem,
    Progress,
    Rows,
    Workers,
)

if TYPE_CHECKING:
    from treefolio.jobs.requests import Request
    from treefolio.market.panel import Panel

DEFAULT_URL = "http://127.0.0.1:8000"
PATIENCE_SECONDS = 20.0
"""For so long a service that does not answer is asked again."""
WATCHING_SECONDS = 120.0
"""Who watches a job is more patient."""
_PAUSES = (0.2, 0.5, 1.0, 2.0)
_AWAY = (502, 503, 504)
_PIECE = 1 << 20
_START_IT = "Start it with `treefolio serve`, or name another one with --url or TREEFOLIO_URL."

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


class Client:
    """A service at ``url``. `token` is for one that knows its users.

    Args:
        patience: for so many seconds a service that does not answer is asked again.
        transport: of httpx, for tests.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        patience: float = PATIENCE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        timeout = httpx.Timeout(30.0, connect=5.0)
        _require_address(url)
        self.http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)
        self.url = url
        self.patience = patience

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def health(self) -> Health:
        """Is it well? Raises ServiceError when it takes no jobs."""
        return self._get(Health, "/health")

    def workers(self) -> Workers:
        """Its workers."""
        return self._get(Workers, "/workers")

    def submit(self, request: Request, panel: Panel, *, key: str | None = None) -> Job:
        """Submits a run or a sweep; its prices are uploaded when the service has them not.

        Args:
            key: the same key again gives the same job.
        """
        from treefolio.jobs.requests import to_json  # noqa: PLC0415 - heavy, and nothing else needs it

        self.upload(panel)
        answer = self._ask(
            "POST",
            "/jobs",
            headers={"Idempotency-Key": key or uuid.uuid4().hex},
            content=json.dumps(to_json(request), allow_nan=False),
        )
        return _read(Job, answer)

    def upload(self, panel: Panel) -> str:
        """Has the service keep these prices; returns their hash."""
        from treefolio.market import snapshots  # noqa: PLC0415 - heavy, and nothing else needs it

        name = panel.content_hash
        try:
            self._ask("HEAD", f"/snapshots/{name}")
        except ServiceError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            with tempfile.TemporaryDirectory(prefix="treefolio-upload-") as folder:
                snapshots.keep(panel, Path(folder))
                self._put(f"/snapshots/{name}", snapshots.find(name, Path(folder)))
        return name

    def jobs(self, *, states: Collection[State] = (), limit: int = 100, offset: int = 0) -> Jobs:
        """The jobs, the latest first."""
        return self._get(Jobs, "/jobs", _query(state=sorted(states), limit=limit, offset=offset))

    def job(self, job: UUID) -> Job:
        """A job, as it stands."""
        return self._get(Job, f"/jobs/{job}")

    def tell(self, job: UUID, event: Event) -> Job:
        """Pauses, resumes or cancels a job."""
        return _read(Job, self._ask("POST", f"/jobs/{job}/{event}"))

    def progress(self, job: UUID) -> Progress:
        """How far a job is."""
        return self._get(Progress, f"/jobs/{job}/progress")

    def watch(self, job: UUID) -> Iterator[Progress]:
        """How far the job is, whenever it has come further, until its end.

        Raises:
            ServiceError: there is no such job, or the service was away for too long.
        """
        lost: float | None = None
        while True:
            try:
                for event, data in self._events(job):
                    lost = None
                    if event == "progress":
                        yield (found := Progress.model_validate_json(data))
                        if found.job.ended:
                            return
            except (httpx.TransportError, _Away):
                pass
            lost = lost or time.monotonic()
            if time.monotonic() - lost > max(self.patience, WATCHING_SECONDS):
                raise self._unreachable()
            time.sleep(_PAUSES[1])

    def rows(
        self,
        job: UUID,
        *,
        sort: Sequence[str] = (),
        where: str | None = None,
        columns: Sequence[str] = (),
        limit: int = 100,
        offset: int = 0,
    ) -> Rows:
        """A page of the rows of a sweep that there are by now."""
        query = _query(sort=sort, where=where, columns=columns, limit=limit, offset=offset)
        return self._get(Rows, f"/jobs/{job}/rows", query)

    def save_rows(
        self,
        job: UUID,
        path: Path,
        *,
        sort: Sequence[str] = (),
        where: str | None = None,
        columns: Sequence[str] = (),
    ) -> str:
        """Writes the rows that there are by now to a file, as its suffix says (.csv or .parquet).

        Returns:
            ``final``, or ``partial 3,120/8,000``.
        """
        suffix = path.suffix.lower().removeprefix(".")
        query = _query(sort=sort, where=where, columns=columns)
        return self._save(f"/jobs/{job}/rows.{suffix}", path, query).get("X-Treefolio-Rows", "")

    def open_row(self, job: UUID, number: int) -> Job:
        """Submits a row of a sweep as a run of its own; again gives the same job."""
        return _read(Job, self._ask("POST", f"/jobs/{job}/rows/{number}/run"))

    def files(self, job: UUID) -> list[File]:
        """The final files of a job."""
        return self._get(Files, f"/jobs/{job}/files").files

    def export(self, job: UUID, out: Path) -> None:
        """Writes all final files to a folder, which appears when everything is in it, or not at all.

        Raises:
            ServiceError: the job has no result yet. OutputError: the folder is not free.
        """
        from treefolio.sweep.files import whole_folder  # noqa: PLC0415 - heavy

        with whole_folder(out) as folder:
            for file in self.files(job):
                self._save(f"/jobs/{job}/files/{file.name}", folder / Path(file.name).name)

    def _get(self, shape: type[Shape], path: str, query: Query = ()) -> Shape:
        return _read(shape, self._ask("GET", path, params=query))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Query = (),
        headers: dict[str, str] | None = None,
        content: str | None = None,
    ) -> httpx.Response:
        """The answer to a question that may be asked again. Raises ServiceError."""
        given = dict(headers or {}) | ({} if content is None else {"Content-Type": "application/json"})

        def once() -> httpx.Response:
            return self.http.request(
                method, f"{API}{path}", params=list(params), headers=given, content=content
            )

        return self._again(once)

    def _put(self, path: str, file: Path) -> None:
        def once() -> httpx.Response:
            with file.open("rb") as stream:
                return self.http.put(f"{API}{path}", content=stream, headers=_length(file))

        self._again(once)

    def _save(self, path: str, target: Path, query: Query = ()) -> httpx.Headers:
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

        return self._again(once).headers

    def _again(self, once: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer, asked for as often as it takes. Raises ServiceError."""
        began = time.monotonic()
        tries = 0
        while True:
            late = time.monotonic() - began > self.patience
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            try:
                answer = once()
            except httpx.TransportError as error:
                if late:
                    raise self._unreachable(error) from None
            else:
                if answer.is_success:
                    return answer
                if late or answer.status_code not in _AWAY:
                    raise _refusal(answer)
            tries += 1
            time.sleep(pause)

    def _events(self, job: UUID) -> Iterator[tuple[str, str]]:
        """Name and data of the job's events. Raises ServiceError, httpx.TransportError, _Away."""
        path = f"{API}/jobs/{job}/events"
        with self.http.stream("GET", path, timeout=httpx.Timeout(60.0, connect=5.0)) as answer:
            if answer.status_code in _AWAY:
                raise _Away
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

    def _unreachable(self, error: Exception | None = None) -> ServiceError:
        why = f" ({error})" if error and str(error) else ""
        return ServiceError(f"no service answers at {self.url}{why}", code="unreachable", hint=_START_IT)


class _Away(Exception):  # noqa: N818 - it is what happened, and is seen here alone
    """The service says that it cannot answer now."""


Query = Sequence[tuple[str, str]]


def _require_address(url: str) -> None:
    """Nothing, when this is where a service could be. Raises ServiceError."""
    try:
        found = urlsplit(url)
        whole = found.scheme in ("http", "https") and found.hostname and (found.port or 1)
    except ValueError:
        whole = None
    if not whole:
        raise ServiceError(f"{url!r} is no address of a service", code="address", hint=_START_IT)


def _query(**given: Collection[str] | str | int | None) -> Query:
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


def _read(shape: type[Shape], answer: httpx.Response) -> Shape:
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
            return ServiceError("it is not there", code="refused", status=answer.status_code)
        return _stranger(answer)
    which = f" (request {problem.request_id})" if answer.is_server_error and problem.request_id else ""
    return ServiceError(
        problem.message + which,
        code=problem.code,
        status=answer.status_code,
        request_id=problem.request_id,
        path=problem.path,
        hint=problem.hint,
    )


def _stranger(answer: httpx.Response) -> ServiceError:
    return ServiceError(
        f"what answers at {answer.request.url} is no Treefolio service (status {answer.status_code})",
        code="stranger",
        status=answer.status_code,
        hint=_START_IT,
    )
