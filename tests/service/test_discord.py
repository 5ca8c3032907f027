"""Logging in with Discord, against a server that speaks as it does: once, in one browser, by some."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update

from account_samples import Answering, refused
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.tables import crossings, identities, users
from treefolio.service.accounts.store import accounts_of
from treefolio.service.discord.provider import Person
from treefolio.service.discord.store import Identities
from treefolio.service.entering import enter
from treefolio.service.settings import ServiceSettings
from treefolio.testing.discord import CLIENT_ID, CLIENT_SECRET, DiscordServer, DiscordUser
from treefolio.testing.postgres import PostgresServer

ANN = DiscordUser(id="80351110224678912", username="ann")
BEN = DiscordUser(id="80351110224678913", username="ben")
PLENTY = {"login": 1000}


@dataclass(frozen=True, kw_only=True)
class Running:
    service: Answering
    discord: DiscordServer


def settings(discord: DiscordServer, **changed: object) -> ServiceSettings:
    given = {
        "users": True,
        "rates": PLENTY,
        "discord_client_id": CLIENT_ID,
        "discord_client_secret": SecretStr(CLIENT_SECRET),
        "discord_url": discord.url,
    }
    return ServiceSettings(**{**given, **changed})  # type: ignore[arg-type]  # pydantic looks at them


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture(scope="module")
def running(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """For most tests: a Discord, and a service that knows it."""
    with DiscordServer(ANN) as discord:
        home = tmp_path_factory.mktemp("home")
        with Answering(server.database(), home, settings(discord)) as service:
            yield Running(service=service, discord=discord)


@pytest.fixture
def service(running: Running) -> Answering:
    """Nobody has logged in here with Discord before."""
    with running.service.store.engine.begin() as connection:
        connection.execute(delete(users).where(users.c.handle.is_not(None)))
        connection.execute(delete(crossings))
    return running.service


@pytest.fixture
def discord(running: Running) -> DiscordServer:
    running.discord.person, running.discord.denies, running.discord.fault = ANN, False, None
    return running.discord


@pytest.fixture
def browser(service: Answering) -> Iterator[httpx.Client]:
    with service.stranger() as client:
        yield client


def leave(browser: httpx.Client) -> str:
    """Goes to Discord and agrees there; where Discord sends the browser back."""
    away = browser.get("/login/discord")
    assert away.status_code == 303, away.text
    return str(httpx.get(away.headers["Location"]).headers["Location"])


def login(browser: httpx.Client) -> httpx.Response:
    return browser.get(leave(browser))


def turned_away(answer: httpx.Response, why: str) -> None:
    """It is a browser, so the page says why, in words of its own; there is no session."""
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/welcome?why={why}"), answer.text
    assert "set-cookie" not in answer.headers


def test_the_first_login(service: Answering, browser: httpx.Client) -> None:
    """Makes a user and begins a session; the next one is the same user's."""
    back = login(browser)
    assert (back.status_code, back.headers["Location"]) == (303, "/welcome")
    me = browser.get("/session").json()
    assert (me["name"], me["by"], me["administrator"]) == ("ann@discord", "session", False)
    with service.stranger() as other:
        assert login(other).status_code == 303
        assert other.get("/session").json()["user"] == me["user"]
    assert [each.name for each in service.accounts.users()] == ["ann@discord"]
    said = [(each["act"], each["what"]) for each in browser.get("/audit").json()["acts"]]
    assert said == [("login", {"by": "discord"})] * 2 + [("user.made", {"by": "discord"})]


def test_the_page_for_people(service: Answering, browser: httpx.Client) -> None:
    """Has a link to it, and says why somebody was turned away."""
    page = browser.get(f"{service.origin}/welcome").text
    assert 'href="/api/v1/login/discord"' in page
    for why in ("discord_refused", "discord_away", "not_allowed", "too_many", "database_away"):
        assert f"  {why}: " in page


