"""The log of acts, to look at. There is no route that changes it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from treefolio.jobs.acts import Act
from treefolio.service.audit.models import ActDone, Acts
from treefolio.service.callers import Asking
from treefolio.service.house import House

_MOST = 500


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["audit"])

    @routes.get("/audit", response_model=Acts)
    def listed(
        caller: Asking,
        act: Annotated[Act | None, Query(description="Such acts alone.")] = None,
        before: Annotated[int | None, Query(ge=1, lt=2**63, description="Older than this one.")] = None,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    ) -> Acts:
        """Sensitive acts, the latest first: one's own; those of all users for an administrator."""
        who = None if caller.administrator else caller.user
        rows = house.audit.page(who, act=act, before=before, limit=limit)
        shown = [ActDone(**{**{key: row._mapping[key] for key in _SHOWN}, "user": row.who}) for row in rows]
        return Acts(acts=shown, before=shown[-1].id if len(shown) == limit else None)

    return routes


_SHOWN = ("id", "at", "name", "act", "what", "address", "request_id")
