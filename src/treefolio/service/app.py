"""The application: routes under ``/api/v1``, one shape of errors, the door before them.

* `routes`      what can be asked of jobs, their rows, files and events, and of the service itself
* `accounts`, `audit`, `charts`, `discord`, `keys`, `lists`, `schedules`, `strategies`, `usage`
                one noun each: its shapes, its routes, and its rows where it has some
* `door`        what every request passes: an id, who it comes from, how long it may be
* `problems`    what is answered when something is wrong
* `models`, `submission`  the shapes of answers, and of what is asked
* `shelf`, `table`        rows of jobs on disk, and pages of them
* `news`        what happens to a job, as it happens
* `supervisor`  keeps this process, workers and the database alive under ``treefolio serve``

Everything that must survive is in the database: this process can be killed at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from treefolio.jobs.keyring import Keyring
from treefolio.jobs.ledger.store import CHANNEL, Store
from treefolio.jobs.vault import Vault
from treefolio.service import front, problems
from treefolio.service.accounts import page
from treefolio.service.accounts import routes as accounts
from treefolio.service.accounts.cookie import Cookie
from treefolio.service.accounts.description import describe
from treefolio.service.accounts.keeper import AccountsKeeper
from treefolio.service.accounts.store import accounts_of
from treefolio.service.address import address_of
from treefolio.service.audit import routes as audit
from treefolio.service.audit.store import Audit
from treefolio.service.bell import Bell
from treefolio.service.charts import routes as charts
from treefolio.service.discord import routes as discord
from treefolio.service.discord.provider import discord_of
from treefolio.service.door import Bounds, Door
from treefolio.service.figures import Figures
from treefolio.service.house import House, Responses
from treefolio.service.keepers import HouseKeeper
from treefolio.service.keys import routes as keys
from treefolio.service.limits import Limits, counting
from treefolio.service.lists import routes as lists
from treefolio.service.models import API, Problem
from treefolio.service.routes import events, files, jobs, rows, snapshots, state
from treefolio.service.schedules import routes as schedules
from treefolio.service.settings import MEGABYTE, ServiceSettings, proxies_of
from treefolio.service.shelf import Shelf
from treefolio.service.strategies import routes as strategies
from treefolio.service.usage import routes as usage

_ANY: Responses = {
    400: {"model": Problem, "description": "What was sent cannot be read."},
    401: {"model": Problem, "description": "Nobody is logged in."},
    403: {"model": Problem, "description": "It does not come from where it may."},
    408: {"model": Problem, "description": "What was sent came too slowly."},
    422: {"model": Problem, "description": "What was sent has no meaning."},
    429: {"model": Problem, "description": "Too often; `Retry-After` says when to ask again."},
    503: {
        "model": Problem,
        "description": "The database is away, or much is being sent; `Retry-After` says when to ask again.",
    },
}


_STRANGERS = 64_000
"""Bytes of a body, of who is not logged in: a name and a password."""
_AT_ONCE = 4
"""Bodies as long as may be that are in memory together."""


def application(store: Store, dsn: str, folder: Path, settings: ServiceSettings) -> ASGIApp:
    """The service.

    Args:
        dsn: of the same database as the store's, as libpq takes it.
        folder: for what can be made again: rows of jobs, files that come and go.
    """
    passing = folder / "passing"
    shutil.rmtree(passing, ignore_errors=True)
    passing.mkdir(parents=True)
    house = House(
        store=store,
        shelf=Shelf(folder / "rows", store, settings.rows_megabytes * MEGABYTE),
        bell=Bell(dsn, CHANNEL),
        settings=settings,
        folder=passing,
        address=address_of(settings.public_url),
        accounts=accounts_of(store, settings) if settings.users else None,
        vault=Vault(store.engine, Keyring(store.settings)),
        audit=Audit(store.engine),
        limits=Limits(settings.rates),
    )
    figures = Figures(store)
    bounds = Bounds(
        json=settings.request_megabytes * MEGABYTE,
        strangers=_STRANGERS,
        together=_AT_ONCE * settings.request_megabytes * MEGABYTE,
        files=settings.upload_megabytes * MEGABYTE,
        files_at=f"{API}/snapshots/",
        seconds=settings.body_seconds,
    )
    keeper = HouseKeeper() if house.accounts is None else AccountsKeeper(house.accounts, house.address)
    return Door(api(house, figures), bounds=bounds, keeper=keeper, seen=figures.seen)


def api(house: House, figures: Figures) -> FastAPI:
    """The routes, without the door."""

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        del app
        listening = asyncio.create_task(house.bell.listen())
        try:
            yield
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    count = counting(house.limits, proxies_of(house.settings.trusted_proxies))
    app = FastAPI(
        title="Treefolio",
        version=version("treefolio"),
        summary="Backtests and sweeps as jobs: submit, walk away, come back.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
        responses=_ANY,
        dependencies=[Depends(count, scope="function")],  # it is over before the answer is sent
        generate_unique_id_function=_name,
    )
    problems.install(app)
    for router in (
        state.router(house, figures),
        snapshots.router(house),
        jobs.router(house),
        rows.router(house),
        charts.router(house),
        files.router(house),
        events.router(house),
        schedules.router(house),
        usage.router(house),
        discord.router(house),
        keys.router(house),
        audit.router(house),
        accounts.router(house),
        strategies.router(house),
        lists.router(house),
    ):
        app.include_router(router, prefix=API)
    if house.accounts is None:
        app.include_router(front.router(house.address))
    else:
        app.include_router(page.router(discord=discord_of(house.settings) is not None))
        describe(app, Cookie(secure=house.address.secure))
    return app


def _name(route: APIRoute) -> str:
    """Of an operation, as generated clients call it."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name
