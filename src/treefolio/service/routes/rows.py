"""Rows of a sweep, while it runs and after: pages of them, exports, and any of them as a run of its own."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Annotated, Literal
from uuid import UUID

import polars as pl
from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from treefolio.jobs import requests
from treefolio.jobs.ledger.errands import Order
from treefolio.jobs.states import State
from treefolio.metrics import METRICS
from treefolio.service import table
from treefolio.service.callers import Owner
from treefolio.service.house import House, Responses
from treefolio.service.models import API, Column, Job, Problem, Rows
from treefolio.service.problems import not_found
from treefolio.service.routes.jobs import MISSING, shown
from treefolio.sweep.files import write_parquet
from treefolio.sweep.spreadsheet import safe

ROWS = "X-Treefolio-Rows"
"""The header that says whether the rows are all of them."""
_SLICE = 5_000
"""Rows of an export that are written at once."""
_PIECE = 1 << 20
_TYPES: dict[type[pl.DataType], Literal["date", "integer", "number", "text"]] = {
    pl.Date: "date",
    pl.Int64: "integer",
    pl.Float64: "number",
    pl.String: "text",
}
NO_ROWS: Responses = {
    409: {"model": Problem, "description": "The job has no rows: it is a run, or it has failed."}
}
CONDITION: Responses = {
    422: {"model": Problem, "description": "An unknown column, or a condition that cannot be read."}
}

Where = Annotated[
    str | None,
    Query(
        max_length=table.LONGEST_CONDITION,
        description="Such as `max_drawdown < 0.3 and sharpe > 1`.",
    ),
]


def wanted(
    sort: Annotated[
        list[str] | None,
        Query(
            max_length=10, description="Columns; a metric's better end comes first, a minus turns it around."
        ),
    ] = None,
    where: Where = None,
    columns: Annotated[list[str] | None, Query(max_length=300, description="Those to show [all].")] = None,
) -> table.Wanted:
    """Which rows are asked for, and of them what."""
    return table.Wanted(sort=tuple(sort or ()), where=where, columns=tuple(columns or ()))


Wanted = Annotated[table.Wanted, Depends(wanted)]


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["rows"])
    _pages(routes, house)
    _exports(routes, house)
    _opening(routes, house)
    return routes


def _pages(routes: APIRouter, house: House) -> None:
    shelf = house.shelf

    @routes.get("/jobs/{job}/rows", response_model=Rows, responses={**MISSING, **NO_ROWS, **CONDITION})
    def rows(
        job: UUID,
        owner: Owner,
        wanted: Wanted,
        limit: Annotated[int, Query(ge=1, le=table.MOST_ROWS)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> Response:
        """A page of the rows that there are by now, filtered and sorted; its label says how many."""
        there = shelf.table(owner, job)
        found = table.find(there.rows, there.numbers, wanted, offset=offset, limit=limit)
        page = Rows(
            label=there.label,
            complete=there.complete,
            rows_done=there.rows.height,
            rows_total=there.total,
            matching=found.matching,
            offset=offset,
            columns=[_column(name, kind) for name, kind in found.rows.schema.items()],
            numbers=list(found.numbers),
            rows=table.plain_rows(found.rows),
        )
        headers = {ROWS: page.label}
        return Response(page.model_dump_json(), media_type="application/json", headers=headers)


def _exports(routes: APIRouter, house: House) -> None:
    store, shelf = house.store, house.shelf

    @routes.get(
        "/jobs/{job}/rows.{suffix}",
        response_class=StreamingResponse,
        responses={
            **MISSING,
            **NO_ROWS,
            **CONDITION,
            200: {"content": {"text/csv": {}, "application/vnd.apache.parquet": {}}},
        },
    )
    def export(
        job: UUID, owner: Owner, wanted: Wanted, suffix: Annotated[Literal["csv", "parquet"], Path()]
    ) -> Response:
        """All rows that there are by now, as a file whose name says when they are not all of them.

        CSV is safe to open in a spreadsheet: text that would be a formula is made inert.
        """
        there = shelf.table(owner, job)
        frame = table.selected(there.rows, wanted)
        name = table.file_name(
            store.get(owner, job).name, suffix, there.rows.height, there.total, complete=there.complete
        )
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            ROWS: there.label,
        }
        if suffix == "csv":
            return StreamingResponse(_csv(frame), media_type="text/csv; charset=utf-8", headers=headers)
        return StreamingResponse(
            _parquet(frame, house.folder), media_type="application/vnd.apache.parquet", headers=headers
        )


def _opening(routes: APIRouter, house: House) -> None:
    store, shelf = house.store, house.shelf

    @routes.post(
        "/jobs/{job}/rows/{number}/run",
        status_code=201,
        response_model=Job,
        responses={**MISSING, **NO_ROWS},
    )
    def open_row(
        job: UUID, number: Annotated[int, Path(ge=0, lt=2**53)], owner: Owner, response: Response
    ) -> Job:
        """Submits the row as a run, with its curve, holdings and trades.

        Again gives the same job, unless that failed or was cancelled.
        """
        found = store.get(owner, job)
        there = shelf.table(owner, job)
        place = there.numbers.index_of(number) if there.rows.height else None
        if place is None:
            raise not_found("row", number, "The column `numbers` of a page says which there are.")
        start = there.rows["start"][place]
        made = run_of_row(store.order(owner, job), number, start)
        name = f"{found.name}, row {number}"
        key = f"row:{job}:{number}"
        submitted = store.submit(owner, made, key=key, name=name)
        if submitted.state in (State.FAILED, State.CANCELLED):
            store.remove(owner, submitted.id)
            submitted = store.submit(owner, made, key=key, name=name)
        response.headers["Location"] = f"{API}/jobs/{submitted.id}"
        return shown(submitted)


def run_of_row(order: Order, number: int, start: dt.date) -> requests.RunRequest:
    """The run that a row of a sweep is: its combination, on its prices, from the start that all rows have.

    Out of sample begins on the day of the sweep: who chooses a row has seen how it did before.
    """
    sweep = requests.from_json(order.request)
    assert isinstance(sweep, requests.SweepRequest)  # a run has no rows
    assert order.snapshot is not None  # what has rows has prices
    return requests.RunRequest(
        strategy=sweep.strategy,
        asked=replace(sweep.asked.on(order.snapshot), start=start),
        values={**sweep.fix, **requests.opened_space(sweep).assignment(number)},
        out_of_sample_from=order.at.date(),
    )


def _column(name: str, kind: pl.DataType) -> Column:
    metric = METRICS.get(name)
    return Column(
        name=name,
        type=_TYPES[type(kind)],
        unit=None if metric is None else metric.unit,
        better=None if metric is None else metric.better or None,
    )


def _csv(frame: pl.DataFrame) -> Iterator[str]:
    """The table, some rows at a time; the names of the columns stand before them once."""
    for first in range(0, max(1, frame.height), _SLICE):
        yield safe(frame.slice(first, _SLICE)).write_csv(include_header=first == 0)


def _parquet(frame: pl.DataFrame, folder: FilePath) -> Iterator[bytes]:
    """The table as Parquet, some bytes at a time."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="export-") as own:
        path = FilePath(own) / "rows.parquet"
        write_parquet(frame, path)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
