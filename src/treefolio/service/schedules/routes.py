"""Schedules: make, list, look at, change, let rest, remove."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Response

from treefolio.jobs import agenda, requests
from treefolio.jobs.ledger import records
from treefolio.jobs.ledger.agenda import Agenda
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.vault import Vault
from treefolio.jobs.workshop.prices import lacks_keys
from treefolio.service.callers import Asking, Owner, require_right
from treefolio.service.house import House, Responses
from treefolio.service.lists.expansion import expanded
from treefolio.service.lists.store import ListStore
from treefolio.service.models import API, Problem
from treefolio.service.problems import Declined
from treefolio.service.schedules.models import EXAMPLES, NewSchedule, Schedule, Schedules, Timing

_MISSING: Responses = {404: {"model": Problem, "description": "There is no such schedule, or no such job."}}
_TAKEN: Responses = {409: {"model": Problem, "description": "There is a schedule of this name."}}
_FULL: Responses = {403: {"model": Problem, "description": "There are as many as may be."}}
_FETCH = requests.Fetch


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["schedules"])
    kept = Agenda(house.store.engine, house.store.settings)
    _making(routes, kept, house)
    _looking(routes, kept)
    _changing(routes, kept)
    return routes


def _making(routes: APIRouter, kept: Agenda, house: House) -> None:
    @routes.post(
        "/schedules", status_code=201, response_model=Schedule, responses={**_MISSING, **_TAKEN, **_FULL}
    )
    def make(
        body: Annotated[NewSchedule, Body(openapi_examples=EXAMPLES)], response: Response, caller: Asking
    ) -> Schedule:
        """Has the service submit this at its time, on prices that it fetches then."""
        request = _asked(body, caller.user, house.store)
        require_right(caller, request)
        requests.check(request)
        own = requests.name_of(request) if body.job is None else house.store.get(caller.user, body.job).name
        name = body.name or own
        made = kept.make(caller.user, name, request, _timing(body.at, body.days))
        response.headers["Location"] = f"{API}/schedules/{made.id}"
        return shown(made, _keyless(request, caller.user, house.vault))


def _looking(routes: APIRouter, kept: Agenda) -> None:
    @routes.get("/schedules", response_model=Schedules)
    def listed(owner: Owner) -> Schedules:
        """Your schedules, by name."""
        return Schedules(schedules=[shown(each) for each in kept.list(owner)])

    @routes.get("/schedules/{schedule}", response_model=Schedule, responses=_MISSING)
    def get(schedule: UUID, owner: Owner) -> Schedule:
        """A schedule, with its last job."""
        return shown(kept.get(owner, schedule))


def _changing(routes: APIRouter, kept: Agenda) -> None:
    @routes.put("/schedules/{schedule}", response_model=Schedule, responses={**_MISSING, **_TAKEN})
    def change(schedule: UUID, body: Timing, owner: Owner) -> Schedule:
        """Gives a schedule another name and time."""
        return shown(kept.change(owner, schedule, body.name, _timing(body.at, body.days)))

    @routes.post("/schedules/{schedule}/enable", response_model=Schedule, responses=_MISSING)
    def enable(schedule: UUID, owner: Owner) -> Schedule:
        """Has it fire again, from now on."""
        return shown(kept.enable(owner, schedule, enabled=True))

    @routes.post("/schedules/{schedule}/disable", response_model=Schedule, responses=_MISSING)
    def disable(schedule: UUID, owner: Owner) -> Schedule:
        """Lets it rest; what would have been due meanwhile is not made up for."""
        return shown(kept.enable(owner, schedule, enabled=False))

    @routes.delete("/schedules/{schedule}", status_code=204, responses=_MISSING)
    def remove(schedule: UUID, owner: Owner) -> None:
        """Removes it; its jobs stay."""
        kept.remove(owner, schedule)


def _asked(body: NewSchedule, owner: str, store: Store) -> requests.Request:
    """What is to be submitted, on prices that are fetched then. Raises Declined, NoSuchJob."""
    if (body.job is None) == (body.request is None):
        raise Declined(
            "a schedule needs a job, or a request, and not both",
            code="invalid",
            status=422,
            path="body.job",
            hint="Name a job whose request is taken over, or send the request.",
        )
    if body.request is not None:
        sent = requests.from_json(body.request.model_dump(mode="json"))
        request = expanded(sent, owner, ListStore(store.engine))
    else:
        assert body.job is not None
        request = _unending(requests.from_json(store.order(owner, body.job).request))
    asked = requests.asked_of(request)
    if asked is None and body.fetch is not None:
        raise Declined(
            "work on prices has a source of its own",
            code="invalid",
            status=422,
            path="body.fetch",
            hint="Leave it out, or --source; another source is another job.",
        )
    if asked is None:
        return request
    fetch = asked.fetch if body.fetch is None else _FETCH(**body.fetch.model_dump())
    if fetch is None:
        raise Declined(
            "the same prices would give the same result each night",
            code="no_fetch",
            status=422,
            path="body.fetch",
            hint='Say where fresh ones are fetched from: "fetch": {"source": "alpaca"}, or --source.',
        )
    return _on(request, replace(asked, snapshot=None, source=None, synthetic=False, fetch=fetch))


def _keyless(request: requests.Request, owner: str, vault: Vault) -> str | None:
    """That there are no keys for what it fetches. It is no reason to refuse: other machines may have some."""
    source = requests.source_of(request)
    if source is None or not lacks_keys(source, owner, vault):
        return None
    return (
        f"you have no keys at {source} here, nor has the service any: its jobs fail until you keep some, with"
        f" `treefolio keys set {source}` or at /welcome"
    )


def _unending(request: requests.Request) -> requests.Request:
    """The request of a job for other nights: what ended on a day goes on to the last session."""
    asked = requests.asked_of(request)
    return request if asked is None else _on(request, replace(asked, end=None))


def _on(request: requests.Request, asked: requests.Asked) -> requests.Request:
    assert isinstance(request, requests.Backtest)
    return replace(request, asked=asked)


def _timing(at: str, days: agenda.Days) -> agenda.Timing:
    return agenda.Timing(at=dt.time.fromisoformat(at), days=days)


def shown(schedule: records.Schedule, note: str | None = None) -> Schedule:
    """A schedule as the service shows it."""
    at = None if schedule.at is None else schedule.at.isoformat("minutes")
    kept = {name: getattr(schedule, name) for name in Schedule.model_fields if name != "note"}
    return Schedule.model_validate(kept | {"at": at, "note": note})
