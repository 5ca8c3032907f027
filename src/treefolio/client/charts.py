"""What charts of a sweep are drawn from, also while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from treefolio.client.transport import Transport, asked
from treefolio.service.charts.models import HeatMap, Histogram, How, Marginals, Pareto, Summary


class Charts:
    """Rows of a sweep taken together. ``where`` is a condition as `Client.rows` takes it."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def heat_map(
        self,
        job: UUID,
        x: str,
        y: str,
        metric: str = "sharpe",
        *,
        how: How = "best",
        where: str | None = None,
    ) -> HeatMap:
        """Two variables, and a metric in each cell of their values."""
        query = asked(x=x, y=y, metric=metric, how=how, where=where)
        return self.transport.get(HeatMap, _path(job, "heatmap"), query)

    def marginals(
        self, job: UUID, metric: str = "sharpe", *, variables: Sequence[str] = (), where: str | None = None
    ) -> Marginals:
        """What each variable does to a metric, all others together; all variables when none is named."""
        query = asked(metric=metric, variables=variables, where=where)
        return self.transport.get(Marginals, _path(job, "marginals"), query)

    def histogram(
        self, job: UUID, metric: str = "sharpe", *, bins: int | None = None, where: str | None = None
    ) -> Histogram:
        """How a metric is spread."""
        query = asked(metric=metric, bins=bins, where=where)
        return self.transport.get(Histogram, _path(job, "histogram"), query)

    def pareto(self, job: UUID, metrics: Sequence[str] = (), *, where: str | None = None) -> Pareto:
        """The rows that no other beats in two or three metrics; in return and drawdown when none is named."""
        return self.transport.get(Pareto, _path(job, "pareto"), asked(metrics=metrics, where=where))

    def summary(self, job: UUID, metrics: Sequence[str] = (), *, where: str | None = None) -> Summary:
        """How many rows are well, and how these metrics are spread."""
        return self.transport.get(Summary, _path(job, "summary"), asked(metrics=metrics, where=where))


def _path(job: UUID, chart: str) -> str:
    return f"/jobs/{job}/charts/{chart}"
