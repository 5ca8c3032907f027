"""The door of a service of several users: from where, who is it, may they do this? Sockets as well."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from account_samples import House, Person, opened
from treefolio.errors import DatabaseError, UsageError
from treefolio.service.accounts.keeper import AccountsKeeper
from treefolio.service.address import Address, address_of
from treefolio.service.callers import CALLER, THE_USER, Caller
from treefolio.service.door import Bounds, Door
from treefolio.service.keepers import HouseKeeper, Keeper, Visit

BOUNDS = Bounds(json=1_000, strangers=1_000, together=4_000, files=1_000, files_at="/files/", seconds=60)
PUBLIC = "https://treefolio.example.org"


@pytest.fixture(scope="module")
def ann(here: House, admin: Person) -> Person:
    return admin.invited(here.browser(), "ann")


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        (None, "", ""),
        ("", "", ""),
        ("https://treefolio.example.org", PUBLIC, "treefolio.example.org"),
        ("https://Treefolio.Example.org:443/", PUBLIC, "treefolio.example.org"),
        ("http://10.0.0.5:8000", "http://10.0.0.5:8000", "10.0.0.5"),
        ("http://[fd00::1]:8000", "http://[fd00::1]:8000", "fd00::1"),
    ],
)
def test_addresses(url: str | None, origin: str, host: str) -> None:
    """As browsers write an origin, whatever the setting's spelling."""
    assert address_of(url) == Address(origin=origin, host=host)


@pytest.mark.parametrize(
    "url",
    [
        "treefolio.example.org",
        "ftp://treefolio.example.org",
        "https://",
        "https://treefolio.example.org/app",
        "https://treefolio.example.org?x",
        "https://treefolio.example.org#x",
        "https://me:secret@treefolio.example.org",
        "https://treefolio.example.org:x",
        "https://[::1",
    ],
)
def test_no_addresses(url: str) -> None:
    """Are refused, with how to write one."""
    with pytest.raises(UsageError) as caught:
        address_of(url)
    assert "TREEFOLIO_PUBLIC_URL" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("treefolio.example.org", PUBLIC, True),
        ("treefolio.example.org", None, True),
        ("TREEFOLIO.example.org:443", PUBLIC, True),
        ("127.0.0.1:8000", PUBLIC, True),  # behind a proxy that speaks to the machine
        ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("localhost:8000", "http://localhost:8000", True),
        ("localhost:8000", "http://localhost:3000", False),
        ("localhost:8000", "http://127.0.0.1:8000", False),
        ("treefolio.example.org", "http://treefolio.example.org", False),
        ("treefolio.example.org", "https://treefolio.example.org:444", False),
        ("treefolio.example.org", "https://evil.treefolio.example.org", False),
        ("treefolio.example.org", "http://localhost:8000", False),
        ("treefolio.example.org", "null", False),
        ("treefolio.example.org", "", False),
        ("evil.example", None, False),
        ("evil.example", PUBLIC, False),
        ("treefolio.example.org.evil.example", None, False),
        ("[::1", None, False),
        ("", None, False),
    ],
)
def test_names_of_the_service(host: str, origin: str | None, own: bool) -> None:
    """Its own machine's, and the public one; an origin is the very same."""
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert (address_of(PUBLIC).stranger(headers, any_port=False) is None) is own


def test_without_an_address_there_is_the_machine_alone() -> None:
    """A header that is empty or damaged is no name of it."""
    for headers in ({"host": ""}, {"host": "[::1"}, {"host": "example.org"}, {"origin": ""}):
        assert Address().stranger(headers, any_port=True) is not None
        assert Address().stranger(headers, any_port=False) is not None


def test_what_links_begin_with() -> None:
    """The public address; else where it was spoken to, which HTTP/1.0 may leave out."""
    assert address_of(PUBLIC).base("127.0.0.1:8000") == PUBLIC
    assert Address().base("localhost:8000") == "http://localhost:8000"
    assert Address().base(None) == "http://127.0.0.1"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer tf_",
        "Bearer tf_" + "x" * 43,
        "Bearer tf_" + "x" * 42,
        "Basic YWRtaW46eA==",
        "tf_" + "x" * 43,
        "Bearer \xff\xfe",
    ],
)
def test_what_is_no_token(here: House, given: str) -> None:
    """Opens nothing, and says by which scheme one asks."""
    with here.browser() as browser:
        answer = browser.get("/api/v1/jobs", headers={"Authorization": given.encode("latin-1")})
    assert said(answer) == (401, "login")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_bad_token_is_not_forgiven_for_a_good_cookie(ann: Person) -> None:
    """Who sends a token asks by it alone."""
    answer = ann.get("/session", headers={"Authorization": "Bearer tf_" + "x" * 43})
    assert said(answer) == (401, "login")


