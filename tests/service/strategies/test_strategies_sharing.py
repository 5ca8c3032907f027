"""Links: whoever has one reads the strategy, and nothing else; until it is revoked or has expired."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import text
from strategies_cases import HOT, HOTTER

from account_samples import Answering, refused
from treefolio.client import Client
from treefolio.service.strategies.models import Strategy


@pytest.fixture
def hot(client: Client) -> Iterator[Strategy]:
    made = client.strategies.add(HOT, folder="secret", tags=["mine"]).strategy
    yield made
    client.strategies.remove(made.id)


@pytest.fixture
def stranger(here: Answering) -> Iterator[httpx.Client]:
    """Nobody is logged in."""
    with here.stranger() as stranger:
        yield stranger


def test_a_link_shows_the_newest_version(client: Client, hot: Strategy, stranger: httpx.Client) -> None:
    """Name, text, notes, day of import: nothing of the owner, of folders, tags or other versions."""
    link = client.strategies.share(hot.id)
    assert link.path == f"/api/v1/shared/{link.secret}"
    assert len(link.secret) >= 43
    said = stranger.get(f"/shared/{link.secret}").json()
    assert set(said) == {"name", "imported_at", "out_of_sample_from", "version"}
    assert (said["name"], said["version"]["number"]) == ("Hot or not", 1)
    assert said["out_of_sample_from"] == str(hot.out_of_sample_from)
    assert said["version"]["text"] == client.strategies.version(hot.id, 1).text
    client.strategies.add_version(hot.id, HOTTER)
    assert stranger.get(f"/shared/{link.secret}").json()["version"]["number"] == 2
    refused(stranger.get(f"/strategies/{hot.id}"), 401, "login")


def test_a_link_to_one_version(client: Client, hot: Strategy, stranger: httpx.Client) -> None:
    """Stays with it."""
    link = client.strategies.share(hot.id, version=1)
    client.strategies.add_version(hot.id, HOTTER)
    assert stranger.get(f"/shared/{link.secret}").json()["version"]["number"] == 1
    assert client.strategies.shared(link.secret).version.number == 1


def test_read_only(client: Client, hot: Strategy, stranger: httpx.Client) -> None:
    """Nothing is changed through a link."""
    link = client.strategies.share(hot.id)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = stranger.request(method, f"/shared/{link.secret}", json={"name": "x"})
        assert answer.status_code in (401, 403, 405), method
    assert client.strategies.get(hot.id).name == hot.name


def test_revoked(client: Client, hot: Strategy, stranger: httpx.Client) -> None:
    """A link shows nothing from then on, others still do; again, nothing changes."""
    first, second = client.strategies.share(hot.id), client.strategies.share(hot.id)
    client.strategies.revoke(hot.id, first.id)
    since = {each.id: each.revoked_at for each in client.strategies.shares(hot.id)}
    assert since[first.id] is not None
    assert since[second.id] is None
    client.strategies.revoke(hot.id, first.id)
    assert client.strategies.shares(hot.id)[1].revoked_at == since[first.id]
    refused(stranger.get(f"/shared/{first.secret}"), 404, "not_found")
    assert stranger.get(f"/shared/{second.secret}").status_code == 200


def test_expired(here: Answering, client: Client, hot: Strategy, stranger: httpx.Client) -> None:
    """It shows nothing after its moment, and cannot be made for one that is over."""
    link = client.strategies.share(hot.id, expires_at=dt.datetime(2199, 1, 1, tzinfo=dt.UTC))
    assert stranger.get(f"/shared/{link.secret}").status_code == 200
    with here.store.engine.begin() as connection:
        connection.execute(text("update shares set expires_at = now() where id = :id"), {"id": link.id})
    refused(stranger.get(f"/shared/{link.secret}"), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"expires_at": "2001-01-01T00:00:00Z"}, 422, "expired"),
        ({"expires_at": "2199-01-01T00:00:00"}, 422, "invalid"),
        ({"version": 2}, 404, "not_found"),
        ({"version": 0}, 422, "invalid"),
        ({"owner": "ben"}, 422, "invalid"),
    ],
)
def test_links_that_cannot_be(
    ann: httpx.Client, hot: Strategy, body: dict[str, object], status: int, code: str
) -> None:
    """With what is wrong; none is made."""
    refused(ann.post(f"/strategies/{hot.id}/shares", json=body), status, code)
    assert ann.get(f"/strategies/{hot.id}/shares").json() == {"shares": []}


@pytest.mark.parametrize("secret", ["x", "a" * 43, "%00", "..%2fshares", "a" * 201])
def test_guessing(stranger: httpx.Client, secret: str) -> None:
    """Opens nothing, and all guesses are answered alike."""
    answer = stranger.get(f"/shared/{secret}")
    assert answer.status_code in (401, 404, 422)
    assert secret not in answer.text


def test_links_are_noted(here: Answering, client: Client, hot: Strategy) -> None:
    """In the log of acts, by their ids; their secrets are not in it."""
    link = client.strategies.share(hot.id)
    client.strategies.revoke(hot.id, link.id)
    query = text("select act, what::text from audit where what ->> 'share' = :id order by id")
    with here.store.engine.connect() as connection:
        lines = connection.execute(query, {"id": str(link.id)}).all()
    assert [line.act for line in lines] == ["share.made", "share.revoked"]
    assert link.secret not in str(lines)


def test_secrets_are_not_kept(here: Answering, client: Client, hot: Strategy) -> None:
    """The database has a hash of one, and no list says one."""
    link = client.strategies.share(hot.id)
    with here.store.engine.connect() as connection:
        row = connection.execute(text("select * from shares where id = :id"), {"id": link.id}).one()
    assert link.secret not in str(row)
    assert link.secret not in client.strategies.shares(hot.id)[0].model_dump_json()
