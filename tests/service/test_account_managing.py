"""What administrators do, over HTTP and on the server's machine."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from account_samples import House, Person, house
from cli_samples import Program
from service_samples import Served
from treefolio.service.problems import Declined
from treefolio.testing.postgres import PostgresServer


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("name", ["ann", " Ann ", "ＡＮＮ", "ANN"])
def test_names_are_one_persons(here: House, admin: Person, name: str) -> None:
    """Whatever their capitals and their width."""
    if not any(each.name == "ann" for each in here.accounts.users()):
        assert admin.post("/users", {"name": "ann"}).status_code == 201
    assert said(admin.post("/users", {"name": name})) == (409, "taken")


@pytest.mark.parametrize("name", ["a b", "a\0b", "a/b", "x" * 101, " ", "a\nb", "<b>", "\u202eann"])
def test_what_is_no_name(admin: Person, name: str) -> None:
    """Is refused, with what one looks like."""
    answer = admin.post("/users", {"name": name})
    assert said(answer) == (422, "name")
    assert answer.json()["path"] == "body.name"


def test_a_tier_that_is_none(admin: Person) -> None:
    """Is refused, with those that there are."""
    answer = admin.post("/users", {"name": "gold", "tier": "gold"})
    assert said(answer) == (422, "tier")
    assert "free, paid" in answer.json()["hint"]


def test_the_tier_of_a_new_user(
    here: House, admin: Person, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Administrators are paid for, the first one too, unless another tier is named; where there is none such,
    they have everybody's."""
    monkeypatch.setenv("TREEFOLIO_DATABASE_URL", here.database)
    program = Program(capsys)
    for name, *flags in (("t1",), ("t2", "--administrator"), ("t3", "--administrator", "--tier", "free")):
        assert program("users", "add", name, *flags).status == 0
    for body in ({"name": "t4"}, {"name": "t5", "administrator": True}):
        assert admin.post("/users", body).status_code == 201
    tiers = {each.name: each.tier for each in here.accounts.users()}
    expected = {"admin": "paid", "t1": "free", "t2": "paid", "t3": "free", "t4": "free", "t5": "paid"}
    assert {name: tiers[name] for name in expected} == expected
    here.accounts.tiers, before = ("free", "gold"), here.accounts.tiers
    assert here.accounts.enter("t6", administrator=True).tier == "free"
    here.accounts.tiers = before
    for name in (*list(expected)[1:], "t6"):
        here.accounts.change(here.accounts.named(name).id, administrator=False)


def test_users_are_listed_and_changed(here: House, admin: Person) -> None:
    """By an administrator alone, in person."""
    bob = admin.invited(here.browser(), "bob", tier="paid")
    listed = {each["name"]: each for each in admin.get("/users").json()["users"]}
    assert (listed["bob"]["tier"], listed["bob"]["has_password"]) == ("paid", True)
    assert "local" not in {each["id"] for each in listed.values()}
    assert admin.patch(f"/users/{bob.id}", {"tier": "free"}).json()["tier"] == "free"
    assert admin.patch(f"/users/{bob.id}", {}).json()["tier"] == "free"
    for path in ("/users/local", f"/users/{'0' * 32}"):
        assert said(admin.patch(path, {"tier": "free"})) == (404, "not_found")
        assert said(admin.post(f"{path}/link")) == (404, "not_found")
    assert said(bob.get("/users")) == (403, "not_administrator")
    assert said(bob.patch(f"/users/{bob.id}", {"administrator": True})) == (403, "not_administrator")
    assert admin.patch(f"/users/{bob.id}", {"administrator": True}).json()["administrator"] is True
    assert bob.get("/users").status_code == 200
    assert said(here.script(bob.token()).get("/users")) == (403, "in_person")


