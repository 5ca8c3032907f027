"""Every route across two users, and by nobody: what is somebody else's is not there.

The routes are taken from the application itself, so none is forgotten. What stands in a path must be in
`MADE`, which says how Ann makes one; a route that asks for something else makes this fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import WebSocketRoute

from account_samples import Person, house, opened
from service_samples import Served
from treefolio.jobs.requests import Asked, SweepRequest, to_json
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.accounts.keeper import OPEN, OPEN_TO_LOOK
from treefolio.service.models import API
from treefolio.testing.postgres import PostgresServer

NAME = "anns-very-own"
TREE = (
    f"name: {NAME}\nvariables: {{hot: 70, cold: 20}}\n"
    "tree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL,"
    " else: {if: 'rsi(SPY, 9) < $cold', then: SPY, else: TQQQ}}\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Ann, who has something of everything; her finished sweep and its prices."""

    ann: Person
    ben: Person
    prices: Panel
    request: SweepRequest
    job: str

    def one(self, path: str, body: object, *keys: str) -> str:
        """What Ann makes with this request."""
        answer = self.ann.post(path, body)
        assert answer.status_code == 201, (path, answer.text)
        found = answer.json()
        for key in keys or ("id",):
            found = found[key]
        return str(found)


def key(world: World) -> str:
    """Keys of Ann's; there is one of each kind."""
    assert world.ann.put("/keys/massive", {"key": "ann0" * 8}).status_code == 200
    return "massive"


def nightly(world: World) -> dict[str, object]:
    """What makes a schedule of Ann's sweep."""
    return {"job": world.job, "at": "18:30", "fetch": {"source": "alpaca"}, "name": NAME}


MADE: dict[str, Callable[[World, dict[str, str]], str]] = {
    "hash": lambda world, _: world.prices.content_hash,
    "job": lambda world, _: world.job,
    "kind": lambda world, _: key(world),
    "list": lambda world, _: world.one("/lists", {"name": NAME, "text": "7:9:1"}),
    "name": lambda *_: "rows.parquet",
    "number": lambda *_: "1",
    "schedule": lambda world, _: world.one("/schedules", nightly(world)),
    "session": lambda world, _: str(world.ann.get("/sessions").json()["sessions"][0]["id"]),
    "strategy": lambda world, _: world.one("/strategies", {"text": TREE}, "strategy", "id"),
    "secret": lambda world, made: world.one(f"/strategies/{made['strategy']}/shares", {}, "secret"),
    "share": lambda world, made: world.one(f"/strategies/{made['strategy']}/shares", {}),
    "suffix": lambda *_: "csv",
    "token": lambda world, _: str(world.ann.get("/tokens").json()["tokens"][0]["id"]),
    "user": lambda world, _: world.ann.id,
}
"""What stands in a path → how Ann makes one, with what she has made before; or what everybody calls so."""
EVERYBODYS = {"kind", "name", "number", "suffix"}
ASKED = {"x": "hot", "y": "cold", "from": "1", "to": "1", "metric": "sharpe", "state": "x", "code": "x"}
"""Query parameters that a route demands → what is sent."""
BODIES: dict[str, object] = {"PUT /schedules/{schedule}": {"name": "mine", "at": "18:30"}}
"""What is sent where the description has no example."""
OPENLY = {
    "GET /health",
    "GET /login/discord",
    "GET /login/discord/callback",
    "GET /ready",
    "GET /shared/{secret}",
    "POST /links",
    "POST /login",
}
"""What nobody needs to log in for."""
ADMINISTRATORS = {
    "GET /metrics",
    "GET /users",
    "GET /workers",
    "PATCH /users/{user}",
    "POST /jobs/{job}/priority",
    "POST /users",
    "POST /users/{user}/link",
}
OTHERWISE = {
    "GET /shared/{secret}": 200,  # whoever has the link shall see it
    "PUT /keys/{kind}": 200,  # Ben's own, of the same kind
    "PUT /snapshots/{hash}": 422,  # nothing is told about it; who has the prices may send them
}
"""Routes with something in their path that do not answer 404, and why."""


