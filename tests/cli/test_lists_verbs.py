"""``treefolio lists`` against a service that runs: what is kept is what was said, by names and by ids."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator

import pytest

from cli_samples import Program, done
from service_samples import Served
from treefolio.client import Client


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """The service has no lists before and after."""
    with served.client() as client:
        _clear(client)
        yield client
        _clear(client)


def _clear(client: Client) -> None:
    for each in client.lists.all():
        client.lists.remove(each.id)


@pytest.fixture
def program(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, served: Served
) -> Program:
    assert not client.lists.all()
    monkeypatch.setenv("TREEFOLIO_URL", served.url)
    return Program(capsys)


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Puts it on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.parametrize(
    ("arguments", "said", "values"),
    [
        (("70:74:2",), "it: 3 numbers", [70, 72, 74]),
        (("-1:1:1",), "it: 3 numbers", [-1, 0, 1]),
        (("TQQQ, SOXL",), "it: 2 tickers", ["TQQQ", "SOXL"]),
        (("2020-01-31",), "it: 1 date", ["2020-01-31"]),
        (("2020", "--kind", "ticker"), "it: 1 ticker", ["2020"]),
        (("-",), "it: 2 tickers", ["SPY", "QQQ"]),
    ],
)
def test_added(
    program: Program,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
    values: list[object],
) -> None:
    """Its id stands alone on the last line."""
    pipe(monkeypatch, "SPY\nQQQ\n")
    lines = done(program("lists", "add", "it", *arguments)).out.splitlines()
    (kept,) = client.lists.all()
    assert lines == [said, str(kept.id)]
    assert kept.values == values


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("0:1e9:1", "0:1e9:1 has 1,000,000,001 values; at most 10,000,000", "Take a larger step"),
        ("1:5:0", "1:5:0 has step 0", "Write 1:5:1"),
        (
            "1,a,2",
            "a: this is a ticker, and the list begins with a number\n  at text, line 1, column 3",
            "Make two lists",
        ),
    ],
)
def test_what_is_no_list_says_how_to_write_it(program: Program, text: str, said: str, remedy: str) -> None:
    """Once, and nothing of it is kept."""
    called = program("lists", "add", "bad", text)
    assert called.err.startswith(f"Error: {said}\n")
    assert called.err.splitlines()[-1].startswith(remedy)
    assert "No lists" in done(program("lists", "list")).out


def test_from_one_to_the_other(program: Program, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed, shown, changed, removed; what `show` prints, `add` takes."""
    assert done(program("lists", "list")).out == "No lists; `treefolio lists add NAME TEXT` keeps one.\n"
    many = ", ".join(f"T{number}" for number in range(100))
    done(program("lists", "add", "levels", "70:85:1"))
    done(program("lists", "add", "many", many))
    levels, found = client.lists.find("levels"), client.lists.find("many")
    listed = done(program("lists", "list")).out.splitlines()
    assert [line.split()[:4] for line in listed if "T0" in line or "70" in line] == [
        [str(levels.id), "levels", "16", "numbers"],
        [str(found.id), "many", "100", "tickers"],
    ]
    whole = json.loads(done(program("lists", "list", "--json")).out)["lists"]
    assert [each["values"] for each in whole] == [levels.values, found.values]

    shown = done(program("lists", "show", "many")).out
    assert shown == f"{many}\n"
    pipe(monkeypatch, shown)
    done(program("lists", "add", "again", "-"))
    assert client.lists.find("again").values == found.values
    assert json.loads(done(program("lists", "show", str(levels.id), "--json")).out) == whole[0]

    assert done(program("lists", "change", "levels", "--name", "hots")).out == "hots: 16 numbers\n"
    assert done(program("lists", "change", "hots", "--values", "-5:0:5")).out == "hots: 2 numbers\n"
    pipe(monkeypatch, "1 2 3")
    assert done(program("lists", "change", "hots", "--values", "-")).out == "hots: 3 numbers\n"
    assert client.lists.get(levels.id).values == [1, 2, 3]

    assert done(program("lists", "remove", "hots")).out == "hots is removed, with 3 numbers\n"
    assert done(program("lists", "remove", str(found.id))).out == "many is removed, with 100 tickers\n"
    assert [each.name for each in client.lists.all()] == ["again"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("show", "level"), 2, "Did you mean levels?"),
        (("change", "level", "--name", "x"), 2, "Did you mean levels?"),
        (("remove", "nothing-like-it"), 2, "`treefolio lists list` shows those that there are."),
        (("show", "00000000-0000-0000-0000-000000000000"), 1, "there is no list 00000000"),
        (("add", "levels", "5"), 1, "there is a list 'levels' already"),
        (("add", "my list", "5"), 2, "Use letters of A to Z"),
        (("add", "x", "5, TQQQ", "--kind", "number"), 1, "TQQQ: this is no number"),
        (("add", "x", "5", "--kind", "numbers"), 2, "One of ticker, number, date."),
        (("add", "x", ""), 1, "the list is empty"),
        (("add", "x"), 2, "Missing argument"),
        (("change", "levels"), 2, "Add --name or --values."),
        (("change", "levels", "--name", ".x"), 2, "Use letters of A to Z"),
        (("change", "levels", "--values", "TQQQ"), 1, "TQQQ: this is no number"),
    ],
)
def test_what_is_refused(
    program: Program, client: Client, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """With what to do on the last line; nothing is changed."""
    before = client.lists.add("levels", "60:80:5")
    called = program("lists", *arguments)
    assert (called.status, said in called.err) == (status, True), called.err
    assert called.err.splitlines()[-1][-1] in "?."
    assert client.lists.all() == [before]
