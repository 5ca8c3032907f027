"""The routes over HTTP, against a service that runs: answers, one shape of refusals, bounds, events."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from service_samples import Served, wait_for
from treefolio.client import Client, ServiceError
from treefolio.jobs.embedded import running_url
from treefolio.jobs.requests import Asked, RunRequest, SweepRequest, plan, run, to_json
from treefolio.jobs.states import Event, State
from treefolio.market import snapshots
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.models import Job

API = "/api/v1"
TREE = "name: =Hot or not\nvariables: {hot: 70}\ntree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\n"
SHAPE = {"code", "message", "path", "hint", "request_id"}
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(
        seed=4, start=date(2014, 1, 2), end=date(2016, 12, 30), tickers=["BIL", "SPY", "TQQQ"]
    )


@pytest.fixture(scope="module")
def sweep(panel: Panel) -> SweepRequest:
    return SweepRequest(strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "60:89:1"})


@pytest.fixture(scope="module")
def done(client: Client, sweep: SweepRequest, panel: Panel) -> Job:
    """A sweep that is done."""
    job = client.submit(sweep, panel)
    for progress in client.watch(job.id):
        job = progress.job
    assert job.state == State.DONE, job.reason
    return job


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, str]:
    """What a refusal says: it has the one shape, and its id is the header's."""
    said = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), said
    assert set(said) == SHAPE
    assert said["request_id"] == answer.headers["X-Request-ID"]
    assert said["message"]
    assert said["hint"]
    return said


def body(sweep: SweepRequest, **changed: object) -> str:
    return json.dumps(to_json(sweep) | changed)


def post(raw: httpx.Client, content: str | bytes) -> httpx.Response:
    return raw.post("/jobs", content=content, headers={"Content-Type": "application/json"})


# State.


def test_it_says_that_it_is_well(raw: httpx.Client, client: Client) -> None:
    """Health, readiness, workers, figures; and nothing of it is kept by a browser."""
    wait_for(lambda: client.health().workers == 2, "both workers")
    for path in ("/health", "/ready"):
        answer = raw.get(path)
        assert (answer.status_code, answer.json()["status"], answer.json()["workers"]) == (200, "ok", 2)
        assert answer.headers["Cache-Control"] == "no-store"
    assert [worker.alive for worker in client.workers().workers if worker.alive] == [True, True]
    figures = raw.get("/metrics").text
    assert "treefolio_database_up 1.0" in figures
    assert "treefolio_workers 2.0" in figures
    assert 'treefolio_requests_total{method="GET",route="/health",status="200"}' in figures


def test_openapi_is_complete(raw: httpx.Client) -> None:
    """Every operation says what it does, and what a refusal looks like; bodies have examples."""
    page = raw.get("/openapi.json").json()
    operations = [each for path in page["paths"].values() for each in path.values()]
    assert len(operations) >= 18
    assert len({each["operationId"] for each in operations}) == len(operations)
    for each in operations:
        assert each.get("description"), each["operationId"]
        assert each["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
    submit = page["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert set(submit["examples"]) == {"sweep", "run", "walkforward", "warm"}


# Who may come in, and with how much.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:80"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Host": "localhost:9999"}, 200),
    ],
)
def test_other_sites_are_kept_out(raw: httpx.Client, headers: dict[str, str], status: int) -> None:
    """There is no login, so a page of another site could act for its visitor."""
    answer = raw.get("/health", headers=headers)
    assert answer.status_code == status
    if status == 403:
        refused(answer, 403, "elsewhere")