def test_what_the_browser_is_given(browser: httpx.Client) -> None:
    """A cookie for ten minutes that pages cannot read, for this path alone; PKCE and a state for Discord."""
    away = browser.get("/login/discord")
    cookie = away.headers["Set-Cookie"].lower()
    for word in ("httponly", "samesite=lax", "max-age=600", "path=/api/v1/login/discord"):
        assert word in cookie
    where = urlsplit(away.headers["Location"])
    asked = parse_qs(where.query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{browser.headers['Origin']}/api/v1/login/discord/callback"]
    assert CLIENT_SECRET not in away.headers["Location"]
    assert browser.cookies["treefolio_discord"] not in away.headers["Location"]


def test_with_a_public_address(server: PostgresServer, discord: DiscordServer, tmp_path: Path) -> None:
    """Discord sends the browser back there, whatever `Host` says, and cookies go by HTTPS alone."""
    public = settings(discord, public_url="https://treefolio.example.org")
    with Answering(server.database(), tmp_path / "home", public) as service, service.stranger() as browser:
        del browser.headers["Origin"]  # a browser sends none with a link
        away = browser.get("/login/discord", headers={"Host": "localhost:1"})
        asked = parse_qs(urlsplit(away.headers["Location"]).query)
        assert asked["redirect_uri"] == ["https://treefolio.example.org/api/v1/login/discord/callback"]
        assert "secure" in away.headers["Set-Cookie"].lower()


def test_denied(browser: httpx.Client, discord: DiscordServer) -> None:
    """Who does not agree is not logged in, and may try again."""
    discord.denies = True
    turned_away(login(browser), "discord_refused")
    refused(browser.get("/session"), 401, "login")
    discord.denies = False
    assert login(browser).status_code == 303


def test_a_state_is_used_once(browser: httpx.Client, discord: DiscordServer) -> None:
    """The same way back opens nothing a second time, and Discord is not even asked."""
    back = leave(browser)
    kept = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    asked = len(discord.asked)
    browser.cookies.clear()
    turned_away(browser.get(back, cookies=None, headers={"Cookie": _cookies(kept)}), "discord_refused")
    assert len(discord.asked) == asked


def test_another_browser(service: Answering, browser: httpx.Client) -> None:
    """Cannot finish what this one began: nobody can be logged in as somebody else by a link."""
    back = leave(browser)
    with service.stranger() as other, service.stranger() as third:
        turned_away(other.get(back), "discord_refused")
        leave(third)
        turned_away(third.get(back), "discord_refused")
        for each in (other, third):
            refused(each.get("/session"), 401, "login")
    turned_away(browser.get(back), "discord_refused")  # the third one's cookie was held against it


@pytest.mark.parametrize("state", ["", "x" * 43, "a\0b", "é" * 100, "x" * 2_000])
def test_a_wrong_state(browser: httpx.Client, discord: DiscordServer, state: str) -> None:
    """Opens nothing, and Discord is not asked."""
    leave(browser)
    asked = len(discord.asked)
    answer = browser.get("/login/discord/callback", params={"code": "x", "state": state})
    turned_away(answer, "discord_refused")
    assert len(discord.asked) == asked


def test_another_code(service: Answering, browser: httpx.Client, discord: DiscordServer) -> None:
    """A code that was stolen from another browser fits no other verifier; nor does one that was used."""
    discord.person = BEN
    with service.stranger() as victim:
        stolen = parse_qs(urlsplit(leave(victim)).query)["code"][0]
    discord.person = ANN
    for code in (stolen, stolen, "nonsense"):
        state = parse_qs(urlsplit(leave(browser)).query)["state"][0]
        answer = browser.get("/login/discord/callback", params={"code": code, "state": state})
        turned_away(answer, "discord_refused")
    assert list(service.accounts.users()) == []


def test_too_late(service: Answering, browser: httpx.Client) -> None:
    """A way back is open for ten minutes, and what nobody came back by is forgotten."""
    back = leave(browser)
    with service.store.engine.begin() as connection:
        connection.execute(update(crossings).values(until=func.now()))
    turned_away(browser.get(back), "discord_refused")
    leave(browser)
    with service.store.engine.begin() as connection:
        connection.execute(update(crossings).values(until=func.now()))
    leave(browser)
    with service.store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(crossings)).scalar_one() == 1


def test_discord_away(server: PostgresServer, tmp_path: Path) -> None:
    """Is said within the time that it has for an answer; the same browser can begin again."""
    with DiscordServer(ANN) as discord:
        short = settings(discord, discord_seconds=0.2)
        with Answering(server.database(), tmp_path / "home", short) as service, service.stranger() as browser:
            for fault in ("down", "garbage", "stranger", "slow"):
                back = leave(browser)
                discord.fault = fault
                turned_away(browser.get(back), "discord_away")
                refused(browser.get("/session"), 401, "login")
                discord.fault = None
                discord.release()
            assert login(browser).status_code == 303
            back = leave(browser)
            discord.__exit__(None, None, None)
            turned_away(browser.get(back), "discord_away")
            assert browser.get("/session").status_code == 200  # the login until then lasts


