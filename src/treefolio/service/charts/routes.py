"""The routes of charts: each says in its body and in a header which rows it is made of."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from treefolio.service.callers import Owner
from treefolio.service.charts import histogram, models, summary
from treefolio.service.charts import marginals as by_variable
from treefolio.service.charts import pareto as fronts
from treefolio.service.charts.heatmap import MOST_CELLS, heat_map
from treefolio.service.house import House, Responses
from treefolio.service.models import Problem
from treefolio.service.problems import Declined
from treefolio.service.routes.jobs import MISSING
from treefolio.service.routes.rows import NO_ROWS, ROWS, Where

LONGEST = 1_000_000
"""Bytes of an answer."""
_MOST_VARIABLES, _MOST_METRICS = 50, 10
_REFUSED: Responses = {
    **MISSING,
    **NO_ROWS,
    422: {
        "model": Problem,
        "description": "No such variable or metric, no condition, or too much to be drawn.",
    },
}
Metric = Annotated[str, Query(max_length=100, description="A metric of the rows, or `dsr`, `plateau`.")]
Variable = Annotated[str, Query(max_length=1_000, description="A variable of the sweep.")]


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["charts"], prefix="/jobs/{job}/charts")
    _of_variables(routes, house)
    _of_metrics(routes, house)
    return routes


def _of_variables(routes: APIRouter, house: House) -> None:
    shelf = house.shelf

    @routes.get(
        "/heatmap",
        response_model=models.HeatMap,
        responses=_REFUSED,
        description=f"Two variables, and a metric in each of at most {MOST_CELLS:,} cells of their values.",
    )
    def heatmap(
        job: UUID,
        owner: Owner,
        x: Variable,
        y: Variable,
        metric: Metric = "sharpe",
        how: Annotated[models.How, Query(description="What a cell shows of its rows.")] = "best",
        where: Where = None,
    ) -> Response:
        return _answer(heat_map(shelf.table(owner, job), x=x, y=y, metric=metric, how=how, where=where))

    @routes.get("/marginals", response_model=models.Marginals, responses=_REFUSED)
    def marginals(
        job: UUID,
        owner: Owner,
        metric: Metric = "sharpe",
        variables: Annotated[
            list[str] | None, Query(max_length=_MOST_VARIABLES, description="Those to show [all].")
        ] = None,
        where: Where = None,
    ) -> Response:
        """Each variable by itself: for each of its values, what the metric comes to over all rows with it."""
        table = shelf.table(owner, job)
        return _answer(by_variable.marginals(table, metric=metric, variables=variables or (), where=where))


def _of_metrics(routes: APIRouter, house: House) -> None:
    shelf = house.shelf

    @routes.get("/histogram", response_model=models.Histogram, responses=_REFUSED)
    def spread(
        job: UUID,
        owner: Owner,
        metric: Metric = "sharpe",
        bins: Annotated[
            int | None,
            Query(ge=1, le=histogram.MOST_BINS, description="How many [as Freedman and Diaconis say]."),
        ] = None,
        where: Where = None,
    ) -> Response:
        """How a metric is spread over the rows."""
        table = shelf.table(owner, job)
        return _answer(histogram.histogram(table, metric=metric, bins=bins, where=where))

    @routes.get("/pareto", response_model=models.Pareto, responses=_REFUSED)
    def front(
        job: UUID,
        owner: Owner,
        metrics: Annotated[
            list[str] | None,
            Query(max_length=fronts.MOST, description="Two or three [annualized_return, max_drawdown]."),
        ] = None,
        where: Where = None,
    ) -> Response:
        """The rows that no other row beats in two or three metrics at once."""
        table = shelf.table(owner, job)
        return _answer(fronts.pareto(table, metrics=metrics or fronts.USUAL, where=where))

    @routes.get("/summary", response_model=models.Summary, responses=_REFUSED)
    def counts(
        job: UUID,
        owner: Owner,
        metrics: Annotated[
            list[str] | None, Query(max_length=_MOST_METRICS, description="Those to describe [none].")
        ] = None,
        where: Where = None,
    ) -> Response:
        """How many rows are ok, failed and skipped, and the quartiles of some metrics."""
        return _answer(summary.summary(shelf.table(owner, job), metrics=metrics or (), where=where))


def _answer(chart: models.Chart) -> Response:
    """The chart, labelled. Raises Declined when it is too long."""
    body = chart.model_dump_json().encode()
    if len(body) > LONGEST:
        raise Declined(
            f"the answer would be longer than {LONGEST:,} bytes",
            code="too_large",
            status=422,
            hint="Show a part of it with `where`.",
        )
    return Response(body, media_type="application/json", headers={ROWS: chart.label})
