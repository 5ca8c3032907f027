"""Versions: numbers, hashes, parents; the same content is the same version; none changes; whose they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from strategies_cases import FILES, HOT, HOTTER, questions

from account_samples import Answering, refused
from treefolio.client import Client, ServiceError
from treefolio.errors import OverLimit
from treefolio.service.strategies.models import Strategy
from treefolio.service.strategies.reading import content_of
from treefolio.service.strategies.store import StrategyStore


@pytest.fixture
def hot(client: Client) -> Iterator[Strategy]:
    """A strategy of Ann, gone after the test."""
    made = client.strategies.add(HOT).strategy
    yield made
    client.strategies.remove(made.id)


@pytest.fixture(autouse=True)
def _names_are_free(client: Client) -> Iterator[None]:
    """Each is taken once."""
    yield
    for each in client.strategies.list(limit=500).strategies:
        client.strategies.remove(each.id)


def declined(act: Callable[[], object], status: int, code: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        act()
    assert (caught.value.status, caught.value.code) == (status, code)
    return caught.value


def test_numbers_hashes_and_parents(client: Client, hot: Strategy) -> None:
    """Each new content is the next number; its parent is the newest one, or the one that is said."""
    second = client.strategies.add_version(hot.id, HOTTER, note="hotter", expect=1)
    third = client.strategies.add_version(hot.id, HOT.replace("70", "60"), parent=1)
    found = client.strategies.versions(hot.id)
    assert [(each.number, each.parent, each.note) for each in found.versions] == [
        (3, 1, ""),
        (2, 1, "hotter"),
        (1, None, ""),
    ]
    assert found.total == 3
    assert len({each.hash for each in found.versions}) == 3
    assert [each.number for each in client.strategies.versions(hot.id, limit=1, offset=1).versions] == [2]
    now = client.strategies.get(hot.id)
    assert (now.newest, now.imported_at) == (third.version, hot.imported_at)
    assert now.changed_at > second.strategy.changed_at > hot.changed_at
    declined(lambda: client.strategies.version(hot.id, 4), 404, "not_found")
    declined(lambda: client.strategies.add_version(hot.id, "tree: SPY", parent=4), 422, "no_parent")


def test_the_same_content_is_the_same_version(client: Client, hot: Strategy) -> None:
    """However it is spelt; the first spelling is kept; so an answer that was lost can be asked for again."""
    respelt = HOT.replace("'rsi(TQQQ, 10) > $hot'", '"rsi( TQQQ,10 )>$hot"')
    again = client.strategies.add_version(hot.id, respelt, note="respelt", expect=1)
    assert (again.new, again.version) == (False, hot.newest)
    assert client.strategies.original(hot.id, 1) == HOT.encode()
    client.strategies.add_version(hot.id, HOTTER, expect=1)
    assert client.strategies.add_version(hot.id, HOTTER, expect=1).version.number == 2
    assert client.strategies.add_version(hot.id, HOT).version.number == 1
    assert client.strategies.get(hot.id).newest.number == 2


def test_somebody_was_quicker(client: Client, hot: Strategy) -> None:
    """Who says which version they know of learns that there is a later one; who does not is not held up."""
    client.strategies.add_version(hot.id, HOTTER, expect=1)
    error = declined(lambda: client.strategies.add_version(hot.id, "tree: SPY", expect=1), 409, "conflict")
    assert error.path == "expect"
    assert client.strategies.versions(hot.id).total == 2
    assert client.strategies.add_version(hot.id, "tree: SPY").version.number == 3


def test_many_at_once(client: Client, here: Answering, token: str, hot: Strategy) -> None:
    """Each gets a number of its own, without a gap; of those that expect the same one, one is kept."""
    outcomes: list[object] = []

    def send(count: int) -> None:
        with Client(here.origin, token=token, patience=0) as mine:
            try:
                outcomes.append(
                    mine.strategies.add_version(
                        hot.id, HOT.replace("70", str(count)), expect=1
                    ).version.number
                )
            except ServiceError as error:
                outcomes.append(error.code)
            mine.strategies.add_version(hot.id, HOT.replace("BIL", f"T{count}"))

    threads = [threading.Thread(target=send, args=(count,)) for count in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [each for each in outcomes if each != "conflict"]
    assert len(kept) <= 1
    numbers = [each.number for each in client.strategies.versions(hot.id).versions]
    assert numbers == list(range(1 + len(kept) + 4, 0, -1))


def test_none_ever_changes(here: Answering, ann: httpx.Client, hot: Strategy) -> None:
    """No route changes or removes one, and the database does not let one be changed."""
    for method in ("PUT", "PATCH", "DELETE"):
        refused(ann.request(method, f"/strategies/{hot.id}/versions/1", json={"note": "x"}), 405, "method")
    statement = text("update strategy_versions set note = 'x' where strategy = :id")
    with here.store.engine.connect() as connection, pytest.raises(DBAPIError, match="stays as it is"):
        connection.execute(statement, {"id": hot.id})


def test_a_version_of_another_format(client: Client, hot: Strategy) -> None:
    """Has that format; the strategy's name stays."""
    name, content = FILES["composer-edn"]
    kept = client.strategies.add_version(hot.id, content, file_name=name)
    assert (kept.version.format, kept.version.number, kept.strategy.name) == ("composer-edn", 2, hot.name)
    assert kept.version.tickers == ["SPY", "TLT"]


