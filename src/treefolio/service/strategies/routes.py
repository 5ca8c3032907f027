"""Strategies: import, list, look at, rename, remove; and what a text holds before it is kept."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Query, Response

from treefolio.jobs.acts import Act
from treefolio.service.callers import Owner
from treefolio.service.house import House, Responses
from treefolio.service.models import API, Problem
from treefolio.service.routes.jobs import Key
from treefolio.service.strategies import records, share_routes, version_routes
from treefolio.service.strategies.models import (
    Changes,
    Folder,
    Given,
    Imported,
    NewStrategy,
    Strategies,
    Strategy,
    Tag,
    Validation,
)
from treefolio.service.strategies.reading import content_of, validated
from treefolio.service.strategies.store import StrategyStore, Wanted
from treefolio.service.strategies.version_routes import FULL, NO_VERSION, imported
from treefolio.service.whence import From

_USED: Responses = {
    409: {"model": Problem, "description": "The key was used for another strategy, or the name is taken."}
}
_TAKEN: Responses = {409: {"model": Problem, "description": "There is a strategy of this name already."}}
_SORT = Literal["name", "-name", "folder", "-folder", "imported", "-imported", "changed", "-changed"]
_MOST = 500


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["strategies"])
    store = StrategyStore(house.store.engine, house.store.settings)
    _importing(routes, store)
    _listing(routes, store)
    _one(routes, house, store)
    version_routes.add(routes, store)
    share_routes.add(routes, house)
    return routes


def _importing(routes: APIRouter, store: StrategyStore) -> None:
    @routes.post(
        "/strategies",
        status_code=201,
        response_model=Imported,
        responses={
            **_USED,
            **FULL,
            200: {"model": Imported, "description": "It was sent before, with this key."},
        },
        name="add",
    )
    def add(
        body: Annotated[NewStrategy, Body()], response: Response, owner: Owner, key: Key = None
    ) -> Imported:
        """Keeps a strategy in any format; what its import approximated or left out is said."""
        content = content_of(body.text, body.file_name)
        kept = store.add(
            owner, content, name=body.name, folder=body.folder, tags=body.tags, note=body.note, key=key
        )
        response.status_code = 201 if kept.new else 200
        response.headers["Location"] = f"{API}/strategies/{kept.strategy.id}"
        return imported(kept, content)

    @routes.post("/strategies/validate", response_model=Validation, name="validate")
    def validate(body: Annotated[Given, Body()]) -> Validation:
        """What a text holds, or all that is wrong with it, each with its place. Nothing is kept."""
        return validated(body.text, body.file_name)


def _listing(routes: APIRouter, store: StrategyStore) -> None:
    @routes.get("/strategies", response_model=Strategies, name="list")
    def listed(
        owner: Owner,
        folder: Annotated[Folder | None, Query(description="In it, and below it; empty: in none.")] = None,
        tag: Annotated[list[Tag] | None, Query(max_length=50, description="With all of these tags.")] = None,
        q: Annotated[
            str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="In the name, or a ticker.")
        ] = None,
        sort: _SORT = "-changed",
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> Strategies:
        """The strategies that are kept, a page of them."""
        wanted = Wanted(folder=folder, tags=tuple(tag or ()), search=q, sort=sort)
        found, total = store.list(owner, wanted, limit=limit, offset=offset)
        folders, tags = store.places(owner)
        return Strategies(
            strategies=[shown(each) for each in found],
            total=total,
            offset=offset,
            folders=list(folders),
            tags=list(tags),
        )


def _one(routes: APIRouter, house: House, store: StrategyStore) -> None:
    @routes.get("/strategies/{strategy}", response_model=Strategy, responses=NO_VERSION, name="get")
    def get(strategy: UUID, owner: Owner) -> Strategy:
        """A strategy with its newest version."""
        return shown(store.get(owner, strategy))

    @routes.patch(
        "/strategies/{strategy}",
        response_model=Strategy,
        responses={**NO_VERSION, **_TAKEN},
        name="change",
    )
    def change(strategy: UUID, body: Annotated[Changes, Body()], owner: Owner) -> Strategy:
        """Another name, folder or tags; its versions stay as they are."""
        changes = {name: value for name, value in body.model_dump().items() if value is not None}
        if "tags" in changes:
            changes["tags"] = list(dict.fromkeys(changes["tags"]))
        return shown(store.change(owner, strategy, changes))

    @routes.delete("/strategies/{strategy}", status_code=204, responses=NO_VERSION, name="remove")
    def remove(strategy: UUID, owner: Owner, whence: From) -> Response:
        """Removes a strategy with its versions and links. Jobs that came of it keep their own text."""
        store.remove(owner, strategy)
        house.audit.note(None, Act.STRATEGY_REMOVED, whence, what={"strategy": str(strategy)})
        return Response(status_code=204)


def shown(strategy: records.Strategy) -> Strategy:
    """A strategy as the service shows it."""
    return Strategy.model_validate(strategy, from_attributes=True)