def test_tokens(here: House, ann: Person) -> None:
    """Read, or write too; without a page's word; not what is done in person."""
    reads, writes = here.script(ann.token("read")), here.script(ann.token("write"))
    me = writes.get("/session").json()
    assert (me["by"], me["scopes"], me["csrf"], me["user"]) == ("token", ["read", "write"], None, ann.id)
    assert reads.get("/session").json()["scopes"] == ["read"]
    assert reads.get("/jobs").json()["jobs"] == []
    for ask in (lambda: reads.post("/jobs", {}), lambda: reads.delete(f"/jobs/{'0' * 32}")):
        assert said(ask()) == (403, "scope")
        assert "/welcome" in ask().json()["hint"]
    assert writes.post("/jobs", {}).status_code == 422
    for path in ("/tokens", "/sessions", "/users", "/keys"):
        assert said(writes.get(path)) == (403, "in_person"), path
    for answer in (
        writes.post("/tokens", {"name": "x"}),
        writes.post("/logout"),
        writes.put("/password", {"password": "twelve chars or so"}),
        writes.delete(f"/sessions/{'0' * 32}"),
        writes.post("/users", {"name": "x"}),
        writes.put("/keys/massive", {"key": "0" * 32}),
    ):
        assert said(answer) == (403, "in_person")


def test_tokens_end(here: House, ann: Person) -> None:
    """When they expire, and when they are revoked; the list says how each began and when it was used."""
    secret = ann.token("read", name="short", expires_in_days=1)
    script = here.script(secret)
    assert script.get("/session").status_code == 200
    listed = ann.get("/tokens").json()["tokens"][0]
    assert (listed["name"], listed["scopes"], listed["shown"]) == ("short", ["read"], secret[:8])
    assert listed["used_at"] is not None
    assert secret not in ann.get("/tokens").text
    with here.store.engine.begin() as connection:
        connection.execute(text("update tokens set expires_at = now() where name = 'short'"))
    assert said(script.get("/session")) == (401, "login")
    script = here.script(ann.token())
    newest = ann.get("/tokens").json()["tokens"][0]["id"]
    assert ann.delete(f"/tokens/{newest}").status_code == 204
    assert said(script.get("/session")) == (401, "login")
    assert said(ann.delete(f"/tokens/{newest}")) == (404, "not_found")


def test_tokens_are_not_without_number(here: House, admin: Person) -> None:
    """A hundred; then one must go first."""
    many = admin.invited(here.browser(), "many")
    with here.store.engine.begin() as connection:
        connection.execute(
            text(
                "insert into tokens (id, owner, name, digest, shown, scopes) "
                "select gen_random_uuid(), :id, 'x', sha256(n::text::bytea), 'tf_', '{read}' "
                "from generate_series(1, 99) n"
            ),
            {"id": many.id},
        )
    many.token()
    assert said(many.post("/tokens", {"name": "x"})) == (409, "too_many")


def test_what_shows_everybody_is_for_administrators(here: House, admin: Person, ann: Person) -> None:
    """Workers and figures: by a session, or by a token as Prometheus has it."""
    for path in ("/workers", "/metrics"):
        assert said(ann.get(path)) == (403, "not_administrator")
        assert admin.get(path).status_code == 200
        assert here.script(admin.token("read")).get(path).status_code == 200
    assert "treefolio_jobs" in admin.get("/metrics").text


def test_the_description_says_how_to_log_in(here: House) -> None:
    """By session or token; but for what anybody may ask for."""
    described = here.browser().get("/api/v1/openapi.json").json()
    assert described["components"]["securitySchemes"]["session"]["name"] == "treefolio"
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    said = {
        path.removeprefix("/api/v1"): operation.get("security")
        for path, operations in described["paths"].items()
        for operation in operations.values()
    }
    assert {path for path, security in said.items() if security is None} == {
        "/health",
        "/links",
        "/login",
        "/login/discord",
        "/login/discord/callback",
        "/ready",
        "/shared/{secret}",
    }
    assert said["/jobs"] == [{"session": []}, {"token": []}]


