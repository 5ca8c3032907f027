"""Schedules, limits, removing and raising over HTTP, and in the command line's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from account_samples import Answering, refused
from cli_samples import Program
from treefolio.client import Client
from treefolio.jobs import requests
from treefolio.jobs.agenda import Days
from treefolio.jobs.ledger.agenda import Agenda
from treefolio.jobs.requests import Asked, Fetch, PurgeRequest, RunRequest, SweepRequest, WarmRequest
from treefolio.jobs.states import Event
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.settings import ServiceSettings
from treefolio.testing.postgres import PostgresServer

TREE = "name: Hot or not\nvariables: {hot: 70}\ntree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\n"
OFTEN = {"login": 1_000, "submit": 1_000, "upload": 1_000}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(
        seed=4, start=date(2015, 1, 2), end=date(2016, 12, 30), tickers=["BIL", "SPY", "TQQQ"]
    )


@pytest.fixture(scope="module")
def service(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    settings = ServiceSettings(users=True, rates=OFTEN)
    with Answering(server.database(), tmp_path_factory.mktemp("home"), settings) as answering:
        yield answering


@pytest.fixture
def ann(service: Answering) -> Iterator[httpx.Client]:
    """A user who has nothing yet."""
    with service.person(f"ann-{uuid4().hex[:8]}") as client:
        yield client


@pytest.fixture
def ben(service: Answering) -> Iterator[httpx.Client]:
    with service.person(f"ben-{uuid4().hex[:8]}") as client:
        yield client


@pytest.fixture
def client(service: Answering, ann: httpx.Client) -> Iterator[Client]:
    """Ann's, with a token."""
    made = ann.post("/tokens", json={"name": "script", "scopes": ["read", "write"]}).json()
    with Client(service.origin, token=made["secret"]) as client:
        yield client


def sweep(panel: Panel, vary: str = "60:89:1") -> SweepRequest:
    asked = Asked(snapshot=panel.content_hash, source="prices.csv", end=date(2016, 6, 30))
    return SweepRequest(strategy=TREE, asked=asked, vary={"hot": vary})


def scheduled(client: httpx.Client, job: object, **changed: Any) -> httpx.Response:
    body = {"job": str(job), "at": "18:30", "fetch": {"source": "synthetic"}, **changed}
    return client.post("/schedules", json={name: value for name, value in body.items() if value is not None})


# Schedules.


def test_a_nightly_sweep_from_a_job(
    service: Answering, client: Client, ann: httpx.Client, panel: Panel
) -> None:
    """It asks what the job was asked, on fresh prices and up to the last session; firing makes a job."""
    job = client.submit(sweep(panel), panel)
    answer = scheduled(ann, job.id)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["Location"] == f"/api/v1/schedules/{made['id']}"
    assert (made["name"], made["kind"], made["at"], made["days"]) == (
        "Hot or not",
        "nightly",
        "18:30",
        "sessions",
    )
    assert (made["enabled"], made["last_job"]) == (True, None)
    with service.store.engine.begin() as connection:
        moved = "update schedules set next_at = now() - interval '1 minute' where id = :id"
        connection.execute(text(moved), {"id": made["id"]})
    assert Agenda(service.store.engine, service.store.settings).fire() == 1
    found = ann.get(f"/schedules/{made['id']}").json()
    assert found["last_reason"] is None
    asked = ann.get(f"/jobs/{found['last_job']}/request").json()
    expected = SweepRequest(
        strategy=TREE, asked=Asked(fetch=Fetch(source="synthetic")), vary={"hot": "60:89:1"}
    )
    assert requests.from_json(asked) == expected


def test_what_a_schedule_needs(ann: httpx.Client, client: Client, panel: Panel) -> None:
    """A job or a request, fresh prices, a time of day, a meaning."""
    job = client.submit(sweep(panel), panel).id
    refused(scheduled(ann, job, fetch=None), 422, "no_fetch")
    refused(ann.post("/schedules", json={"at": "18:30"}), 422, "invalid")
    refused(scheduled(ann, job, request=requests.to_json(sweep(panel))), 422, "invalid")
    for at in ("24:00", "7:30", "18:30:00", "soon", ""):
        refused(scheduled(ann, job, at=at), 422, "invalid")
    refused(scheduled(ann, job, days="weekly"), 422, "invalid")
    for name in ("", "a" * 201, "a\0b", 7):
        refused(scheduled(ann, job, name=name), 422, "invalid")
    refused(scheduled(ann, uuid4()), 404, "not_found")
    bad = requests.to_json(sweep(panel)) | {"vary": [["hott", "1:3:1"]]}
    body = {"request": bad, "at": "18:30", "fetch": {"source": "synthetic"}}
    refused(ann.post("/schedules", json=body), 422, "space")
    assert ann.get("/schedules").json() == {"schedules": []}