def test_who_is_disabled(here: House, admin: Person) -> None:
    """Is out at once: sessions, tokens, links and passwords open nothing, until they are let in again."""
    eve = admin.invited(here.browser(), "eve")
    script, user = here.script(eve.token()), eve.id
    url = admin.post(f"/users/{user}/link").json()["url"]
    assert admin.patch(f"/users/{user}", {"disabled": True}).json()["disabled"] is True
    assert said(eve.get("/session")) == (401, "login")
    assert said(script.get("/session")) == (401, "login")
    assert said(eve.login()) == (401, "wrong")
    assert said(eve.open_link(url)) == (410, "link")
    assert admin.patch(f"/users/{user}", {"disabled": False}).status_code == 200
    assert said(eve.get("/session")) == (401, "login")
    assert eve.login().status_code == 200
    assert script.get("/session").status_code == 200


def test_a_lost_password(here: House, admin: Person) -> None:
    """Gets a link: all earlier logins end with it, and an earlier link opens nothing."""
    dora = admin.invited(here.browser(), "dora")
    first = admin.post(f"/users/{dora.id}/link").json()["url"]
    second = admin.post(f"/users/{dora.id}/link").json()["url"]
    other = here.person("dora")
    other.password = "another one of dora"
    assert said(other.open_link(first)) == (410, "link")
    assert dora.get("/session").status_code == 200
    assert other.open_link(second).status_code == 200
    assert said(dora.get("/session")) == (401, "login")
    assert said(dora.login()) == (401, "wrong")


def test_there_is_always_an_administrator(server: PostgresServer, tmp_path: Path) -> None:
    """The last one can neither step back nor be disabled, also when two step back at once."""
    with house(server, tmp_path) as here:
        admin = here.administrator()
        for change in ({"administrator": False}, {"disabled": True}):
            assert said(admin.patch(f"/users/{admin.id}", change)) == (409, "last_administrator")
        for turn in range(5):
            here.accounts.change(admin.id, administrator=True)
            other = here.accounts.enter(f"other{turn}", administrator=True).id
            refusals: list[str] = []

            def step_back(user: str, told: list[str] = refusals) -> None:
                try:
                    here.accounts.change(user, administrator=False)
                except Declined as error:
                    told.append(error.code)

            both = [threading.Thread(target=step_back, args=(user,)) for user in (admin.id, other)]
            for each in both:
                each.start()
            for each in both:
                each.join()
            assert refusals == ["last_administrator"]
            left = [each.id for each in here.accounts.users() if each.administrator]
            assert len(left) == 1
            if left == [other]:
                here.accounts.change(admin.id, administrator=True)
                here.accounts.change(other, administrator=False)


def test_without_users(served: Served) -> None:
    """A service of one user says who that is, and has no accounts."""
    with httpx.Client(base_url=served.url) as browser:
        me = Person(browser, "")
        assert me.get("/session").json() == {
            "user": "local",
            "name": "",
            "administrator": True,
            "by": "house",
            "scopes": ["read", "write"],
            "csrf": None,
        }
        asked: tuple[Callable[[], Any], ...] = (
            lambda: me.login("ann"),
            lambda: me.post("/links", {"secret": "x", "password": "x" * 12}),
            lambda: me.post("/logout"),
            lambda: me.put("/password", {"password": "x" * 12}),
            lambda: me.get("/tokens"),
            lambda: me.post("/tokens", {"name": "x"}),
            lambda: me.get("/sessions"),
            lambda: me.get("/users"),
            lambda: me.post("/users", {"name": "x"}),
        )
        for ask in asked:
            assert said(ask()) == (409, "no_accounts")
        assert browser.get("/welcome").status_code == 404


