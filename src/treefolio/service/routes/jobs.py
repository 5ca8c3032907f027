"""Jobs: submit, list, look at, pause, resume, cancel, put in order, and how far they are."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Header, Query, Response

from treefolio.jobs import requests
from treefolio.jobs.acts import Act
from treefolio.jobs.ledger import records
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.states import Event, State
from treefolio.service.callers import Administrator, Asking, Owner, require_right
from treefolio.service.house import House, Responses
from treefolio.service.lists.expansion import expanded
from treefolio.service.lists.store import ListStore
from treefolio.service.models import API, Eta, Hand, Job, Jobs, Priority, Problem, Progress
from treefolio.service.pace import retry_after
from treefolio.service.problems import Declined
from treefolio.service.strategies.store import StrategyStore
from treefolio.service.submission import EXAMPLES, Submission
from treefolio.service.table import label
from treefolio.service.whence import From

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="The same key again gives the same job, so a submission can be repeated safely.",
    ),
]
MISSING: Responses = {404: {"model": Problem, "description": "There is no such job."}}
_CONFLICT: Responses = {409: {"model": Problem, "description": "Its state, or the key, rules this out."}}
_MOST = 500
_ASKED = {
    Event.PAUSE: "Begins no more of the job; what is under way comes to its end and is kept.",
    Event.RESUME: "Goes on with a paused job.",
    Event.CANCEL: "Ends the job; what it computed is not kept.",
}
_PLACES = {
    "first": "Puts the job before its owner's others, but for single runs. Chunks under way are finished.",
    "last": "Puts the job behind its owner's others.",
}


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["jobs"])
    _submitting(routes, house.store)
    _looking(routes, house.store)
    for event, what in _ASKED.items():
        _asking(routes, house.store, event, what)
    for place, what in _PLACES.items():
        _ordering(routes, house.store, place, what)
    _removing(routes, house)
    _raising(routes, house)
    return routes


def _submitting(routes: APIRouter, store: Store) -> None:
    lists = ListStore(store.engine)
    kept = StrategyStore(store.engine, store.settings)

    @routes.post(
        "/jobs",
        status_code=201,
        response_model=Job,
        responses={
            **_CONFLICT,
            403: {"model": Problem, "description": "Only an administrator may submit this kind."},
            422: {
                "model": Problem,
                "description": "The strategy, its values or the question have no meaning.",
            },
        },
    )
    def submit(
        body: Annotated[Submission, Body(openapi_examples=EXAMPLES)],
        response: Response,
        caller: Asking,
        key: Key = None,
    ) -> Job:
        """Takes a job. Its prices must have been uploaded, unless the service is to fetch them.

        It is called as its strategy is, or `NAME:2` when that is the second version of one that you keep.
        """
        request = requests.from_json(body.model_dump(mode="json"))
        require_right(caller, request)
        request = expanded(request, caller.user, lists)
        snapshot = requests.snapshot_of(request)
        if snapshot is not None and not store.has_snapshot(caller.user, snapshot):
            raise Declined(
                f"there is no snapshot {snapshot[:12]}…",
                code="no_snapshot",
                status=422,
                path="body.asked.snapshot",
                hint=f"Upload it first: PUT {API}/snapshots/HASH.",
            )
        requests.check(request)
        name = None
        if isinstance(request, requests.Backtest):
            name = kept.called(caller.user, request.strategy)
        job = shown(store.submit(caller.user, request, key=key, name=name))
        response.headers["Location"] = f"{API}/jobs/{job.id}"
        return job


def _looking(routes: APIRouter, store: Store) -> None:
    @routes.get("/jobs", response_model=Jobs)
    def listed(
        owner: Owner,
        state: Annotated[list[State] | None, Query(description="Those in these states.")] = None,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> Jobs:
        """The jobs, the latest first."""
        found = store.list(owner, states=state, limit=limit, offset=offset)
        total = store.count(owner, states=state)
        return Jobs(jobs=[shown(each) for each in found], total=total, offset=offset)

    @routes.get("/jobs/{job}", response_model=Job, responses=MISSING)
    def get(job: UUID, owner: Owner) -> Job:
        """A job, as it stands."""
        return shown(store.get(owner, job))

    @routes.get("/jobs/{job}/request", response_model=Submission, responses=MISSING)
    def request(job: UUID, owner: Owner) -> Submission:
        """What the job was asked, on the prices that it had: submitted again, it gives the same result."""
        found = store.order(owner, job)
        return Submission.model_validate(requests.settled(found.request, found.snapshot))

    @routes.get("/jobs/{job}/progress", response_model=Progress, responses=MISSING)
    def progress(job: UUID, owner: Owner, response: Response) -> Progress:
        """How far the job is. `Retry-After` says when to ask again."""
        found = progress_of(store.progress(owner, job))
        response.headers["Retry-After"] = str(found.retry_after)
        return found


def _asking(routes: APIRouter, store: Store, event: Event, what: str) -> None:
    @routes.post(
        f"/jobs/{{job}}/{event}",
        response_model=Job,
        responses={**MISSING, **_CONFLICT},
        name=event.value,
        description=what,
    )
    def ask(job: UUID, owner: Owner) -> Job:
        return shown(store.ask(owner, job, event))


def _ordering(routes: APIRouter, store: Store, place: str, what: str) -> None:
    @routes.post(
        f"/jobs/{{job}}/{place}",
        response_model=Job,
        responses={**MISSING, **_CONFLICT},
        name=place,
        description=what,
    )
    def put(job: UUID, owner: Owner) -> Job:
        return shown(store.precede(owner, job, first=place == "first"))


def _removing(routes: APIRouter, house: House) -> None:
    @routes.delete("/jobs/{job}", status_code=204, responses={**MISSING, **_CONFLICT})
    def remove(job: UUID, owner: Owner, whence: From) -> None:
        """Removes a job that has ended, with its results."""
        removed = house.store.remove(owner, job)
        house.audit.note(None, Act.JOB_REMOVED, whence, what={"job": str(job), "name": removed.name})


def _raising(routes: APIRouter, house: House) -> None:
    @routes.post("/jobs/{job}/priority", response_model=Job, responses={**MISSING, **_CONFLICT})
    def priority(job: UUID, body: Priority, administrator: Administrator, whence: From) -> Job:
        """Puts anybody's job before all others, or behind them; for administrators."""
        del administrator
        found = house.store.prioritise(job, body.priority)
        said = {"job": str(job), "owner": found.owner, "priority": body.priority}
        house.audit.note(None, Act.JOB_RAISED, whence, what=said)
        return shown(found)


def shown(job: records.Job) -> Job:
    """A job as the service shows it."""
    return Job.model_validate(job, from_attributes=True)


def progress_of(found: records.Progress) -> Progress:
    """Progress as the service shows it."""
    job = shown(found.job)
    eta = found.eta_seconds
    complete = job.state in (State.DONE, State.PARTIAL)
    return Progress(
        job=job,
        label=label(job.rows_done, job.rows_total, complete=complete),
        rate=found.rate,
        eta_seconds=None if eta is None else Eta(low=eta[0], middle=eta[1], high=eta[2]),
        seconds=dict(found.seconds),
        chunks={state.value: count for state, count in found.chunks.items()},
        parallelism=found.parallelism,
        workers=found.workers,
        hands=[Hand.model_validate(each, from_attributes=True) for each in found.hands],
        cache_hits=found.cache_hits,
        cache_misses=found.cache_misses,
        queue=found.queue,
        position=found.position,
        starts_in_seconds=found.starts_in_seconds,
        retry_after=retry_after((dt.datetime.now(dt.UTC) - job.created_at).total_seconds()),
    )