def test_a_schedule_without_keys(
    ann: httpx.Client, client: Client, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is made, and it is said at once that it will fail; not when its owner or the environment has keys."""
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "MASSIVE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    job = client.submit(sweep(panel), panel).id

    def note(source: str, name: str) -> str:
        answer = scheduled(ann, job, fetch={"source": source}, name=name)
        assert answer.status_code == 201, answer.text
        return answer.json()["note"] or ""

    assert note("synthetic", "a") == ""
    assert "no keys at alpaca" in note("alpaca", "b")
    ann.put("/keys/alpaca", json={"key_id": "PKTESTTESTTEST01WXYZ", "secret": "s3cr3t-of-alpaca-0123456789"})
    for each in ann.get("/schedules").json()["schedules"]:
        assert each["note"] is None
        ann.delete(f"/schedules/{each['id']}")
    assert note("alpaca", "c") == ""
    assert "no keys at massive" in note("massive", "d")
    monkeypatch.setenv("MASSIVE_API_KEY", "m4ssive-0123456789")
    assert note("massive", "e") == ""


def test_what_users_may_schedule(ann: httpx.Client) -> None:
    """Warming their own strategies' prices; what changes the prices of all is an administrator's."""
    warm = {"request": requests.to_json(WarmRequest(source="alpaca")), "at": "20:15"}
    made = ann.post("/schedules", json=warm).json()
    assert made["kind"] == "warm"
    purge = {"request": requests.to_json(PurgeRequest()), "at": "20:15"}
    refused(ann.post("/schedules", json=purge), 403, "not_administrator")
    refused(ann.post("/schedules", json=warm | {"fetch": {"source": "yahoo"}}), 422, "invalid")


def test_the_life_of_a_schedule(client: Client, ann: httpx.Client, panel: Panel) -> None:
    """By the client: made, listed, changed, rests, goes on, is removed."""
    job = client.submit(sweep(panel), panel).id
    made = client.schedules.make(job, at="18:30", name="each night", source="synthetic")
    assert client.schedules.get(made.id) == made
    other = client.schedules.make(job, at="06:00", name="daily", days=Days.DAILY, source="synthetic")
    assert [each.name for each in client.schedules.all()] == ["daily", "each night"]
    said = refused(scheduled(ann, job, name="daily"), 409, "conflict")
    assert "--name" in said["hint"]
    assert "`treefolio jobs unschedule NAME`" in said["hint"]
    changed = client.schedules.change(made.id, name="late", at="23:59", days=Days.DAILY)
    assert (changed.name, changed.at, changed.days) == ("late", "23:59", "daily")
    refused(ann.put(f"/schedules/{made.id}", json={"name": "daily", "at": "23:59"}), 409, "conflict")
    assert not client.schedules.enable(made.id, False).enabled
    assert client.schedules.enable(made.id).enabled
    client.schedules.remove(other.id)
    assert [each.name for each in client.schedules.all()] == ["late"]
    refused(ann.get(f"/schedules/{other.id}"), 404, "not_found")


def test_schedules_of_others_are_not_there(client: Client, ben: httpx.Client, panel: Panel) -> None:
    """Whatever is asked, and with somebody else's job."""
    job = client.submit(sweep(panel), panel).id
    made = client.schedules.make(job, at="18:30", source="synthetic").id
    refused(ben.get(f"/schedules/{made}"), 404, "not_found")
    refused(ben.put(f"/schedules/{made}", json={"name": "mine", "at": "18:30"}), 404, "not_found")
    refused(ben.post(f"/schedules/{made}/disable"), 404, "not_found")
    refused(ben.delete(f"/schedules/{made}"), 404, "not_found")
    refused(scheduled(ben, job), 404, "not_found")
    assert ben.get("/schedules").json() == {"schedules": []}
    assert client.schedules.get(made).enabled


# Limits.


def test_limits(service: Answering, client: Client, ann: httpx.Client, panel: Panel) -> None:
    """What is over one says which, how much is used, and when it is free again; more jobs wait."""
    before = service.store.settings
    tight = {"limit_combinations": {"free": 30}, "limit_combinations_a_day": {"free": 62}}
    service.store.settings = before.model_copy(update=tight | {"limit_running": {"free": 1}})
    try:
        assert not client.submit(sweep(panel), panel).held
        assert client.submit(sweep(panel), panel).held
        body = requests.to_json(sweep(panel, "60:90:1"))
        said = refused(ann.post("/jobs", json=body), 403, "limit_combinations")
        assert "TREEFOLIO_LIMIT_COMBINATIONS, or another tier." in said["hint"]
        assert "31" in said["message"]
        assert "30" in said["message"]
        answer = ann.post("/jobs", json=requests.to_json(sweep(panel)))
        refused(answer, 429, "limit_combinations_a_day")
        assert 0 < int(answer.headers["Retry-After"]) <= 86_401
        usage = client.usage()
        assert (usage.running.used, usage.running.most) == (1, 1)
        assert (usage.combinations.used, usage.combinations.most) == (None, 30)
        assert (usage.combinations_a_day.used, usage.combinations_a_day.most) == (60, 62)
        assert usage.megabytes.used == 1
    finally:
        service.store.settings = before


def test_more_schedules_than_may_be(client: Client, ann: httpx.Client, panel: Panel) -> None:
    """The user has to make room, so nothing says when to come again."""
    job = client.submit(sweep(panel), panel).id
    for number in range(3):
        client.schedules.make(job, at="18:30", name=f"{number}", source="synthetic")
    answer = scheduled(ann, job, name="one more")
    refused(answer, 403, "limit_schedules")
    assert "Retry-After" not in answer.headers


def test_prices_of_others_are_not_there(client: Client, ben: httpx.Client, panel: Panel) -> None:
    """Not even whether somebody has them; who brings the same ones has them too."""
    name = client.upload(panel)
    assert ben.head(f"/snapshots/{name}").status_code == 404
    refused(ben.post("/jobs", json=requests.to_json(sweep(panel))), 422, "no_snapshot")


# Removing and raising.


def test_removing(client: Client, ann: httpx.Client, ben: httpx.Client, panel: Panel) -> None:
    """A job that has ended goes, and the log of acts says so; no other one does."""
    job = client.submit(sweep(panel), panel).id
    refused(ann.delete(f"/jobs/{job}"), 409, "conflict")
    client.tell(job, Event.CANCEL)
    refused(ben.delete(f"/jobs/{job}"), 404, "not_found")
    client.remove(job)
    refused(ann.get(f"/jobs/{job}"), 404, "not_found")
    acts = [each for each in ann.get("/audit").json()["acts"] if each["act"] == "job.removed"]
    assert [each["what"]["job"] for each in acts] == [str(job)]


def test_raising(service: Answering, client: Client, ann: httpx.Client, panel: Panel) -> None:
    """Only an administrator, on anybody's job; the owner sees it."""
    job = client.submit(sweep(panel), panel).id
    refused(ann.post(f"/jobs/{job}/priority", json={"priority": 1}), 403, "not_administrator")
    assert client.job(job).priority == 0
    with service.person(f"root-{uuid4().hex[:8]}", administrator=True) as root:
        assert root.post(f"/jobs/{job}/priority", json={"priority": 2}).json()["priority"] == 2
        for priority in (11, -11, 1.5, "high", None):
            refused(root.post(f"/jobs/{job}/priority", json={"priority": priority}), 422, "invalid")
        refused(root.post(f"/jobs/{uuid4()}/priority", json={"priority": 1}), 404, "not_found")
        client.tell(job, Event.CANCEL)
        refused(root.post(f"/jobs/{job}/priority", json={"priority": 1}), 409, "conflict")
    assert client.job(job).priority == 2


# On the command line.


def test_verbs(
    service: Answering,
    ann: httpx.Client,
    client: Client,
    panel: Panel,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """schedule, schedules, unschedule, usage, remove, raise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MASSIVE_API_KEY", raising=False)
    monkeypatch.setenv("TREEFOLIO_URL", service.origin)
    secret = ann.post("/tokens", json={"name": "cli", "scopes": ["read", "write"]}).json()["secret"]
    monkeypatch.setenv("TREEFOLIO_TOKEN", secret)
    program = Program(capsys)
    job = str(client.submit(RunRequest(strategy=TREE, asked=Asked(snapshot=panel.content_hash)), panel).id)
    without = program("jobs", "schedule", job, "--at", "18:30")
    assert without.status != 0
    assert "--source" in without.err
    late = program("jobs", "schedule", job, "--at", "25:00", "--source", "synthetic")
    assert (late.status, "Write it like 18:30" in late.err) == (2, True)
    made = program("jobs", "schedule", job[:8], "--at", "18:30", "--source", "synthetic", "--name", "night")
    assert (made.status, made.err) == (0, ""), made.err
    assert made.out.startswith("night is due 20")
    assert made.out.endswith("18:30 New York\n")
    keyless = program("jobs", "schedule", job, "--at", "19:30", "--source", "massive", "--name", "noon")
    assert "Note: you have no keys at massive" in keyless.out
    assert program("jobs", "unschedule", "noon").status == 0
    assert "night" in program("jobs", "schedules").out
    listed = json.loads(program("jobs", "schedules", "--json").out)["schedules"]
    assert [each["at"] for each in listed] == ["18:30"]
    wrong = program("jobs", "unschedule", "nihgt")
    assert wrong.status == 2
    assert "Did you mean night?" in wrong.err
    assert program("jobs", "unschedule", "night").status == 0
    assert "No schedules" in program("jobs", "schedules").out
    assert client.schedules.all() == []
    assert "combinations today" in program("jobs", "usage").out
    (tmp_path / "s.yaml").write_text(TREE, encoding="utf-8")
    strange = program("jobs", "submit", "run", "s.yaml", "--synthetic", "--token", "tf_wrong")
    assert (strange.status, "this token opens nothing" in strange.err) == (1, True)
    assert json.loads(program("jobs", "usage", "--json").out)["running"] == {"used": 1, "most": 2}
    assert "administrator" in program("jobs", "raise", job).err
    assert "Cancel it first" in program("jobs", "remove", job).err
    assert program("jobs", "cancel", job).status == 0
    assert program("jobs", "remove", job).out == f"{job} is removed\n"