@pytest.fixture(scope="module")
def world(inhabited: Served, administrator: Person) -> Iterator[World]:
    prices = synthetic_panel(
        seed=4, start=date(2015, 1, 2), end=date(2016, 12, 30), tickers=["BIL", "SPY", "TQQQ"]
    )
    request = SweepRequest(
        strategy=TREE,
        asked=Asked(snapshot=prices.content_hash),
        vary={"hot": "60:69:1", "cold": "20:22:1"},
    )
    people = []
    for name in ("ann", "ben"):
        browser = httpx.Client(base_url=inhabited.url, headers={"Origin": inhabited.url}, timeout=60)
        people.append(administrator.invited(browser, name))
    ann, ben = people
    with inhabited.client(ann.token()) as client:
        job = client.submit(request, prices)
        assert [each.job.state for each in client.watch(job.id)][-1] == "done"
    yield World(ann=ann, ben=ben, prices=prices, request=request, job=str(job.id))
    for each in people:
        each.http.close()


@pytest.fixture(scope="module")
def described(inhabited: Served) -> dict[str, Any]:
    """The service's description of itself."""
    found: dict[str, Any] = httpx.get(f"{inhabited.url}{API}/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def made(world: World) -> dict[str, str]:
    """One of everything, of Ann's."""
    found: dict[str, str] = {}
    for name, make in MADE.items():
        found[name] = make(world, found)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request that a route understands, about Ann's things."""

    route: str
    method: str
    path: str
    query: dict[str, str]
    body: object
    named: frozenset[str]

    def ask(self, person: Person) -> httpx.Response:
        """The answer; of a stream its beginning."""
        request = person.http.build_request(self.method, API + self.path, params=self.query, json=self.body)
        answer = person.http.send(request, stream=True)
        if answer.headers.get("Content-Type", "").startswith("text/event-stream") and answer.is_success:
            answer.close()
        else:
            answer.read()
        return answer


def questions(described: dict[str, Any], made: dict[str, str]) -> list[Question]:
    """One for every route: removing comes first, as then nothing of Ben's own is there yet."""
    found = []
    for template, methods in described["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            inside = {each["name"] for each in parameters if each["in"] == "path"}
            wanted = {each["name"] for each in parameters if each["in"] == "query" and each["required"]}
            short = template.removeprefix(API)
            assert inside <= set(made), f"say in MADE how to make what {method} {short} asks for"
            assert wanted <= set(ASKED), f"say in ASKED what {method} {short} asks for: {wanted}"
            found.append(
                Question(
                    route=f"{method.upper()} {short}",
                    method=method.upper(),
                    path=short.format(**made),
                    query={name: ASKED[name] for name in wanted},
                    body=BODIES.get(f"{method.upper()} {short}") or example(described, operation, short),
                    named=frozenset(inside),
                )
            )
    return sorted(found, key=lambda each: each.route)


def example(described: dict[str, Any], operation: dict[str, Any], short: str) -> object:
    """What the description says that one could send."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    if examples := content.get("examples"):
        return list(examples.values())[-1]["value"]
    schema = described["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    assert "example" in schema, f"say in BODIES what {short} takes, or give its body an example"
    return schema["example"]


def test_what_ann_has(world: World, described: dict[str, Any], made: dict[str, str]) -> None:
    """She sees it: else nothing would follow from Ben's not seeing it."""
    for question in questions(described, made):
        if question.method in ("GET", "HEAD") and question.named:
            answer = question.ask(world.ann)
            assert answer.is_success, (question.route, answer.text)


def test_what_ben_sees_of_it(world: World, described: dict[str, Any], made: dict[str, str]) -> None:
    """Nothing: what he names is not there, and in his lists there is none of it."""
    marks = {made[name] for name in made if name not in EVERYBODYS} | {NAME, "ann0"}
    token = world.ben.token()
    script = Person(httpx.Client(base_url=world.ben.http.base_url), "ben")
    script.http.headers["Authorization"] = f"Bearer {token}"
    with script.http:
        for question in questions(described, made):
            if question.route in ("POST /logout", "PUT /password", *OPENLY):
                continue
            for person in (script, world.ben):
                answer = question.ask(person)
                seen = (question.route, answer.status_code, "" if answer.is_stream_consumed else "stream")
                if question.route in ADMINISTRATORS:
                    assert answer.status_code == 403, seen
                elif question.named and not (person is script and answer.status_code == 403):
                    assert answer.status_code == OTHERWISE.get(question.route, 404), seen
                if answer.is_stream_consumed and question.route not in OTHERWISE:
                    said = answer.text.replace(str(answer.request.url.path), "")
                    told = {mark for mark in marks if mark in said} - _named(answer, made)
                    assert not told, (*seen, told)


def _named(answer: httpx.Response, made: dict[str, str]) -> set[str]:
    """What a refusal repeats of the question."""
    return set(made.values()) if answer.status_code in (403, 404) else set()


def test_what_is_left_of_it(world: World, described: dict[str, Any], made: dict[str, str]) -> None:
    """All, after Ben has tried to change and remove it."""
    test_what_ann_has(world, described, made)
    assert world.ann.get(f"/jobs/{world.job}").json()["state"] == "done"
    assert world.ann.get("/jobs").json()["total"] == 1
    assert world.ann.get("/session").json()["administrator"] is False


def test_what_a_body_names(world: World) -> None:
    """Prices and jobs of somebody else are none to submit with."""
    answer = world.ben.post("/jobs", to_json(world.request))
    assert (answer.status_code, answer.json()["code"]) == (422, "no_snapshot")
    assert world.ben.post("/schedules", nightly(world)).status_code == 404
    assert world.ben.get("/jobs").json()["total"] == 0
    assert NAME not in world.ben.get("/schedules").text


def test_nobody(inhabited: Served, described: dict[str, Any], made: dict[str, str]) -> None:
    """Is asked to log in, by every route but those that are for everybody; also by one that is none."""
    stranger = Person(httpx.Client(base_url=inhabited.url), "nobody")
    with stranger.http:
        for question in questions(described, made):
            answer = question.ask(stranger)
            if question.route in OPENLY:
                assert answer.json().get("code") != "login", question.route
                continue
            assert answer.status_code == 401, question.route
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            if question.method != "HEAD":
                assert answer.json()["code"] == "login", question.route
        for path in ("/api/v1/none", "/docs", "/api/v1/health/", "/api/v1//health", "/API/v1/health"):
            assert stranger.http.get(path).status_code == 401, path


def test_no_route_is_hidden(server: PostgresServer, tmp_path: Path, described: dict[str, Any]) -> None:
    """Beside those that are described: the description, the page for people and the way to it, sockets.

    A socket is closed before it is open when nobody is logged in.
    """
    with house(server, tmp_path) as here:
        application = here.app.app
        assert isinstance(application, FastAPI)
        routes = list(_within(application.routes))
        sockets = {each.path for each in routes if isinstance(each, WebSocketRoute)}
        for path in sockets:
            assert opened(here.app, f"{API}{path}")["code"] == 4401
    paths = {each.path.removeprefix(API) for each in routes} - sockets
    known = {path.removeprefix(API) for path in described["paths"]}
    assert paths - known == {"/", "/openapi.json", "/welcome"}
    without = {f"{API}{route.partition(' ')[2].partition('{')[0]}" for route in OPENLY}
    assert {*OPEN, OPEN_TO_LOOK} == without | {"/", f"{API}/openapi.json", "/welcome"}


def _within(routes: Iterable[Any]) -> Iterator[Any]:
    """All routes, also of routers that were included as they are."""
    for each in routes:
        inner = getattr(each, "original_router", None)
        if inner is None:
            yield each
        else:
            yield from _within(inner.routes)
