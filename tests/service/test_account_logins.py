"""Logging in: links, passwords, sessions and their cookie, what a page of another site cannot do."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import argon2
import pytest
from sqlalchemy import text

from account_samples import House, Person, house, served
from treefolio.service.accounts.passwords import Passwords
from treefolio.service.problems import Declined
from treefolio.testing.postgres import PostgresServer


@pytest.fixture
def ann(here: House, admin: Person, request: pytest.FixtureRequest) -> Person:
    """A user of this test alone."""
    return admin.invited(here.browser(), re.sub(r"\W+", "-", request.node.name)[:60])


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """What is said, in the one shape."""
    said: dict[str, Any] = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), said
    assert said["hint"]
    return said


def rows(here: House, statement: str, **values: Any) -> list[Any]:
    """What the database says; or what it does."""
    with here.store.engine.begin() as connection:
        found = connection.execute(text(statement), values)
        return list(found) if found.returns_rows else []


def test_the_first_administrator(server: PostgresServer, tmp_path: Path) -> None:
    """Is made once; a link replaces the one before; from the first password on there is none any more."""
    with house(server, tmp_path) as here:
        accounts = here.accounts
        first, second = accounts.first_link(), accounts.first_link()
        assert first is not None
        assert second is not None
        assert (first.user.id, first.user.name, first.user.administrator) == (second.user.id, "admin", True)
        person = here.person("admin")
        refused(person.open_link(first.url(here.url)), 410, "link")
        assert person.open_link(second.url(here.url)).json()["administrator"] is True
        refused(person.open_link(second.url(here.url)), 410, "link")
        assert accounts.first_link() is None


def test_a_link_is_used_once(here: House) -> None:
    """Also when several use it at the same moment."""
    link = here.accounts.link(here.accounts.enter("twice").id)
    ends: list[str] = []

    def use(password: str) -> None:
        try:
            here.accounts.open_link(link.secret, password)
            ends.append(password)
        except Declined as error:
            ends.append(error.code)

    threads = [threading.Thread(target=use, args=(f"password number {each}",)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    (good,) = (end for end in ends if end != "link")
    assert here.person("twice").login(password=good).status_code == 200


def test_a_link_may_name(here: House, admin: Person) -> None:
    """Another name than the administrator gave, if it is free; and refuses to be used again."""
    url = admin.post("/users", {"name": "given"}).json()["url"]
    person = here.person("chosen")
    refused(person.open_link(url, name="ADMIN"), 409, "taken")
    assert person.open_link(url, name="chosen").json()["name"] == "chosen"
    assert here.person("Chosen").login(password=person.password).status_code == 200
    refused(here.person("given").login(), 401, "wrong")


def test_a_link_lasts_a_day(here: House, admin: Person) -> None:
    """And no longer."""
    made = admin.post("/users", {"name": "late"}).json()
    rows(here, "update links set expires_at = now() where owner = :id", id=made["user"]["id"])
    refused(here.person("late").open_link(made["url"]), 410, "link")
    again = admin.post(f"/users/{made['user']['id']}/link").json()
    rows(
        here,
        "update links set expires_at = expires_at - interval '23 h 59 min' where owner = :id",
        id=made["user"]["id"],
    )
    assert here.person("late").open_link(again["url"]).status_code == 200


@pytest.mark.parametrize(
    "password",
    [
        "eleven char",
        "x" * 1_001,
        "passwordpassword",
        "PASSWORD1234",
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "somebody@example.org",
    ],
)
def test_passwords_that_will_not_do(here: House, admin: Person, password: str) -> None:
    """Short, endless, common, of few characters, or one's name; the link is there for a better one."""
    name = "somebody@example.org"
    known = {each["name"]: each["id"] for each in admin.get("/users").json()["users"]}
    made = admin.post(f"/users/{known[name]}/link") if name in known else admin.post("/users", {"name": name})
    person = here.person(name)
    person.password = password
    said = refused(person.open_link(made.json()["url"]), 422, "password")
    assert said["path"] == "body.password"
    person.password = "twelve chars"
    assert person.open_link(made.json()["url"]).status_code == 200


def test_a_password_is_the_same_however_it_is_composed(here: House, ann: Person) -> None:
    """A keyboard may send é as one character or as two; and a name in capitals is the same."""
    composed, split = "caf\u00e9 au lait pour moi", "cafe\u0301 au lait pour moi"
    assert ann.put("/password", {"current": ann.password, "password": composed}).status_code == 204
    assert here.person(ann.name.upper()).login(password=split).status_code == 200


@pytest.mark.parametrize("name", ["nobody", "admin", "\0", "a b", "\ud7ff", "x" * 200])
def test_who_is_not_known_or_wrong_learns_nothing(here: House, name: str) -> None:
    """The same answer for a name that there is, that there is not, and that can be none."""
    said = refused(here.person("x").login(name, "not the password at all"), 401, "wrong")
    assert said["message"] == "name or password is wrong"


