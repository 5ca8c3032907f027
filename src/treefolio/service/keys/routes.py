"""Keys of a user: list, set, remove. In person alone, never with a token; no route shows one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Response

from treefolio.jobs.acts import Act
from treefolio.jobs.ledger.database import writing
from treefolio.jobs.vault import KINDS, AlpacaKeys, MassiveKey
from treefolio.service.callers import InPerson
from treefolio.service.house import House, Responses
from treefolio.service.keys.models import KeptKey, KeptKeys
from treefolio.service.models import Problem
from treefolio.service.problems import Declined, not_found
from treefolio.service.whence import From

Kind = Literal["alpaca", "massive"]
_EXAMPLES: dict[str, Any] = {
    "alpaca": {
        "summary": "Alpaca, a paper account",
        "value": {
            "key_id": "PK0123456789ABCDWXYZ",
            "secret": "0123456789abcdef0123456789abcdef",
            "live": False,
        },
    },
    "massive": {"summary": "Massive", "value": {"key": "0123456789abcdef0123456789abcdef"}},
}
_MISSING: Responses = {404: {"model": Problem, "description": "There is no such key."}}


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["keys"])
    vault, audit = house.vault, house.audit

    @routes.get("/keys", response_model=KeptKeys)
    def listed(caller: InPerson) -> KeptKeys:
        """Which keys there are, and when they were set."""
        return KeptKeys(keys=[_shown(each) for each in vault.listed(caller.user)])

    @routes.put("/keys/{kind}", response_model=KeptKey)
    def put(
        kind: Kind,
        body: Annotated[AlpacaKeys | MassiveKey, Body(openapi_examples=_EXAMPLES)],
        caller: InPerson,
        whence: From,
    ) -> KeptKey:
        """Keeps keys, encrypted, in place of those of the same kind."""
        if not isinstance(body, KINDS[kind]):
            raise Declined(
                f"these are no keys of {kind}",
                code="invalid",
                status=422,
                path="body",
                hint=f"It takes {', '.join(KINDS[kind].model_fields)}.",
            )
        with writing(house.store.engine) as connection:
            shown = vault.put(connection, caller.user, body)
            audit.note(connection, Act.KEY_SET, whence, what={"kind": kind, "live": shown.live})
        return _shown(shown)

    @routes.delete("/keys/{kind}", status_code=204, response_class=Response, responses=_MISSING)
    def remove(kind: Kind, caller: InPerson, whence: From) -> Response:
        """Forgets keys."""
        with writing(house.store.engine) as connection:
            if not vault.remove(connection, caller.user, kind):
                raise not_found("key", kind, "GET /api/v1/keys lists those that there are.")
            audit.note(connection, Act.KEY_REMOVED, whence, what={"kind": kind})
        return Response(status_code=204)

    return routes


def _shown(each: object) -> KeptKey:
    return KeptKey.model_validate(each, from_attributes=True)