def test_request_ids(raw: httpx.Client) -> None:
    """The caller's, when it is one, else a new one."""
    assert raw.get("/health", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    assert raw.get("/health", headers={"X-Request-ID": "a b\tc"}).headers["X-Request-ID"] != "a b\tc"


def test_bodies_are_bounded(raw: httpx.Client, sweep: SweepRequest, panel: Panel) -> None:
    """Whether they say how long they are or not; a strategy of 50 MB is refused, and so is a snapshot."""
    long = body(sweep, strategy="x" * 50 * MEGABYTE)
    refused(post(raw, long), 413, "too_large")

    def pieces(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b" " * MEGABYTE

    refused(raw.post("/jobs", content=pieces(3)), 413, "too_large")
    refused(raw.put(f"/snapshots/{panel.content_hash}", content=pieces(25)), 413, "too_large")


@pytest.mark.parametrize("length", ["-1", "1e9", "99999999999999999999999"])
def test_false_lengths(served: Served, length: str) -> None:
    """Are refused."""
    where = urlsplit(served.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    connection.putrequest("POST", f"{API}/jobs")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    assert connection.getresponse().status in (400, 413)
    connection.close()


# Submissions.


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "invalid"),
        (b"{", 400, "unreadable"),
        (b"\xff\xfe", 400, "unreadable"),
        (b"[" * 500_000, 400, "unreadable"),
        (b'{"a":' * 100_000, 400, "unreadable"),
        (b"null", 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b'{"kind": "walk"}', 422, "invalid"),
        (b'{"kind": "run"}', 422, "invalid"),
    ],
)
def test_no_submission(raw: httpx.Client, content: bytes, status: int, code: str) -> None:
    """Neither what is no JSON, however deep, nor what is no job."""
    refused(post(raw, content), status, code)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"vary": [["hott", "1:3:1"]]}, "space"),
        ({"vary": [["hot", "1:1e12:0.001"]]}, "space"),
        ({"vary": [["hot", [float("nan")]]]}, "invalid"),
        ({"vary": [["hot", [float("inf")]]]}, "invalid"),
        ({"vary": [["hot", [10**400]]]}, "invalid"),
        ({"vary": [["hot", [True]]]}, "invalid"),
        ({"vary": [["hot", []]]}, "invalid"),
        ({"vary": [["hot", [1, 1]]]}, "space"),
        ({"vary": []}, "space"),
        ({"vary": {"hot": "1:3:1"}}, "invalid"),
        ({"vary": [["c1.left", ["=HYPERLINK(1)"]]]}, "space"),
        ({"fix": [["hot", "x\0y"]]}, "space"),
        ({"select": {"count": 0}}, "invalid"),
        ({"select": {"name": "../../etc/passwd", "columns": [["hott", [1]]]}}, "space"),
        ({"strategy": ""}, "invalid"),
        ({"strategy": "tree: {"}, "format"),
        ({"strategy": "tree: {equal: [SPY, " + "{equal: [SPY, " * 2_000 + "]"}, "format"),
        ({"strategy": "a: &a [" + "x," * 9 + "]\nb: [" + "*a," * 9 + "]\ntree: SPY"}, "strategy"),
        ({"strategy": "tree: {if: 'rsi(TQQQ, 0) > 1', then: BIL, else: SPY}"}, "strategy"),
        ({"reality": -1}, "invalid"),
        ({"latest_start": "2020-13-01"}, "invalid"),
        ({"prices": "/etc/passwd"}, "invalid"),
    ],
)
def test_a_sweep_without_meaning(
    raw: httpx.Client,
    client: Client,
    sweep: SweepRequest,
    panel: Panel,
    changed: dict[str, object],
    code: str,
) -> None:
    """Is refused before it is a job, with what is wrong with it."""
    client.upload(panel)
    before = client.jobs().total
    refused(post(raw, body(sweep, **changed)), 422, code)
    assert client.jobs().total == before


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"snapshot": "0" * 64}, "no_snapshot"),
        ({"snapshot": "../../etc/passwd"}, "invalid"),
        ({"start": "tomorrow"}, "invalid"),
        ({"missing": "guess"}, "invalid"),
        ({"execution": {"fill": "never"}}, "invalid"),
        ({"execution": {"capital": float("nan")}}, "invalid"),
        ({"execution": {"capital": -5}}, "misuse"),
        ({"url": "http://169.254.169.254/"}, "invalid"),
    ],
)
def test_a_question_without_meaning(
    raw: httpx.Client,
    sweep: SweepRequest,
    panel: Panel,
    client: Client,
    changed: dict[str, object],
    code: str,
) -> None:
    """Prices that are not there, dates and trading that cannot be, addresses that nobody asked for."""
    client.upload(panel)
    asked = dict(to_json(sweep)["asked"]) | changed  # type: ignore[call-overload]  # it is a mapping
    refused(post(raw, body(sweep, asked=asked)), 422, code)


def test_the_request_comes_back(raw: httpx.Client, client: Client, done: Job, sweep: SweepRequest) -> None:
    """As it was submitted; a page of jobs has the job."""
    assert raw.get(f"/jobs/{done.id}/request").json() == to_json(sweep)
    assert done.id in [job.id for job in client.jobs(states=[State.DONE]).jobs]


# Snapshots.