def test_an_unknown_name_costs_as_much() -> None:
    """A password is compared with something in any case."""
    passwords = Passwords()
    compared: list[str] = []
    verify = passwords.hasher.verify

    class Counted(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002 - theirs
            compared.append(str(hash))
            return verify(hash, password)

    passwords.hasher = Counted()
    assert not passwords.matches("whatever it is", None)
    kept = Passwords().hash("whatever it is")
    assert passwords.matches("whatever it is", kept)
    assert [argon2.extract_parameters(each) for each in compared] == [argon2.extract_parameters(kept)] * 2


def test_what_is_kept_of_secrets(here: House, ann: Person) -> None:
    """Neither password, session, token nor link stands in any table."""
    token = ann.token()
    secret = next(iter(ann.http.cookies.values()))
    link = here.accounts.link(ann.id).secret
    found = [
        str(row)
        for table in ("users", "sessions", "tokens", "links")
        for row in rows(here, f"select {table}.*::text from {table}")
    ]
    assert any("$argon2id$v=19$m=47104,t=1,p=1$" in row for row in found)
    for each in (ann.password, secret, token, link):
        assert not any(each in row for row in found)


def test_older_hashes_are_renewed(here: House, ann: Person) -> None:
    """At the next login, when the parameters have changed since."""
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(ann.password)
    rows(here, "update users set password = :weak where id = :id", weak=weak, id=ann.id)
    assert here.person(ann.name).login().status_code == 200
    assert "m=47104,t=1,p=1" in rows(here, "select password from users where id = :id", id=ann.id)[0][0]


def test_the_cookie(ann: Person) -> None:
    """No script reads it and no other site sends it; its word is random and new at each login."""
    cookie = ann.login().headers["Set-Cookie"]
    assert re.fullmatch(r"treefolio=[\w-]{43}; HttpOnly; Max-Age=604800; Path=/; SameSite=strict", cookie), (
        cookie
    )
    assert ann.login().headers["Set-Cookie"] != cookie


def test_the_cookie_under_https(server: PostgresServer, tmp_path: Path) -> None:
    """Goes over HTTPS alone, and no other host can have set it; answers say that HTTPS stays."""
    with house(server, tmp_path, public_url="https://treefolio.example.org/") as here:
        admin = here.administrator()
        answer = admin.login()
        cookie = answer.headers["Set-Cookie"]
        assert re.fullmatch(
            r"__Host-treefolio=[\w-]{43}; HttpOnly; Max-Age=604800; Path=/; SameSite=strict; Secure", cookie
        )
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        admin.http.headers["Cookie"] = cookie.partition(";")[0]  # as a browser does over HTTPS
        for host in ("treefolio.example.org", "treefolio.example.org:443", "127.0.0.1:8000"):
            made = admin.post("/users", {"name": f"ann@{host.replace(':', '-')}"}, headers={"Host": host})
            assert made.json()["url"].startswith("https://treefolio.example.org/welcome#")
        refused(admin.get("/session", headers={"Host": "example.org"}), 403, "elsewhere")


def test_a_login_ends_the_one_before(here: House, ann: Person) -> None:
    """The browser's: its word opens nothing any more."""
    before = dict(ann.http.cookies)
    assert ann.login().status_code == 200
    thief = here.person("thief")
    thief.http.cookies.update(before)
    refused(thief.get("/session"), 401, "login")
    assert ann.get("/session").status_code == 200


def test_logging_out(ann: Person) -> None:
    """Ends the session where it is kept, not only in the browser."""
    kept = dict(ann.http.cookies)
    answer = ann.post("/logout")
    assert (answer.status_code, ann.http.cookies) == (204, {})
    ann.http.cookies.update(kept)
    said = refused(ann.get("/session"), 401, "login")
    assert said["message"] == "nobody is logged in"


@pytest.mark.parametrize(
    ("moved", "status"),
    [
        ("seen_at = seen_at - interval '11 h'", 200),
        ("seen_at = seen_at - interval '13 h'", 401),
        ("created_at = created_at - interval '6 d'", 200),
        ("created_at = created_at - interval '8 d'", 401),
    ],
)
def test_sessions_end(here: House, ann: Person, moved: str, status: int) -> None:
    """When they are not used for long, and at last in any case."""
    rows(here, f"update sessions set {moved} where owner = :id", id=ann.id)
    assert ann.get("/session").status_code == status


def test_that_somebody_is_there_is_written_once_a_minute(here: House, ann: Person) -> None:
    """Not with every request; the same of tokens."""
    script = here.script(ann.token("read"))
    user = ann.id
    for table, column, ask in (("sessions", "seen_at", ann), ("tokens", "used_at", script)):
        look = f"select {column} from {table} where owner = :id"
        assert ask.get("/session").status_code == 200
        before = rows(here, look, id=user)
        assert before[0][0] is not None
        assert ask.get("/session").status_code == 200
        assert rows(here, look, id=user) == before
        rows(here, f"update {table} set {column} = {column} - interval '61 s' where owner = :id", id=user)
        assert ask.get("/session").status_code == 200
        assert rows(here, look, id=user) > before


def test_another_password_ends_other_logins(here: House, ann: Person) -> None:
    """Not the one that changes it; the present password must be known."""
    other = here.person(ann.name)
    assert other.login().status_code == 200
    refused(ann.put("/password", {"current": "wrong", "password": "another good one"}), 403, "wrong")
    refused(ann.put("/password", {"password": "another good one"}), 403, "wrong")
    refused(ann.put("/password", {"current": ann.password, "password": "short"}), 422, "password")
    assert other.get("/session").status_code == 200
    assert ann.put("/password", {"current": ann.password, "password": "another good one"}).status_code == 204
    refused(other.get("/session"), 401, "login")
    assert ann.get("/session").status_code == 200
    refused(other.login(), 401, "wrong")
    assert other.login(password="another good one").status_code == 200


def test_own_sessions(here: House, ann: Person) -> None:
    """Are listed, the present one marked, and each can be ended."""
    phone = Person(here.browser(**{"User-Agent": "a \tphone" + "x" * 300}), ann.name)
    assert phone.login().status_code == 200
    found = ann.get("/sessions").json()["sessions"]
    assert [each["current"] for each in found].count(True) == 1
    other = next(each for each in found if not each["current"])
    assert other["agent"].startswith("a phone")
    assert len(other["agent"]) == 200
    assert ann.delete(f"/sessions/{other['id']}").status_code == 204
    refused(phone.get("/session"), 401, "login")
    refused(ann.delete(f"/sessions/{other['id']}"), 404, "not_found")


def test_sessions_are_not_without_number(here: House, ann: Person) -> None:
    """The one that was not used longest gives way."""
    browsers = [here.person(ann.name) for _ in range(20)]
    assert {each.login().status_code for each in browsers} == {200}
    assert len(browsers[-1].get("/sessions").json()["sessions"]) == 20
    refused(ann.get("/session"), 401, "login")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": "é"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "https://127.0.0.1"}, 403),
        ({"Origin": ""}, 403),
    ],
)
def test_only_own_pages_change_something(ann: Person, headers: dict[str, str], status: int) -> None:
    """A browser sends the cookie whoever asks it to; what else is needed, no other site knows."""
    given = {name: value.encode() for name, value in headers.items()}
    answer = ann.post("/tokens", {"name": "x"}, headers=given)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] in ("csrf", "elsewhere")


