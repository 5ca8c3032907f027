"""Prices for jobs: uploaded once, under the hash of their content. No file of a client is ever opened."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from treefolio.service.callers import Owner
from treefolio.service.house import House, Responses
from treefolio.service.models import Problem, Snapshot
from treefolio.service.problems import not_found
from treefolio.service.uploads import checked, receive

Hash = Annotated[
    str,
    InPath(pattern="^[0-9a-f]{64}$", description="SHA-256 of the content, as `data snapshot list` shows."),
]
_REFUSALS: Responses = {
    403: {"model": Problem, "description": "There is no room for more prices."},
    413: {"model": Problem, "description": "It is too large."},
    422: {"model": Problem, "description": "It is no snapshot, or another one than its name says."},
}


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["snapshots"])
    store = house.store
    one = CapacityLimiter(1)  # each is in memory as a whole, twice while it is stored

    @routes.head("/snapshots/{hash}", responses={404: {"description": "It is not here."}})
    def has(hash: Hash, owner: Owner) -> Response:  # noqa: A002 - the word of the route
        """Answers 200 when the service has these prices from whoever asks."""
        if not store.has_snapshot(owner, hash):
            raise not_found("snapshot", hash, "Upload it.")
        return Response()

    @routes.put(
        "/snapshots/{hash}",
        response_model=Snapshot,
        responses=_REFUSALS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def put(hash: Hash, owner: Owner, request: Request) -> Snapshot:  # noqa: A002 - the word of the route
        """Takes prices in: the file that `treefolio data snapshot export` writes."""
        with tempfile.TemporaryDirectory(dir=house.folder, prefix="upload-") as folder:
            path = Path(folder) / "snapshot.npz"
            await receive(request.stream(), path)
            await run_sync(_take, owner, path, hash, limiter=one)
        return Snapshot(hash=hash)

    def _take(owner: str, path: Path, name: str) -> None:
        checked(path, name)
        store.put_snapshot(owner, name, path.read_bytes())

    return routes
