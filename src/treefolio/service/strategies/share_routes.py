"""Links by which others may read a strategy: make, list, revoke; and what a link shows, without a login."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Response

from treefolio.jobs.acts import Act
from treefolio.service.callers import Owner
from treefolio.service.house import House, Responses
from treefolio.service.models import API, Problem
from treefolio.service.strategies.models import MadeShare, NewShare, Share, SharedStrategy, Shares
from treefolio.service.strategies.sharing import ShareStore
from treefolio.service.strategies.version_routes import whole
from treefolio.service.whence import From

NO_LINK: Responses = {404: {"model": Problem, "description": "There is no such strategy, version or link."}}


def add(routes: APIRouter, house: House) -> None:
    """Adds the routes."""
    store = ShareStore(house.store.engine)

    @routes.post(
        "/strategies/{strategy}/shares",
        status_code=201,
        response_model=MadeShare,
        responses=NO_LINK,
        name="share",
    )
    def share(strategy: UUID, body: Annotated[NewShare, Body()], owner: Owner, whence: From) -> MadeShare:
        """Makes a link that shows the strategy to whoever has it. Its secret is said this once."""
        made, secret = store.make(owner, strategy, version=body.version, expires_at=body.expires_at)
        house.audit.note(
            None, Act.SHARE_MADE, whence, what={"strategy": str(strategy), "share": str(made.id)}
        )
        shown = Share.model_validate(made, from_attributes=True)
        return MadeShare(**shown.model_dump(), secret=secret, path=f"{API}/shared/{secret}")

    @routes.get("/strategies/{strategy}/shares", response_model=Shares, responses=NO_LINK, name="shares")
    def shares(strategy: UUID, owner: Owner) -> Shares:
        """The links to a strategy, also those that show nothing any more."""
        found = store.list(owner, strategy)
        return Shares(shares=[Share.model_validate(each, from_attributes=True) for each in found])

    @routes.delete(
        "/strategies/{strategy}/shares/{share}", status_code=204, responses=NO_LINK, name="revoke_share"
    )
    def revoke(strategy: UUID, share: UUID, owner: Owner, whence: From) -> Response:
        """Has a link show nothing from now on."""
        store.revoke(owner, strategy, share)
        house.audit.note(
            None, Act.SHARE_REVOKED, whence, what={"strategy": str(strategy), "share": str(share)}
        )
        return Response(status_code=204)

    @routes.get("/shared/{secret}", response_model=SharedStrategy, responses=NO_LINK, name="shared")
    def shared(secret: Annotated[str, Path(max_length=200)]) -> SharedStrategy:
        """What a link shows: name, text, notes of the import. It needs no login."""
        found = store.read(secret)
        return SharedStrategy(
            name=found.name,
            imported_at=found.imported_at,
            out_of_sample_from=found.out_of_sample_from,
            version=whole(found.whole),
        )
