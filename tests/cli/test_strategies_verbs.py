"""``treefolio strategies`` against a service that runs: versions, changes, links, removal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from cli_samples import PLAIN, Program, done
from service_samples import Served
from treefolio.client import Client
from treefolio.service.strategies.models import Strategy

WIDE = PLAIN.replace("else: SPY", "else: {equal: [GLD, IEF, QQQ, TLT, VTI, XLE]}")


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with served.client() as client:
        yield client


@pytest.fixture
def kept(client: Client) -> Iterator[Strategy]:
    """A strategy with two versions, gone after the test."""
    made = client.strategies.add(PLAIN, name="Calm or not", folder="a", tags=["x"]).strategy
    yield client.strategies.add_version(made.id, WIDE, note="more of them").strategy
    if client.strategies.list(search="Calm").total:
        client.strategies.remove(made.id)


@pytest.fixture
def program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, served: Served, kept: Strategy
) -> Program:
    assert kept.newest.number == 2
    monkeypatch.setenv("TREEFOLIO_URL", served.url)
    return Program(capsys)


def test_versions(program: Program, client: Client, kept: Strategy) -> None:
    """The latest first: number, day and time, parent, hash, tickers, note; -n says what is left out."""
    newest, first = client.strategies.versions(kept.id).versions
    found = done(program("strategies", "versions", "Calm or not")).out
    lines = [re.split(r"\s{3,}", line.strip()) for line in found.splitlines() if "-" in line]
    moments = [f"{each.made_at.astimezone():%Y-%m-%d %H:%M %Z}" for each in (newest, first)]
    assert lines == [
        ["2", moments[0], "1", newest.hash[:12], "BIL, GLD, IEF, QQQ, SPY and 3 more", "more of them"],
        ["1", moments[1], first.hash[:12], "BIL, SPY"],
    ]
    short = done(program("strategies", "versions", str(kept.id), "-n", "1")).out
    assert (first.hash[:12] in short, "1 more; -n says how many" in short) == (False, True)
    said = json.loads(done(program("strategies", "versions", "Calm or not", "--json")).out)
    assert said == client.strategies.versions(kept.id).model_dump(mode="json")


def test_changed(program: Program, client: Client, kept: Strategy) -> None:
    """What is not named stays; an empty folder or tag is none."""
    change = ("strategies", "change", str(kept.id))
    said = done(program(*change, "--name", "Calmer", "--tag", "y", "--tag", "z")).out
    assert said == "Calmer: folder a, tags y, z\n"
    said = done(program("strategies", "change", "Calmer", "--folder", "b/c")).out
    assert said == "Calmer: folder b/c, tags y, z\n"
    assert done(program(*change, "--folder", "", "--tag", "")).out == "Calmer: folder –, tags –\n"
    found = client.strategies.get(kept.id)
    assert (found.name, found.folder, found.tags, found.newest) == ("Calmer", "", [], kept.newest)


def test_links(program: Program, client: Client, kept: Strategy) -> None:
    """Each shows the strategy until it is ended, by its id or the beginning of it."""
    name = "Calm or not"
    assert done(program("strategies", "shares", name)).out == (
        "No links; `treefolio strategies share 'Calm or not'` makes one.\n"
    )
    urls = [
        done(program("strategies", "share", *asked)).out.splitlines()[-1]
        for asked in ((name,), (f"{name}:1", "--expires", "2199-01-01"))
    ]
    ending, lasting = client.strategies.shares(kept.id)
    listed = done(program("strategies", "shares", name)).out
    assert re.search(rf"{ending.id}\s+1\s.*open until 21", listed)
    assert re.search(rf"{lasting.id}\s+the newest\s.*open\s", listed)
    assert [httpx.get(url).status_code for url in urls] == [200, 200]

    done(program("strategies", "unshare", name, str(lasting.id)[:8]))
    assert [httpx.get(url).status_code for url in urls] == [404, 200]
    assert done(program("strategies", "unshare", name, str(ending.id))).out == (
        f"The link {ending.id} shows nothing any more\n"
    )
    assert [httpx.get(url).status_code for url in urls] == [404, 404]
    said = json.loads(done(program("strategies", "shares", name, "--json")).out)["shares"]
    assert [each["id"] for each in said] == [str(ending.id), str(lasting.id)]
    assert all(each["revoked_at"] for each in said)
    assert done(program("strategies", "shares", name)).out.count("revoked") == 2


def test_removed(program: Program, client: Client, kept: Strategy) -> None:
    """With its versions and links, and it says how many those were."""
    secret = client.strategies.share(kept.id).secret
    said = done(program("strategies", "remove", "Calm or not")).out
    assert said == "Calm or not is removed, with 2 versions and 1 link\n"
    assert client.strategies.list(search="Calm").total == 0
    assert httpx.get(f"{client.transport.url}/api/v1/shared/{secret}").status_code == 404


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("versions", "Calm or nit"), 2, "Did you mean Calm or not?"),
        (("change", "Calm or nit", "--name", "x"), 2, "Did you mean Calm or not?"),
        (("remove", "Calm or nit"), 2, "Did you mean Calm or not?"),
        (("shares", "Calm or nit"), 2, "Did you mean Calm or not?"),
        (("versions", "00000000-0000-0000-0000-000000000000"), 1, "there is no strategy 00000000"),
        (("change", "Calm or not"), 2, "Add --name, --folder or --tag."),
        (("change", "Calm or not", "--folder", "/"), 2, "Write it like trend/2x."),
        (("change", "Calm or not", "--name", ""), 2, "the service takes no such name"),
        (("change", "Calm or not", "--tag", "x\ny"), 2, "the service takes no such tags"),
        (("unshare", "Calm or not", "abc"), 2, "Give 4 characters or more"),
        (("unshare", "Calm or not", "abcd"), 2, "`treefolio strategies shares 'Calm or not'` shows them."),
        (("unshare", "Calm or not", "00000000-0000-0000-0000-000000000000"), 1, "there is no link"),
    ],
)
def test_what_is_refused(
    program: Program, client: Client, kept: Strategy, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """With what to do on the last line; nothing is changed."""
    called = program("strategies", *arguments)
    assert (called.status, said in called.err) == (status, True), called.err
    assert called.err.splitlines()[-1][-1] in "?."
    assert client.strategies.get(kept.id) == kept
