"""Is it well: health, readiness, workers, and figures for Prometheus."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Depends, Response

from treefolio.service.callers import administrator
from treefolio.service.figures import Figures
from treefolio.service.house import House, Responses
from treefolio.service.models import Health, Problem, Worker, Workers
from treefolio.service.problems import Declined

_AWAY: Responses = {503: {"model": Problem, "description": "Not now; `Retry-After` says when to ask again."}}

_MANAGE = (Depends(administrator),)
"""They say something of all users' jobs."""


def router(house: House, figures: Figures) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["state"])
    store = house.store

    @routes.get("/health", response_model=Health, responses=_AWAY)
    def health() -> Health:
        """Answers 200 when jobs can be taken: the database answers, and has this version's tables."""
        if not store.ready():
            raise Declined(
                "the database does not answer, or has the tables of another version",
                code="database_away",
                status=503,
                hint="Ask again in a moment; `treefolio doctor` says more.",
                retry_after=1,
            )
        alive = sum(worker.alive for worker in store.workers())
        return Health(status="ok", version=version("treefolio"), workers=alive, waiting=store.depth())

    @routes.get("/ready", response_model=Health, responses=_AWAY)
    def ready() -> Health:
        """Answers 200 when jobs can be taken and there is a worker for them."""
        found = health()
        if not found.workers:
            raise Declined(
                "no worker gives a sign of life",
                code="no_worker",
                status=503,
                hint="`treefolio worker` starts one.",
                retry_after=1,
            )
        return found

    @routes.get("/workers", response_model=Workers, dependencies=_MANAGE)
    def workers() -> Workers:
        """The workers, with what each has now and its last sign of life."""
        return Workers(
            workers=[Worker.model_validate(each, from_attributes=True) for each in store.workers()]
        )

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
        dependencies=_MANAGE,
    )
    def metrics() -> Response:
        """Figures in the form that Prometheus reads."""
        return Response(figures.text(), media_type=figures.media_type)

    return routes