def test_a_download_has_a_safe_name(client: Client, ann: httpx.Client) -> None:
    """Whatever the strategy is called."""
    found = client.strategies.add(HOT, name='a"b/../c: d;é', file_name='x.y"z').strategy
    for path in ("original", "convert?to=yaml"):
        answer = ann.get(f"/strategies/{found.id}/versions/1/{path}")
        said = answer.headers["Content-Disposition"]
        assert said.startswith('attachment; filename="a-b-..-c-d-1')
        assert said.count('"') == 2
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_renaming_moving_tagging(client: Client, hot: Strategy) -> None:
    """What is left out stays; versions do not change."""
    client.strategies.change(hot.id, name="Other")
    found = client.strategies.change(hot.id, folder="a/b", tags=["x", "y", "x"])
    assert (found.name, found.folder, found.tags, found.newest) == ("Other", "a/b", ["x", "y"], hot.newest)
    assert client.strategies.change(hot.id, tags=[]).tags == []


def test_a_name_is_of_one(client: Client, hot: Strategy, ben: httpx.Client) -> None:
    """Of a user: another one is not added under it, nor called so; its own it may have again."""
    for content, name in ((HOT, None), ("tree: SPY", "Hot or not")):
        said = declined(partial(client.strategies.add, content, name=name), 409, "conflict")
        assert (said.message, said.path) == ("there is a strategy 'Hot or not' already", "name")
        assert "/versions makes it the next version" in (said.hint or "")
    other = client.strategies.add("tree: SPY", name="hot or not").strategy
    declined(lambda: client.strategies.change(other.id, name="Hot or not"), 409, "conflict")
    assert client.strategies.get(other.id) == other
    assert client.strategies.change(hot.id, name="Hot or not", folder="a").folder == "a"
    theirs = ben.post("/strategies", json={"text": HOT})
    assert theirs.status_code == 201
    assert ben.delete(f"/strategies/{theirs.json()['strategy']['id']}").status_code == 204


def test_a_name_at_the_same_moment(client: Client) -> None:
    """One of those who take it gets it."""
    outcomes: list[str] = []

    def add() -> None:
        try:
            outcomes.append(client.strategies.add(HOT).strategy.name)
        except ServiceError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Hot or not"] + ["conflict"] * 7


def test_removing(here: Answering, client: Client) -> None:
    """Takes its versions and links with it, and is noted."""
    made = client.strategies.add(HOT).strategy
    link = client.strategies.share(made.id)
    client.strategies.remove(made.id)
    declined(lambda: client.strategies.get(made.id), 404, "not_found")
    declined(lambda: client.strategies.remove(made.id), 404, "not_found")
    declined(lambda: client.strategies.shared(link.secret), 404, "not_found")
    with here.store.engine.connect() as connection:
        query = text("select count(*) from strategy_versions where strategy = :id")
        assert connection.execute(query, {"id": made.id}).scalar_one() == 0
        noted = text("select act from audit where what ->> 'strategy' = :id order by id")
        found = connection.execute(noted, {"id": str(made.id)}).scalars().all()
    assert found == ["share.made", "strategy.removed"]