def test_snapshots(raw: httpx.Client, client: Client, panel: Panel, tmp_path: Path) -> None:
    """Are there after they were uploaded; another name, and what is none, is refused."""
    assert client.upload(panel) == panel.content_hash
    assert raw.head(f"/snapshots/{panel.content_hash}").status_code == 200
    assert raw.head(f"/snapshots/{'0' * 64}").status_code == 404
    snapshots.keep(panel, tmp_path)
    content = snapshots.find(panel.content_hash, tmp_path).read_bytes()
    refused(raw.put(f"/snapshots/{'0' * 64}", content=content), 422, "wrong_hash")
    refused(raw.put(f"/snapshots/{'0' * 64}", content=b"zip"), 422, "damaged")
    refused(raw.put("/snapshots/..%2f..%2fetc", content=content), 404, "not_found")
    refused(raw.put("/snapshots/passwd", content=content), 422, "invalid")
    assert raw.head(f"/snapshots/{'0' * 64}").status_code == 404


# Jobs that are there.


@pytest.mark.parametrize(
    "path", ["", "/progress", "/request", "/rows", "/rows.csv", "/files", "/files/rows.parquet", "/events"]
)
def test_a_job_that_is_not_there(raw: httpx.Client, path: str) -> None:
    """Has nothing."""
    refused(raw.get(f"/jobs/{uuid4()}{path}"), 404, "not_found")
    refused(raw.get(f"/jobs/1{path}"), 422, "invalid")


def test_an_ended_job_stays_as_it_is(raw: httpx.Client, client: Client, done: Job) -> None:
    """Asking it to go on is a conflict."""
    for event in (Event.PAUSE, Event.RESUME, Event.CANCEL):
        refused(raw.post(f"/jobs/{done.id}/{event}"), 409, "conflict")
    assert client.job(done.id) == done
    refused(raw.post(f"/jobs/{done.id}/finish"), 404, "not_found")
    refused(raw.put(f"/jobs/{done.id}"), 405, "method")


def test_progress_says_when_to_ask_again(raw: httpx.Client, done: Job) -> None:
    """In a header that any client knows."""
    answer = raw.get(f"/jobs/{done.id}/progress")
    said = answer.json()
    assert answer.headers["Retry-After"] == str(said["retry_after"])
    assert (said["label"], said["job"]["rows_done"], said["workers"]) == ("final", 30, 0)
    assert set(said["seconds"]) >= {"plan", "rows", "finish"}


def test_rows(raw: httpx.Client, client: Client, done: Job) -> None:
    """Pages, conditions and orders, as the whole table has them."""
    whole = client.rows(done.id)
    assert (whole.label, whole.matching, whole.numbers) == ("final", 30, list(range(30)))
    some = client.rows(done.id, sort=["-hot"], where="hot < 65", columns=["hot"], limit=2, offset=1)
    assert (some.matching, some.rows, some.numbers) == (5, [[63], [62]], [3, 2])
    for query in ({"where": "hott > 1"}, {"sort": "hott"}, {"where": "abs(hot) > 1"}):
        refused(raw.get(f"/jobs/{done.id}/rows", params=query), 422, "misuse")
    for query in ({"limit": "0"}, {"limit": "100000"}, {"offset": "-1"}, {"where": "x" * 5_000}):
        refused(raw.get(f"/jobs/{done.id}/rows", params=query), 422, "invalid")


def test_exports(raw: httpx.Client, done: Job) -> None:
    """CSV that is safe to open, under a safe name; what is no kind of file is not there."""
    answer = raw.get(f"/jobs/{done.id}/rows.csv", params={"sort": "sharpe", "columns": ["hot", "status"]})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Hot-or-not.csv"'
    assert answer.headers["X-Treefolio-Rows"] == "final"
    lines = answer.text.splitlines()
    assert (lines[0], len(lines)) == ("hot,status", 31)
    refused(raw.get(f"/jobs/{done.id}/rows.xlsx"), 422, "invalid")


def test_files(
    raw: httpx.Client, client: Client, done: Job, sweep: SweepRequest, panel: Panel, tmp_path: Path
) -> None:
    """Byte for byte those of the library; nothing else can be named."""
    plan(sweep, panel).run(tmp_path / "theirs", threads=1)
    client.export(done.id, tmp_path / "ours")
    for name in ("manifest.json", "rows.parquet", "summary.json"):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
    for name in ("..%2f..%2fetc%2fpasswd", "%00", "passwd", "rows.parquet%00.json"):
        assert raw.get(f"/jobs/{done.id}/files/{name}").status_code == 404


