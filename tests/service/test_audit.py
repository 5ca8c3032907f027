"""The log of sensitive acts: what gets into it, who may read it, and that nobody changes it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from account_samples import PASSWORD, Answering, refused
from treefolio.jobs import acts
from treefolio.jobs.acts import Act
from treefolio.service.settings import ServiceSettings
from treefolio.testing.postgres import PostgresServer


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    plenty = ServiceSettings(users=True, rates={"login": 1000})
    home = tmp_path_factory.mktemp("home")
    with PostgresServer() as server, Answering(server.database(), home, plenty) as answering:
        yield answering


@pytest.fixture(scope="module")
def ann(service: Answering) -> Iterator[httpx.Client]:
    with service.person("ann") as client:
        yield client


@pytest.fixture(scope="module")
def root(service: Answering) -> Iterator[httpx.Client]:
    with service.person("root", administrator=True) as client:
        yield client


def log(client: httpx.Client, **query: str | int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.get("/audit", params=query).json()["acts"]
    return found


def latest(client: httpx.Client) -> tuple[object, object]:
    found = log(client, limit=1)[0]
    return found["act"], found["what"]


def user(client: httpx.Client) -> str:
    return str(client.get("/session").json()["user"])


def test_a_login(service: Answering, ann: httpx.Client) -> None:
    """Says who, from where, and with which request; a refused one is seen by whose name was used."""
    with service.stranger() as stranger:
        given = {"name": "ANN", "password": PASSWORD}
        said = stranger.post("/login", json=given, headers={"X-Request-ID": "mine-7"})
        assert said.status_code == 200
        found = log(ann, limit=1)[0]
        assert (found["act"], found["what"]) == ("login", {"by": "password"})
        assert (found["user"], found["name"]) == (user(ann), "ann")
        assert (found["address"], found["request_id"]) == ("127.0.0.1", "mine-7")
        stranger.post("/login", json={**given, "password": "something else entirely"})
        assert latest(ann) == ("login.refused", {"by": "password", "why": "wrong"})


def test_a_name_that_is_nobodys(service: Answering, root: httpx.Client) -> None:
    """Is not noted: now and then somebody types a password there."""
    with service.stranger() as stranger:
        stranger.post("/login", json={"name": "correct-horse-battery", "password": "x" * 20})
    found = log(root, limit=1)[0]
    assert (found["act"], found["user"]) == ("login.refused", None)
    assert "horse" not in str(found)


def test_what_is_noted(service: Answering, ann: httpx.Client, root: httpx.Client) -> None:
    """Tokens, passwords, users, links, logouts: each under its name, and none with a secret."""
    made = ann.post("/tokens", json={"name": "notebook", "scopes": ["read"]}).json()
    token = made["token"]["id"]
    assert latest(ann) == ("token.made", {"token": token, "name": "notebook"})
    ann.delete(f"/tokens/{token}")
    assert latest(ann) == ("token.revoked", {"token": token})
    wrong = {"current": "not the present one", "password": "another good password"}
    refused(ann.put("/password", json=wrong), 403, "wrong")
    assert latest(ann) == ("login.refused", {"by": "password", "why": "wrong"})
    assert ann.put("/password", json={"current": PASSWORD, "password": wrong["password"]}).status_code == 204
    assert latest(ann) == ("password.changed", {})
    assert ann.put("/password", json={"current": wrong["password"], "password": PASSWORD}).status_code == 204
    cleo = root.post("/users", json={"name": "cleo"}).json()
    key = cleo["user"]["id"]
    assert latest(root) == ("user.made", {"user": key, "name": "cleo"})
    root.patch(f"/users/{key}", json={"disabled": False, "tier": "paid"})
    assert latest(root) == ("user.changed", {"user": key, "disabled": False, "tier": "paid"})
    link = root.post(f"/users/{key}/link").json()["url"]
    assert latest(root) == ("link.made", {"user": key})
    secret = link.partition("#")[2]
    with service.stranger() as stranger:
        me = stranger.post("/links", json={"secret": secret, "password": PASSWORD}).json()
        stranger.headers["X-CSRF-Token"] = me["csrf"]
        assert latest(stranger) == ("link.used", {})
        assert stranger.post("/logout").status_code == 204
    assert latest(root) == ("logout", {})
    everything = str(log(root, limit=500))
    for each in (made["secret"], secret, PASSWORD, wrong["password"]):
        assert each not in everything


def test_who_may_read_it(service: Answering, ann: httpx.Client, root: httpx.Client) -> None:
    """One's own acts, with a token that may look too; an administrator all of them; a stranger none."""
    assert {each["user"] for each in log(ann, limit=500)} == {user(ann)}
    assert {user(ann), user(root)} <= {each["user"] for each in log(root, limit=500)}
    with service.script(ann, "read") as script:
        assert {each["user"] for each in log(script)} == {user(ann)}
    with service.stranger() as stranger:
        refused(stranger.get("/audit"), 401, "login")


def test_pages(root: httpx.Client) -> None:
    """One after the other they are all of it, the latest first, each line once."""
    whole, before = [], None
    while True:
        page = root.get("/audit", params={"limit": 3} | ({} if before is None else {"before": before})).json()
        whole += [each["id"] for each in page["acts"]]
        before = page["before"]
        if before is None:
            break
    assert whole == sorted(set(whole), reverse=True)
    assert len(whole) == len(log(root, limit=500))
    assert {each["act"] for each in log(root, act="login")} == {"login"}
    refused(root.get("/audit", params={"act": "nonsense"}), 422, "invalid")
    refused(root.get("/audit", params={"limit": 10**6}), 422, "invalid")


@pytest.mark.parametrize(
    "statement",
    [
        "update audit set who = 'somebody'",
        "delete from audit",
        "delete from audit where false",
        "truncate audit",
    ],
)
def test_nobody_changes_it(service: Answering, root: httpx.Client, statement: str) -> None:
    """The database refuses; there is no route that would try."""
    before = log(root, limit=500)
    with pytest.raises(DBAPIError) as caught, service.store.engine.begin() as connection:
        connection.execute(text(statement))
    assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)
    assert log(root, limit=500) == before
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert root.request(method, "/audit").status_code == 405


def test_it_outlives_its_users(service: Answering, root: httpx.Client) -> None:
    """Who is gone is still in it, without a name."""
    with service.store.engine.begin() as connection:
        acts.write(connection, Act.LOGIN, who="gone")
    found = log(root, limit=1)[0]
    assert (found["user"], found["name"]) == ("gone", None)


@pytest.mark.parametrize("what", ["nul\0nul", "x" * 10_000, "\ud800", "\r\nlogin ok", "=HYPERLINK(1)"])
def test_strange_texts(service: Answering, root: httpx.Client, what: str) -> None:
    """Are kept as far as the database can hold them, and stay one fact of one line."""
    with service.store.engine.begin() as connection:
        acts.write(connection, Act.TOKEN_MADE, who="x", what={"name": what}, request_id=what)
    found = log(root, limit=1)[0]
    assert found["act"] == "token.made"
    assert 0 < len(str(found["what"]["name"])) <= 200  # type: ignore[index]  # it is a dictionary


def test_with_what_it_is_about(service: Answering, root: httpx.Client) -> None:
    """In one transaction: what is undone was not done."""
    before = log(root, limit=500)

    with service.store.engine.connect() as connection:
        acts.write(connection, Act.KEY_SET, who="x")
        connection.rollback()
    assert log(root, limit=500) == before