def test_without_an_origin(ann: Person) -> None:
    """Nothing is changed by a cookie; looking is free."""
    del ann.http.headers["Origin"]
    refused(ann.post("/tokens", {"name": "x"}), 403, "csrf")
    assert ann.get("/tokens").json() == {"tokens": []}


def test_the_word_for_pages_is_of_one_session(here: House, ann: Person) -> None:
    """Another session's, even of the same user, is none."""
    other = here.person(ann.name)
    assert other.login().status_code == 200
    other.http.headers["X-CSRF-Token"] = ann.http.headers["X-CSRF-Token"]
    refused(other.post("/tokens", {"name": "x"}), 403, "csrf")
    other.http.headers["X-CSRF-Token"] = other.get("/session").json()["csrf"]
    assert other.post("/tokens", {"name": "x"}).status_code == 201


def test_who_is_let_in(server: PostgresServer, tmp_path: Path) -> None:
    """With a list, its names alone, also for who has logged in before; administrators always."""
    with house(server, tmp_path / "open") as here:
        admin = here.administrator()
        ann = admin.invited(here.browser(), "Ann@example.org")
        bob = admin.invited(here.browser(), "bob")
        url = admin.post("/users", {"name": "eve"}).json()["url"]
        token = bob.token()
        with served(here.database, tmp_path / "closed", allowed_users=" ann@EXAMPLE.org, carl ") as closed:
            for person, status in ((ann, 200), (bob, 401), (admin, 200)):
                again = closed.person(person.name)
                again.http.cookies.update(person.http.cookies)
                assert again.get("/session").status_code == status
            refused(closed.person("bob").login(), 403, "not_allowed")
            refused(closed.script(token).get("/session"), 401, "login")
            refused(closed.person("eve").open_link(url), 403, "not_allowed")
            assert closed.person("carl").open_link(url, name="carl").status_code == 200
            assert closed.person("ann@example.org").login(password=ann.password).status_code == 200
