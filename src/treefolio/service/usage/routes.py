"""How much of each limit is used."""

from __future__ import annotations

from fastapi import APIRouter

from treefolio.service.callers import Owner
from treefolio.service.house import House
from treefolio.service.usage.models import Usage, Used


def router(house: House) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["usage"])
    store = house.store

    @routes.get("/usage", response_model=Usage)
    def usage(owner: Owner) -> Usage:
        """What you have of each limit, and may have."""
        found = store.usage(owner)
        return Usage(**{limit.value: Used(used=each.used, most=each.most) for limit, each in found.items()})

    return routes
