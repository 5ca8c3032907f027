"""Lists of values: make, list, look at, change, remove; and what a text would be as one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Response

from treefolio.service.callers import Owner
from treefolio.service.house import House, Responses
from treefolio.service.lists import pasted
from treefolio.service.lists.models import ChangedList, Kind, NewList, Paste, Pasted, ValueList, ValueLists
from treefolio.service.lists.store import Kept, ListStore
from treefolio.service.models import Problem
from treefolio.service.problems import Declined

_NO_LIST: Responses = {404: {"model": Problem, "description": "There is no such list."}}
_TAKEN: Responses = {409: {"model": Problem, "description": "There is a list of this name already."}}
Which = Annotated[UUID, Path(alias="list")]


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["lists"])
    store = ListStore(house.store.engine)
    _making(routes, store)
    _one(routes, store)
    return routes


def _making(routes: APIRouter, store: ListStore) -> None:
    @routes.post("/lists", status_code=201, response_model=ValueList, responses=_TAKEN, name="add")
    def add(body: Annotated[NewList, Body()], owner: Owner) -> ValueList:
        """Keeps a list of tickers, numbers or dates under a name."""
        found = read(body.text, body.kind)
        return shown(store.add(owner, body.name, found.kind, found.values))

    @routes.get("/lists", response_model=ValueLists, name="list")
    def listed(owner: Owner) -> ValueLists:
        """All lists, by name."""
        return ValueLists(lists=[shown(each) for each in store.list(owner)])

    @routes.post("/lists/parse", response_model=Pasted, name="parse")
    def parse(body: Annotated[Paste, Body()]) -> Pasted:
        """The values in a pasted text, and all pieces of it that are none. Nothing is kept."""
        found = pasted.parse(body.text, body.kind)
        return Pasted.model_validate(
            {"kind": found.kind, "values": found.values, "problems": found.faults}, from_attributes=True
        )


def _one(routes: APIRouter, store: ListStore) -> None:
    @routes.get("/lists/{list}", response_model=ValueList, responses=_NO_LIST, name="get")
    def get(which: Which, owner: Owner) -> ValueList:
        """A list with its values."""
        return shown(store.get(owner, which))

    @routes.patch("/lists/{list}", response_model=ValueList, responses={**_NO_LIST, **_TAKEN}, name="change")
    def change(which: Which, body: Annotated[ChangedList, Body()], owner: Owner) -> ValueList:
        """Another name, or other values of the same kind."""
        changes: dict[str, object] = {} if body.name is None else {"name": body.name}
        if body.text is not None:
            changes["values"] = read(body.text, store.get(owner, which).kind).values
        return shown(store.change(owner, which, changes))

    @routes.delete("/lists/{list}", status_code=204, responses=_NO_LIST, name="remove")
    def remove(which: Which, owner: Owner) -> Response:
        """Removes a list. Jobs that were submitted with it keep their values."""
        store.remove(owner, which)
        return Response(status_code=204)


def read(text: str, kind: Kind | None) -> pasted.Pasted:
    """The values in a text. Raises Declined: some of it is none, or there is nothing in it."""
    found = pasted.parse(text, kind)
    if found.faults:
        first = found.faults[0]
        named = first.message.startswith((f"{first.piece} ", f"{first.piece!r} "))
        said = first.message if named else f"{first.piece}: {first.message}"
        more = f", and {len(found.faults) - 1} more" if len(found.faults) > 1 else ""
        raise Declined(
            f"{said}{more}",
            code="list",
            status=422,
            path=f"body.text, line {first.line}, column {first.column}",
            hint=first.hint or "POST /lists/parse tells all problems of a text.",
        )
    if not found.values:
        raise Declined(
            "the list is empty",
            code="list",
            status=422,
            path="body.text",
            hint="Write TQQQ, SOXL or 70:85:1.",
        )
    return found


def shown(found: Kept) -> ValueList:
    """A list as the service shows it."""
    return ValueList.model_validate(found, from_attributes=True)
