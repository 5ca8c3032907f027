"""Charts over HTTP, against a service that runs: while a sweep runs and after, and what is refused."""

from __future__ import annotations

import json
from datetime import date
from uuid import UUID

import httpx
import pytest

from service_samples import wait_for
from treefolio.client import Client
from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.jobs.states import Event, State
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel

API = "/api/v1"
TREE = (
    "name: Charted\nvariables: {hot: 70, window: 10}\n"
    "tree: {if: 'rsi(TQQQ, $window) > $hot', then: BIL, else: TQQQ}\n"
)
CHARTS = ("heatmap?x=hot&y=window", "marginals", "histogram", "pareto", "summary?metrics=sharpe")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(
        seed=4, start=date(2014, 1, 2), end=date(2016, 12, 30), tickers=["BIL", "SPY", "TQQQ"]
    )


def sweep(panel: Panel, **vary: str) -> SweepRequest:
    return SweepRequest(
        strategy=TREE, asked=Asked(snapshot=panel.content_hash, start=date(2014, 3, 3)), vary=vary
    )


@pytest.fixture(scope="module")
def done(client: Client, panel: Panel) -> UUID:
    """A sweep that is done."""
    job = client.submit(sweep(panel, hot="60:80:5", window="5:8:1"), panel)
    for progress in client.watch(job.id):
        job = progress.job
    assert job.state == State.DONE, job.reason
    return job.id


def test_charts_say_what_the_rows_say(client: Client, done: UUID) -> None:
    """The best cell is the best row, whose number opens it; counts add up to the rows."""
    best = client.rows(done, sort=["sharpe"], columns=["hot", "window", "sharpe"], limit=1)
    (hot, window, sharpe), number = best.rows[0], best.numbers[0]
    found = client.charts.heat_map(done, "hot", "window")
    assert (found.x.values, found.y.values) == ([60, 65, 70, 75, 80], [5, 6, 7, 8])
    place = found.y.values.index(window), found.x.values.index(hot)
    assert found.numbers[place[0]][place[1]] == number
    assert found.values[place[0]][place[1]] == pytest.approx(sharpe, rel=1e-8)
    marginals = client.charts.marginals(done, variables=["window"])
    assert [each.count for each in marginals.variables] == [[5, 5, 5, 5]]
    assert sum(client.charts.histogram(done, "max_drawdown", bins=7).counts) == 20
    front = client.charts.pareto(done, ["sharpe", "max_drawdown"])
    assert number == front.numbers[0]
    assert client.charts.summary(done, ["sharpe"]).metrics["sharpe"].best == sharpe
    assert client.charts.summary(done, where="hot > 70").status == {"ok": 8, "failed": 0, "skipped": 0}


@pytest.mark.parametrize("chart", CHARTS)
def test_charts_are_labelled(raw: httpx.Client, done: UUID, chart: str) -> None:
    """In the body and in a header."""
    answer = raw.get(f"/jobs/{done}/charts/{chart}")
    said = answer.json()
    assert answer.status_code == 200, said
    assert answer.headers["X-Treefolio-Rows"] == said["label"] == "final"
    assert (said["complete"], said["rows_done"], said["rows_total"], said["matching"]) == (True, 20, 20, 20)


@pytest.mark.parametrize(
    ("chart", "path", "code"),
    [
        ("heatmap?x=hott&y=window", "x", "misuse"),
        ("heatmap?x=hot&y=sharpe", "y", "misuse"),
        ("heatmap?x=hot&y=hot", "y", "misuse"),
        ("heatmap?x=hot&y=window&metric=window", "metric", "misuse"),
        ("heatmap?x=hot&y=window&how=first", "query.how", "invalid"),
        ("heatmap?x=hot", "query.y", "invalid"),
        ("heatmap?x=hot&y=window&where=abs(hot) > 1", "where", "misuse"),
        ("marginals?variables=start", "variables", "misuse"),
        ("marginals?metric=status", "metric", "misuse"),
        ("histogram?bins=0", "query.bins", "invalid"),
        ("histogram?bins=201", "query.bins", "invalid"),
        ("pareto?metrics=sharpe", "metrics", "misuse"),
        ("pareto?metrics=sharpe&metrics=sharpe", "metrics", "misuse"),
        ("pareto?metrics=sharpe&metrics=beta", "metrics", "misuse"),
        ("summary?metrics=dsr", "metrics", "misuse"),
        ("summary?metrics=" + "&metrics=".join(["sharpe"] * 11), "query.metrics", "invalid"),
    ],
)
def test_what_is_no_chart(raw: httpx.Client, done: UUID, chart: str, path: str, code: str) -> None:
    """Is refused, with the place."""
    answer = raw.get(f"/jobs/{done}/charts/{chart}")
    said = answer.json()
    assert (answer.status_code, said["code"], said["path"]) == (422, code, path), said
    assert said["hint"]


def test_no_such_job(raw: httpx.Client) -> None:
    """Has no chart."""
    nobody = "0b2f6b52-6f2d-4a6f-9a38-6d5b1c7f2e11"
    assert {raw.get(f"/jobs/{nobody}/charts/{chart}").status_code for chart in CHARTS} == {404}


def test_charts_of_a_sweep_that_runs(raw: httpx.Client, client: Client, panel: Panel) -> None:
    """They are of the rows so far, and say so; a map of too many cells says how to get a part of it."""
    job = client.submit(sweep(panel, hot="1:99:0.1", window="5:64:1"), panel).id
    wait_for(lambda: client.job(job).rows_done, "the first rows")
    client.tell(job, Event.PAUSE)
    wait_for(lambda: client.job(job).state == State.PAUSED, "the pause")
    there = client.job(job)
    label = f"partial {there.rows_done:,}/{there.rows_total:,}"
    for chart in CHARTS[1:]:
        answer = raw.get(f"/jobs/{job}/charts/{chart}")
        assert (answer.status_code, answer.headers.get("X-Treefolio-Rows")) == (200, label), answer.text
        assert (answer.json()["label"], answer.json()["complete"]) == (label, False)
    part = client.charts.heat_map(job, "hot", "window", how="count", where="hot < 20")
    assert sum(int(value) for line in part.values for value in line if value is not None) == part.matching
    assert raw.get(f"/jobs/{job}/rows?limit=1").headers["X-Treefolio-Rows"] == label
    client.tell(job, Event.CANCEL)


def test_the_description_has_an_example_of_each(raw: httpx.Client) -> None:
    """Which is one: the shape takes it."""
    shapes = raw.get("/openapi.json").json()["components"]["schemas"]
    for name in ("HeatMap", "Marginals", "Histogram", "Pareto", "Summary"):
        example = shapes[name]["example"]
        assert set(example) == set(shapes[name]["properties"])
        assert json.dumps(example)