def test_a_row_opens_as_a_run(raw: httpx.Client, client: Client, done: Job, tmp_path: Path) -> None:
    """Its metrics are the row's; asked again, it is the same job; a row that is not there opens nothing."""
    page = client.rows(done.id, sort=["sharpe"], limit=1)
    job = client.open_row(done.id, page.numbers[0])
    assert client.open_row(done.id, page.numbers[0]).id == job.id
    for progress in client.watch(job.id):
        job = progress.job
    assert (job.kind, job.state) == ("run", State.DONE)
    client.export(job.id, tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    row = dict(zip((column.name for column in page.columns), page.rows[0], strict=True))
    shared = [key for key in metrics if key in row]
    assert len(shared) > 40
    assert [metrics[key] for key in shared] == [row[key] for key in shared]
    refused(raw.post(f"/jobs/{done.id}/rows/30/run"), 404, "not_found")
    refused(raw.get(f"/jobs/{job.id}/rows"), 409, "no_rows")


def test_a_row_whose_run_was_cancelled_opens_anew(client: Client, done: Job, served: Served) -> None:
    """Its job gives way to another one."""
    first = client.open_row(done.id, 7)
    for progress in client.watch(first.id):
        first = progress.job
    with psycopg.connect(running_url(served.home / "postgres") or "") as connection:
        connection.execute("update jobs set state = 'cancelled' where id = %s", (first.id,))
    second = client.open_row(done.id, 7)
    assert second.id != first.id
    assert client.open_row(done.id, 7).id == second.id


def test_a_job_that_cannot_be_done(client: Client, panel: Panel, raw: httpx.Client) -> None:
    """Fails with its reason, and has no rows and no files."""
    late = RunRequest(strategy="tree: SPY", asked=Asked(snapshot=panel.content_hash, start=date(2031, 1, 2)))
    job = client.submit(late, panel)
    for progress in client.watch(job.id):
        job = progress.job
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the library says
        run(late, panel)
    assert job.state == State.FAILED
    assert str(getattr(caught.value, "message", "?")) in (job.reason or "")
    refused(raw.get(f"/jobs/{job.id}/files"), 409, "no_files")


# Events.


def events(raw: httpx.Client, job: UUID, **headers: str) -> list[tuple[str, str, str]]:
    """id, name and data of all events."""
    found, one = [], {"id": "", "event": "", "data": ""}
    with raw.stream("GET", f"/jobs/{job}/events", headers=headers) as answer:
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if not line and one["event"]:
                found.append((one["id"], one["event"], one["data"]))
                one = {"id": "", "event": "", "data": ""}
            elif field in one:
                one[field] = value
    return found


def test_events(raw: httpx.Client, done: Job) -> None:
    """All that happened, in order, to the end; who says what he saw last gets what came after it."""
    found = events(raw, done.id)
    names = [name for _, name, _ in found]
    assert names[:3] == ["state", "state", "planned"]
    assert names[-2:] == ["progress", "end"]
    assert [json.loads(data)["data"]["state"] for _, name, data in found if name == "state"] == [
        "queued",
        "running",
        "done",
    ]
    numbers = [int(number) for number, _, _ in found if number]
    assert numbers == sorted(set(numbers))
    later = events(raw, done.id, **{"Last-Event-ID": str(numbers[-2])})
    assert [name for _, name, _ in later] == ["state", "progress", "end"]


def test_a_watcher_sees_it_grow(client: Client, sweep: SweepRequest, panel: Panel) -> None:
    """From the queue to the end, never backwards."""
    job = client.submit(sweep, panel).id
    seen = [progress.job.rows_done for progress in client.watch(job)]
    assert seen == sorted(seen)
    assert seen[-1] == 30


def test_pausing_is_seen(client: Client, panel: Panel) -> None:
    """A job that waits is paused at once, and goes on when it is told to."""
    long = SweepRequest(
        strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "1:99:0.001"}, reality=0
    )
    job = client.submit(long, panel).id
    client.tell(job, Event.PAUSE)
    wait_for(lambda: client.job(job).state == State.PAUSED, "the pause")
    client.tell(job, Event.CANCEL)
    with pytest.raises(ServiceError) as caught:
        client.rows(job)
    assert (caught.value.code, caught.value.status) == ("no_rows", 409)