class Echo:
    """An application that says who asks, and accepts any socket."""

    def __init__(self) -> None:
        self.callers: list[Caller | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.callers.append(scope[CALLER])
        await receive()
        await send({"type": "websocket.accept"})


def door(echo: Echo, keeper: Keeper) -> Door:
    return Door(echo, bounds=BOUNDS, keeper=keeper, seen=lambda *_: None)


def test_sockets_where_nobody_logs_in() -> None:
    """Pages of the machine may open one, others not."""
    echo = Echo()
    entry = door(echo, HouseKeeper())
    assert opened(entry, Host="127.0.0.1:1", Origin="http://localhost:3000")["type"] == "websocket.accept"
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        told = opened(entry, **headers)
        assert (told["type"], told["code"]) == ("websocket.close", 4403)
        assert len(told["reason"]) <= 123
    assert echo.callers == [THE_USER]


def test_sockets_of_users(here: House, admin: Person) -> None:
    """By token; or by cookie from an own page, as a browser sends it for anybody."""
    bob = admin.invited(here.browser(), "bob")
    echo = Echo()
    entry = door(echo, AccountsKeeper(here.accounts, address_of(PUBLIC)))
    name = "__Host-treefolio"
    cookie = {"Cookie": f"a=b; {name}={next(iter(bob.http.cookies.values()))}", "Host": "127.0.0.1"}
    token = {"Authorization": f"Bearer {bob.token('read')}"}
    for headers in (token, {**cookie, "Origin": PUBLIC}, {**cookie, "Origin": "http://127.0.0.1"}):
        assert opened(entry, **headers)["type"] == "websocket.accept"
    assert {each and each.user for each in echo.callers} == {bob.id}
    for headers, code in (
        ({}, 4401),
        ({"Authorization": "Bearer tf_x"}, 4401),
        ({"Cookie": f"{name}=x", "Origin": PUBLIC}, 4401),
        ({"Cookie": cookie["Cookie"].replace("__Host-", ""), "Origin": PUBLIC}, 4401),
        (cookie, 4403),
        ({**cookie, "Origin": "https://evil.example"}, 4403),
        ({**token, "Origin": "https://evil.example"}, 4403),
        ({**token, "Host": "evil.example"}, 4403),
    ):
        told = opened(entry, **headers)
        assert (told["type"], told["code"]) == ("websocket.close", code), headers
    assert len(echo.callers) == 3


class Lost:
    """A keeper whose database is away."""

    address = Address()

    async def admit(self, visit: Visit) -> Caller | None:
        raise DatabaseError(f"no answer about {visit.path}")


def test_while_the_database_is_away() -> None:
    """Nobody comes in: a request is told when to ask again, a socket to try later."""
    entry = door(Echo(), Lost())
    assert opened(entry)["code"] == 1013
    transport = httpx.ASGITransport(app=entry)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/anything")

    answer = asyncio.run(ask())
    assert (*said(answer), answer.headers["Retry-After"]) == (503, "database_away", "2")
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]


class Reader:
    """An application that reads the whole body, and answers when it may."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.read: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        taken, more = 0, True
        try:
            while more:
                message = await receive()
                taken, more = taken + len(message["body"]), message["more_body"]
        except HTTPException as error:
            await send({"type": "http.response.start", "status": error.status_code, "headers": []})
        else:
            self.read.append(taken)
            await self.go_on.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def sent(entry: Door, size: int, path: str = "/x", method: str = "POST") -> int:
    """The status of a body of this many bytes, which does not say how long it is."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * size, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    await entry(scope, receive, send)
    return int(told[0]["status"])


def test_long_bodies_have_a_bound_together() -> None:
    """While some are in memory another one is sent away; short ones and files are not; then there is room."""
    long = 3_000_000
    bounds = Bounds(json=long, strangers=0, together=2 * long, files=long, files_at="/files/", seconds=60)

    async def all_of_it() -> None:
        reader = Reader()
        entry = Door(reader, bounds=bounds, keeper=HouseKeeper(), seen=lambda *_: None)
        first = [asyncio.ensure_future(sent(entry, long)) for _ in range(2)]
        await asyncio.sleep(0)
        assert reader.read == [long, long]
        assert await sent(entry, long) == 503
        others = [
            asyncio.ensure_future(sent(entry, 1_000)),
            asyncio.ensure_future(sent(entry, long, "/files/x", "PUT")),
        ]
        await asyncio.sleep(0)
        assert reader.read[2:] == [1_000, long]
        reader.go_on.set()
        assert await asyncio.gather(*first, *others) == [200] * 4
        assert entry.held == 0
        assert await sent(entry, long) == 200

    asyncio.run(all_of_it())


def test_who_is_not_known_may_send_little(here: House, ann: Person) -> None:
    """A login is short; who is known may send what a job takes."""
    long = {"name": "ann", "password": "x" * 100_000}
    assert said(here.person("nobody").post("/login", long)) == (413, "too_large")
    assert said(ann.post("/jobs", {"kind": "x" * 100_000})) == (422, "invalid")


def test_methods_that_nobody_knows_are_counted_as_one(here: House, admin: Person) -> None:
    """Else each new word would be a figure that stays in memory."""
    with here.browser() as browser:
        for method in ("BREW", "PROPFIND"):
            assert browser.request(method, "/api/v1/health").status_code == 405
    figures = admin.get("/metrics").text
    assert 'method="other"' in figures
    assert "BREW" not in figures


def test_identifying_is_one_query(here: House, ann: Person) -> None:
    """On every request; a second one only when the minute is over."""
    asked: list[Any] = []
    from sqlalchemy import event  # noqa: PLC0415 - of this test alone

    assert ann.get("/session").status_code == 200
    event.listen(here.store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert ann.get("/session").status_code == 200
    assert len(asked) == 1, asked
