"""Speaks to a Treefolio service, as the command line does: submit, look at, wait for, fetch.

    client = Client("http://127.0.0.1:8000")
    job = client.submit(request, panel)
    for progress in client.watch(job.id):
        ...
    client.export(job.id, Path("result"))

What may be asked twice is asked again when the service does not answer: it may be starting again. Submitting
is such a question too, because each submission has a key of its own.

* `transport`  the connection: questions that may be asked again, files, what is refused
* other modules  a noun of the service each, as an attribute of `Client`, which itself knows jobs
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from treefolio.client.charts import Charts
from treefolio.client.keys import KeyGroup
from treefolio.client.lists import ListGroup
from treefolio.client.schedules import ScheduleGroup
from treefolio.client.strategies import StrategyGroup
from treefolio.client.transport import (
    DEFAULT_URL,
    PATIENCE_SECONDS,
    PAUSE_SECONDS,
    WATCHING_SECONDS,
    Away,
    ServiceError,
    Transport,
    asked,
    read,
)
from treefolio.jobs.states import Event, State
from treefolio.service.models import File, Files, Health, Job, Jobs, Progress, Rows, Workers
from treefolio.service.usage.models import Usage

if TYPE_CHECKING:
    from treefolio.jobs.requests import Request
    from treefolio.market.panel import Panel

__all__ = ["DEFAULT_URL", "Client", "ServiceError"]


class Client:
    """A service at ``url``. `token` is for one that knows its users.

    Args:
        patience: for so many seconds a service that does not answer is asked again.
        hasty: where nobody listens, and nobody did before, that is said at once.
        transport: of httpx, for tests.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        patience: float = PATIENCE_SECONDS,
        hasty: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.transport = Transport(url, token=token, patience=patience, hasty=hasty, transport=transport)
        self.strategies = StrategyGroup(self.transport)
        self.lists = ListGroup(self.transport)
        self.charts = Charts(self.transport)
        self.keys = KeyGroup(self.transport)
        self.schedules = ScheduleGroup(self.transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    def health(self) -> Health:
        """Is it well? Raises ServiceError when it takes no jobs."""
        return self.transport.get(Health, "/health")

    def workers(self) -> Workers:
        """Its workers."""
        return self.transport.get(Workers, "/workers")

    def submit(self, request: Request, panel: Panel | None = None, *, key: str | None = None) -> Job:
        """Submits a job; its prices are uploaded when the service has them not.

        Args:
            panel: the prices; None when the service fetches them, or none are needed.
            key: the same key again gives the same job.
        """
        from treefolio.jobs.requests import to_json  # noqa: PLC0415 - heavy, and nothing else needs it

        if panel is not None:
            self.upload(panel)
        answer = self.transport.ask(
            "POST",
            "/jobs",
            headers={"Idempotency-Key": key or uuid.uuid4().hex},
            content=json.dumps(to_json(request), allow_nan=False),
        )
        return read(Job, answer)

    def upload(self, panel: Panel) -> str:
        """Has the service keep these prices; returns their hash."""
        from treefolio.market import snapshots  # noqa: PLC0415 - heavy, and nothing else needs it

        name = panel.content_hash
        try:
            self.transport.ask("HEAD", f"/snapshots/{name}")
        except ServiceError as error:
            if error.status != httpx.codes.NOT_FOUND:
                self.transport.ask("GET", "/session")  # an answer to HEAD cannot say why
                raise
            with tempfile.TemporaryDirectory(prefix="treefolio-upload-") as folder:
                snapshots.keep(panel, Path(folder))
                self.transport.put(f"/snapshots/{name}", snapshots.find(name, Path(folder)))
        return name

    def jobs(self, *, states: Collection[State] = (), limit: int = 100, offset: int = 0) -> Jobs:
        """The jobs, the latest first."""
        return self.transport.get(Jobs, "/jobs", asked(state=sorted(states), limit=limit, offset=offset))

    def job(self, job: UUID) -> Job:
        """A job, as it stands."""
        return self.transport.get(Job, f"/jobs/{job}")

    def tell(self, job: UUID, event: Event) -> Job:
        """Pauses, resumes or cancels a job."""
        return read(Job, self.transport.ask("POST", f"/jobs/{job}/{event}"))

    def put_first(self, job: UUID) -> Job:
        """Puts a job before all others of the user's."""
        return read(Job, self.transport.ask("POST", f"/jobs/{job}/first"))

    def put_last(self, job: UUID) -> Job:
        """Puts a job behind all others of the user's."""
        return read(Job, self.transport.ask("POST", f"/jobs/{job}/last"))

    def remove(self, job: UUID) -> None:
        """Removes a job that has ended, with its results."""
        self.transport.ask("DELETE", f"/jobs/{job}", repeat=False)

    def prioritise(self, job: UUID, priority: int) -> Job:
        """Puts anybody's job before all others (1 and more) or behind (-1 and less); for administrators."""
        return self.transport.send(Job, "POST", f"/jobs/{job}/priority", {"priority": priority})

    def usage(self) -> Usage:
        """What is used of each limit."""
        return self.transport.get(Usage, "/usage")

    def progress(self, job: UUID) -> Progress:
        """How far a job is."""
        return self.transport.get(Progress, f"/jobs/{job}/progress")

    def watch(self, job: UUID) -> Iterator[Progress]:
        """How far the job is, whenever it has come further, until its end.

        Raises:
            ServiceError: there is no such job, or the service was away for too long.
        """
        lost: float | None = None
        while True:
            try:
                with contextlib.closing(self.transport.events(job)) as events:
                    for event, data in events:
                        lost = None
                        if event == "progress":
                            yield (found := Progress.model_validate_json(data))
                            if found.job.ended:
                                return
            except (httpx.TransportError, Away) as error:
                self.transport.require_secured(error)
                self.transport.require_reached(error)
            lost = lost or time.monotonic()
            if time.monotonic() - lost > max(self.transport.patience, WATCHING_SECONDS):
                raise self.transport.unreachable()
            time.sleep(PAUSE_SECONDS)

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
        query = asked(sort=sort, where=where, columns=columns, limit=limit, offset=offset)
        return self.transport.get(Rows, f"/jobs/{job}/rows", query)

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
        query = asked(sort=sort, where=where, columns=columns)
        return self.transport.save(f"/jobs/{job}/rows.{suffix}", path, query).get("X-Treefolio-Rows", "")

    def open_row(self, job: UUID, number: int) -> Job:
        """Submits a row of a sweep as a run of its own; again gives the same job."""
        return read(Job, self.transport.ask("POST", f"/jobs/{job}/rows/{number}/run"))

    def files(self, job: UUID) -> list[File]:
        """The final files of a job."""
        return self.transport.get(Files, f"/jobs/{job}/files").files

    def export(self, job: UUID, out: Path) -> None:
        """Writes all final files to a folder, which appears when everything is in it, or not at all.

        Raises:
            ServiceError: the job has no result yet. OutputError: the folder is not free.
        """
        from treefolio.sweep.files import whole_folder  # noqa: PLC0415 - heavy

        with whole_folder(out) as folder:
            for file in self.files(job):
                self.transport.save(f"/jobs/{job}/files/{file.name}", folder / Path(file.name).name)
