"""How often something may be asked: evenly, ever more slowly for logins, each user for themselves."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.requests import HTTPConnection

from account_samples import Answering, refused
from treefolio.errors import UsageError
from treefolio.service.callers import CALLER, THE_USER
from treefolio.service.limits import COSTLY, Limits
from treefolio.service.problems import Declined
from treefolio.service.settings import RATES, ServiceSettings, proxies_of
from treefolio.service.whence import site, whence
from treefolio.testing.clock import FakeClock
from treefolio.testing.postgres import PostgresServer

HERE = "203.0.113.7"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock("2026-03-02T12:00+00:00")


def limits(clock: FakeClock, *, most: int = 100, **per_minute: int) -> Limits:
    return Limits({**RATES, **per_minute}, clock=lambda: clock.now().timestamp(), most=most)


def wait(of: Limits, *, name: str | None = "ann", address: str = HERE) -> int:
    """Seconds that a try to log in must wait; 0 when it may come in."""
    try:
        of.login(name=name, address=address)
    except Declined as error:
        return int(error.retry_after or 0) if error.status == 429 else -1
    return 0


def passed(clock: FakeClock, seconds: float) -> None:
    clock.advance(timedelta(seconds=seconds))


def test_five_in_a_minute(clock: FakeClock) -> None:
    """Then a wait is said; before it is over nobody comes in, and after it one does."""
    found = limits(clock)
    assert [wait(found) for _ in range(5)] == [0] * 5
    first = wait(found)
    assert first > 0
    passed(clock, first - 1)
    assert wait(found) == 1
    passed(clock, 1)
    assert wait(found) == 0
    assert wait(found) > 0


def test_guessing_gets_slower(clock: FakeClock) -> None:
    """Each round takes twice as long, up to a bound; in an hour there are far fewer than a hundred tries."""
    found = limits(clock)
    waits, tries, spent = [], 0, 0
    while spent < 3600:
        if seconds := wait(found):
            waits.append(seconds)
            spent += seconds
            passed(clock, seconds)
        else:
            tries += 1
    assert waits[:5] == [24, 48, 96, 192, 384]
    assert set(waits[5:]) == {384}
    assert tries < 25


def test_left_alone(clock: FakeClock) -> None:
    """For long enough, it is as if nothing had been."""
    found = limits(clock)
    while not (seconds := wait(found)):
        pass
    passed(clock, seconds * 5)
    assert [wait(found) for _ in range(5)] == [0] * 5
    assert wait(found) == seconds


def test_a_right_password(clock: FakeClock) -> None:
    """The name begins anew; the address has that one try again, and no other."""
    found = limits(clock)
    for _ in range(40):
        assert wait(found) == 0
        found.welcome(name="ann", address=HERE)
    assert [wait(found, name=f"user {n}") for n in range(21)][-2:] != [0, 0]


def test_names_and_addresses(clock: FakeClock) -> None:
    """Many addresses cannot try one name, nor one address many names; capitals make no other name."""
    found = limits(clock)
    assert sum(wait(found, address=f"203.0.113.{n}") == 0 for n in range(50)) == 5
    assert wait(found, name="ANN", address="198.51.100.1") > 0
    found = limits(clock)
    assert sum(wait(found, name=f"user {n}") == 0 for n in range(50)) == 20
    assert wait(found, name=None) > 0
    assert wait(found, name="ben", address="198.51.100.1") == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("unknown", "unknown", True),
    ],
)
def test_sites(one: str, other: str, same: bool) -> None:
    """Who has a network of their own is one address, however many they use of it."""
    assert (site(one) == site(other)) is same


def test_costly_requests(clock: FakeClock) -> None:
    """Each user and each kind has its own; they come evenly, and waiting does not grow."""
    found = limits(clock, submit=6)
    for _ in range(3):
        for _ in range(6):
            found.cost("submit", "ann")
        with pytest.raises(Declined) as caught:
            found.cost("submit", "ann")
        assert caught.value.retry_after == 10
        found.cost("submit", "ben")
        found.cost("export", "ann")
        passed(clock, 60)


def test_bounded(clock: FakeClock) -> None:
    """Whatever is tried, no more buckets are kept; those that were used last stay."""
    found = limits(clock, most=50)
    draw = random.Random(3)
    for n in range(2_000):
        wait(found, name=f"user {draw.random()}", address=f"203.0.{n % 200}.{n % 250}")
        assert len(found) <= 50
    while not wait(found, name="ann", address="192.0.2.1"):
        pass
    for n in range(20):
        wait(found, name=f"other {n}", address=f"203.0.113.{n}")
    assert wait(found, name="ann", address="192.0.2.1") > 0


def test_threads(clock: FakeClock) -> None:
    """However many try at once, no more come in."""
    found = limits(clock, login=40)
    came: list[int] = []

    def work() -> None:
        came.extend(wait(found) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert came.count(0) == 40


# Settings, and where a request comes from.


def test_settings() -> None:
    """What is not given is as usual; what nobody knows is refused."""
    assert ServiceSettings(rates={"login": 2}).rates == {**RATES, "login": 2}
    for bad in ({"logins": 2}, {"login": 0}, {"login": -1}):
        with pytest.raises(UsageError, match="TREEFOLIO_RATES"):
            ServiceSettings(rates=bad)
    with pytest.raises(UsageError, match="TREEFOLIO_TRUSTED_PROXIES"):
        ServiceSettings(trusted_proxies="127.0.0.1, nowhere")


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("127.0.0.1", ["198.51.100.4"], "198.51.100.4"),
        ("127.0.0.1", ["203.0.113.1, 198.51.100.4"], "198.51.100.4"),
        ("127.0.0.1", ["203.0.113.1", "198.51.100.4"], "198.51.100.4"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("10.9.8.7", ["198.51.100.4"], "198.51.100.4"),
        ("203.0.113.9", ["198.51.100.4"], "203.0.113.9"),
        ("testclient", ["198.51.100.4"], "testclient"),
    ],
)
def test_proxies(peer: str, said: list[str], address: str) -> None:
    """A trusted proxy is believed about whom it speaks for, by its own entry; nobody else is believed."""
    headers = [(b"x-forwarded-for", each.encode()) for each in said]
    scope = {"type": "http", "headers": headers, "client": (peer, 1), CALLER: THE_USER, "request_id": "r"}
    found = whence(HTTPConnection(scope), proxies_of("127.0.0.1, ::1, 10.0.0.0/8"))
    assert (found.address, found.who, found.request_id) == (address, "local", "r")


# Over HTTP.


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture(scope="module")
def service(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    few = ServiceSettings(users=True, rates=dict.fromkeys(RATES, 2) | {"login": 3})
    with Answering(server.database(), tmp_path_factory.mktemp("home"), few) as answering:
        yield answering


def test_logins_over_http(service: Answering) -> None:
    """The fourth wrong one is refused before the password is looked at, and so is a right one after it."""
    with service.person("ann"), service.stranger() as stranger:
        wrong = {"name": "ann", "password": "not her password"}
        for _ in range(3):
            refused(stranger.post("/login", json=wrong), 401, "wrong")
        said = stranger.post("/login", json=wrong)
        refused(said, 429, "too_many")
        assert int(said.headers["Retry-After"]) > 0
        refused(stranger.post("/login", json={**wrong, "name": "ＡＮＮ"}), 429, "too_many")


def test_costly_routes_over_http(service: Answering) -> None:
    """Of one user, by session and token together; the other user is not held up."""
    with service.person("ben") as ben, service.person("cleo") as cleo, service.script(ben, "write") as script:
        assert [ben.post("/jobs", json={}).status_code for _ in range(2)] == [422, 422]
        said = refused(script.post("/jobs", json={}), 429, "too_many")
        assert "2 times a minute" in said["message"]
        assert cleo.post("/jobs", json={}).status_code == 422
        assert ben.get("/jobs").status_code == 200


def test_the_one_user_is_not_counted(server: PostgresServer, tmp_path: Path) -> None:
    """Of a service without login: it is their machine."""
    few = ServiceSettings(rates=dict.fromkeys(RATES, 1))
    with Answering(server.database(), tmp_path / "home", few) as alone, alone.stranger() as person:
        assert {person.post("/jobs", json={}).status_code for _ in range(5)} == {422}


def test_costly_routes_are_there(service: Answering) -> None:
    """Each row of the table names a route of the service and a kind that has a limit."""
    page = httpx.get(f"{service.origin}/api/v1/openapi.json").json()
    there = {
        (verb.upper(), path.removeprefix("/api/v1"))
        for path, verbs in page["paths"].items()
        for verb in verbs
    }
    assert set(COSTLY) <= there
    assert set(COSTLY.values()) | {"login"} == set(RATES)