def test_the_list_of_users(server: PostgresServer, discord: DiscordServer, tmp_path: Path) -> None:
    """Says who may come in, by name or by Discord's id; a name without `@discord` is not Discord's."""
    allowed = settings(discord, allowed_users=f"ben, ANN@discord, {BEN.id}@discord")
    with Answering(server.database(), tmp_path / "home", allowed) as service:
        for person, name in ((ANN, "ann@discord"), (BEN, f"{BEN.id}@discord")):
            discord.person = person
            with service.stranger() as browser:
                assert login(browser).status_code == 303
                assert browser.get("/session").json()["name"] == name
        discord.person = DiscordUser(id="5", username="cleo")
        with service.stranger() as browser:
            turned_away(login(browser), "not_allowed")
            refused(browser.get("/session"), 401, "login")
        assert len(service.accounts.users()) == 2


def test_names_that_are_taken(service: Answering, discord: DiscordServer) -> None:
    """Somebody who calls themselves as another does is somebody else; who takes another name is the same."""
    service.accounts.enter("ann")
    service.accounts.enter("ben@discord")
    found = {}
    for person in (ANN, BEN, DiscordUser(id="7", username="ann"), DiscordUser(id=ANN.id, username="renamed")):
        discord.person = person
        with service.stranger() as browser:
            assert login(browser).status_code == 303
            found[person] = browser.get("/session").json()["name"]
    assert list(found.values()) == ["ann@discord", f"{BEN.id}@discord", "7@discord", "ann@discord"]


@pytest.mark.parametrize("name", ["a b", "ann\r\nX-Evil: 1", "=cmd()", "<script>", "é" * 50, "", "x" * 500])
def test_strange_names(browser: httpx.Client, discord: DiscordServer, name: str) -> None:
    """Become names that users can have."""
    discord.person = DiscordUser(id="9", username=name)
    assert login(browser).status_code == 303
    said = browser.get("/session").json()["name"]
    assert said.isascii()
    assert said.isprintable()
    assert not set(said) & set(" =<>")


def test_who_is_disabled(service: Answering, browser: httpx.Client) -> None:
    """Does not come in by Discord either."""
    assert login(browser).status_code == 303
    service.accounts.change(browser.get("/session").json()["user"], disabled=True)
    refused(browser.get("/session"), 401, "login")
    turned_away(login(browser), "not_allowed")
    with service.store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(identities)).scalar_one() == 1


def test_many_come_at_once(server: PostgresServer, tmp_path: Path) -> None:
    """More than there are connections, some for the first time and twice: each is made a user once."""
    house = enter(server.database(), JobSettings(home=tmp_path))
    engine = engine_of(house.engine.url.render_as_string(hide_password=False), connections=2)
    accounts = accounts_of(Store(engine, house.settings), ServiceSettings(users=True))
    people = [Person(subject=str(number), name=f"person{number % 2}") for number in range(8)] * 2
    together = threading.Barrier(len(people))

    def come(person: Person) -> tuple[str, str, bool]:
        together.wait()
        user, made = Identities(engine, accounts).user(person)
        return person.subject, user.id, made

    with ThreadPoolExecutor(len(people)) as pool:
        found = list(pool.map(come, people))
    engine.dispose()
    house.close()
    assert len({user for _, user, _ in found}) == len({(subject, user) for subject, user, _ in found}) == 8
    assert sorted(subject for subject, _, made in found if made) == [str(number) for number in range(8)]


def test_without_discord(server: PostgresServer, tmp_path: Path) -> None:
    """There is no such login, and nothing else changes."""
    plain = ServiceSettings(users=True, rates=PLENTY)
    with Answering(server.database(), tmp_path / "home", plain) as service, service.stranger() as browser:
        assert "/login/discord" not in browser.get(f"{service.origin}/welcome").text
        refused(browser.get("/login/discord"), 404, "no_discord")
        refused(browser.get("/login/discord/callback", params={"code": "x"}), 404, "no_discord")


def test_too_many(server: PostgresServer, discord: DiscordServer, tmp_path: Path) -> None:
    """Of one address."""
    few = settings(discord, rates={"login": 1})
    with Answering(server.database(), tmp_path / "home", few) as service, service.stranger() as browser:
        answers = [browser.get("/login/discord") for _ in range(5)]
        assert {urlsplit(each.headers["Location"]).netloc for each in answers[:4]} == {
            urlsplit(discord.url).netloc
        }
        turned_away(answers[-1], "too_many")


def _cookies(kept: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in kept.items())