def test_on_the_machine(
    capsys: pytest.CaptureFixture[str], inhabited: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`treefolio users`: add, link, list, tier, disable, enable; beside the service, and its user sees it."""
    monkeypatch.setenv("TREEFOLIO_HOME", str(inhabited.home))
    program = Program(capsys)
    added = program("users", "add", "fritz@example.org", "--tier", "paid", "--url", inhabited.url)
    assert added.status == 0, added.err
    with httpx.Client(base_url=inhabited.url, headers={"Origin": inhabited.url}, timeout=60) as browser:
        fritz = Person(browser, "fritz@example.org")
        assert fritz.open_link(added.out.splitlines()[-1]).status_code == 200
        listed = json.loads(program("users", "list", "--json").out)["users"]
        found = next(each for each in listed if each["name"] == fritz.name)
        assert (found["tier"], found["administrator"], found["has_password"]) == ("paid", False, True)
        assert program("users", "tier", "FRITZ@example.org", "free").status == 0
        assert re.search(r"fritz@example\.org +free", program("users", "list").out)
        assert program("users", "disable", fritz.name).status == 0
        assert said(fritz.get("/session")) == (401, "login")
        assert program("users", "enable", fritz.name).status == 0
        link = program("users", "link", fritz.name, "--url", "https://treefolio.example.org")
        assert link.out.splitlines()[-1].startswith("https://treefolio.example.org/welcome#")
        assert fritz.open_link(link.out.splitlines()[-1]).status_code == 200
        acts = fritz.get("/audit").json()["acts"]
        done = [(each["act"], each["what"]) for each in acts if each["what"].get("by") == "operator"]
    assert done == [
        ("link.made", {"by": "operator"}),
        ("user.changed", {"by": "operator", "disabled": False}),
        ("user.changed", {"by": "operator", "disabled": True}),
        ("user.changed", {"by": "operator", "tier": "free"}),
        ("user.made", {"by": "operator", "name": fritz.name, "administrator": False, "tier": "paid"}),
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("add", "a b"), 1, "is no name for a user"),
        (("add", "admin"), 1, "the name admin is taken"),
        (("add", "x", "--tier", "gold"), 1, "there is no tier 'gold'"),
        (("add", "x", "--url", "nowhere"), 2, "is no address"),
        (("link", "admim"), 1, "Did you mean admin?"),
        (("disable", "admin"), 1, "nobody would be administrator any more"),
        (("tier", "admin", "gold"), 1, "There are free, paid"),
    ],
)
def test_mistakes_on_the_machine(
    capsys: pytest.CaptureFixture[str],
    inhabited: Served,
    administrator: Person,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    """Say what is wrong and what to do."""
    assert administrator.get("/session").status_code == 200
    monkeypatch.setenv("TREEFOLIO_HOME", str(inhabited.home))
    called = Program(capsys)("users", *arguments)
    assert (called.status, message in called.err) == (status, True), called.err


def test_no_database_on_the_machine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Says how to start one."""
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path))
    called = Program(capsys)("users", "list")
    assert (called.status, "Start `treefolio serve`" in called.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "url", "message"),
    [
        (("--users", "--host", "0.0.0.0"), None, "Set TREEFOLIO_PUBLIC_URL"),
        (("--users",), "treefolio.example.org", "is no address of a service"),
        (("--host", "0.0.0.0"), "https://treefolio.example.org", "there is no login"),
    ],
)
def test_what_serve_refuses(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    url: str | None,
    message: str,
) -> None:
    """To be reached by others under no name, under a damaged one, or without a login."""
    if url is not None:
        monkeypatch.setenv("TREEFOLIO_PUBLIC_URL", url)
    called = Program(capsys)("serve", "--home", tmp_path / "home", "--port", "0", *arguments)
    assert (called.status, message in called.err) == (2, True), called.err
    assert not (tmp_path / "home").exists()


def test_the_link_is_said_once(inhabited: Served, administrator: Person) -> None:
    """After the address, on a line of its own; the log has no secret of it."""
    assert administrator.get("/session").status_code == 200
    assert inhabited.said[0].startswith("Treefolio serves at ")
    assert re.fullmatch(
        rf"Begin as the administrator, within 24 hours: {inhabited.url}/welcome#[\w-]{{43}}\n",
        inhabited.said[1],
    )
    assert inhabited.link().partition("#")[2] not in inhabited.errors()