def test_listing(client: Client) -> None:
    """By folder and below it, by tags, by words of the name and by tickers; sorted, paged."""
    made = {
        name: client.strategies.add(content, name=name, folder=folder, tags=tags).strategy.id
        for name, content, folder, tags in (
            ("alpha 100%", HOT, "trend", ["a"]),
            ("Beta", "tree: GLD", "trend/2x", ["a", "b"]),
            ("gamma", "tree: SPY", "trendy", ["b"]),
        )
    }

    def names(**wanted: object) -> list[str]:
        found = client.strategies.list(sort="name", limit=500, **wanted)  # type: ignore[arg-type]
        return [each.name for each in found.strategies if each.id in made.values()]

    assert names() == ["alpha 100%", "Beta", "gamma"]
    assert names(folder="trend") == ["alpha 100%", "Beta"]
    assert names(folder="trend/2x") == ["Beta"]
    assert names(folder="") == []
    assert names(tags=["b"]) == ["Beta", "gamma"]
    assert names(tags=["a", "b"]) == ["Beta"]
    assert names(search="BET") == ["Beta"]
    assert names(search="100%") == ["alpha 100%"]
    assert names(search="%") == ["alpha 100%"]
    assert names(search="gld") == ["Beta"]
    page = client.strategies.list(sort="-imported", limit=1, offset=1)
    assert (page.strategies[0].name, page.total >= 3, page.offset) == ("Beta", True, 1)
    assert {"trend", "trend/2x", "trendy"} <= set(page.folders)
    assert {"a", "b"} <= set(page.tags)


def test_bad_questions(ann: httpx.Client) -> None:
    """Are refused."""
    for query in (
        {"sort": "x"},
        {"limit": 0},
        {"limit": 501},
        {"offset": -1},
        {"q": "a\0b"},
        {"folder": "/a"},
    ):
        refused(ann.get("/strategies", params=query), 422, "invalid")


def test_nobody_else_s(client: Client, ben: httpx.Client, hot: Strategy) -> None:
    """Another user sees none of it, cannot change it, and learns not that it is there."""
    client.strategies.add_version(hot.id, HOTTER)
    share = client.strategies.share(hot.id).id
    assert ben.get("/strategies").json() == {
        "strategies": [],
        "total": 0,
        "offset": 0,
        "folders": [],
        "tags": [],
    }
    for method, path, body in questions(share):
        said = refused(ben.request(method, f"/strategies/{hot.id}{path}", json=body), 404, "not_found")
        gone = refused(ben.request(method, f"/strategies/{UUID(int=1)}{path}", json=body), 404, "not_found")
        assert said["message"].replace(str(hot.id), "ID") == gone["message"].replace(str(UUID(int=1)), "ID")
    now = client.strategies.get(hot.id)
    assert (now.name, now.newest.number) == (hot.name, 2)
    assert client.strategies.shares(hot.id)[0].revoked_at is None


def test_the_same_key_of_two_users(client: Client, ben: httpx.Client) -> None:
    """Is two keys."""
    ours = client.strategies.add(HOT, key="both")
    theirs = ben.post("/strategies", json={"text": HOTTER}, headers={"Idempotency-Key": "both"})
    assert (ours.new, theirs.status_code) == (True, 201)
    assert ben.delete(f"/strategies/{theirs.json()['strategy']['id']}").status_code == 204


def test_texts_take_room(here: Answering, ann: httpx.Client, client: Client, hot: Strategy) -> None:
    """Of the megabytes of their user; where there is none left nothing is added, and what is there stays."""
    owner = str(ann.get("/session").json()["user"])
    settings = here.store.settings.model_copy(update={"limit_megabytes": {"free": 4}})
    store = StrategyStore(here.store.engine, settings)
    long = replace(content_of(HOTTER, None), original=b"x" * 3_000_000)
    before = client.usage().megabytes.used or 0
    kept = store.add(owner, long, name="long").strategy
    assert (client.usage().megabytes.used or 0) - before in (3, 4)
    for add in (
        lambda: store.add(owner, long, name="longer"),
        lambda: store.add_version(owner, hot.id, long),
    ):
        with pytest.raises(OverLimit, match="strategies are kept") as caught:
            add()
        assert caught.value.limit == "megabytes"
    assert store.add_version(owner, hot.id, content_of(HOT, None)).new is False
    assert client.strategies.versions(hot.id).total == 1
    client.strategies.remove(kept.id)
    assert store.add_version(owner, hot.id, long).new is True


def test_its_end_is_noted(client: Client, ann: httpx.Client) -> None:
    """In the log of acts, with which one it was."""
    made = client.strategies.add(HOT).strategy
    client.strategies.remove(made.id)
    latest = ann.get("/audit", params={"limit": 1}).json()["acts"][0]
    assert (latest["act"], latest["what"]) == ("strategy.removed", {"strategy": str(made.id)})
