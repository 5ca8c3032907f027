"""Importing: every format, as `convert` reads it; what is refused; sent twice; nobody else's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from strategies_cases import FILES, HOT, questions

from account_samples import refused
from cli_samples import Program
from treefolio import formats
from treefolio.client import Client, ServiceError
from treefolio.errors import FormatError
from treefolio.strategy.text import write

NUL_IN_COMPOSER = json.dumps(
    {"step": "root", "rebalance": "daily", "children": [{"step": "asset", "ticker": "S\0"}]}
)


@pytest.fixture(autouse=True)
def _names_are_free(client: Client) -> Iterator[None]:
    """Each is taken once."""
    yield
    for each in client.strategies.list(limit=500).strategies:
        client.strategies.remove(each.id)


@pytest.mark.parametrize("kind", FILES)
def test_every_format(kind: str, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its native text is what `convert` writes, its facts what `inspect` says; it comes back as it was."""
    name, text = FILES[kind]
    (tmp_path / name).write_text(text, encoding="utf-8")
    program = Program(capsys)
    assert program("convert", tmp_path / name, "-o", tmp_path / "out.yaml").status == 0
    assert program("convert", tmp_path / name, "-o", tmp_path / "out.json").status == 0
    said = json.loads(program("inspect", tmp_path / name, "--json").out)

    kept = client.strategies.add(text, file_name=name)
    assert (kept.new, kept.version.format, kept.version.file_name) == (True, kind, name)
    whole = client.strategies.version(kept.strategy.id, 1)
    assert whole.text == (tmp_path / "out.yaml").read_text(encoding="utf-8")
    assert whole.hash == hashlib.sha256(whole.text.encode()).hexdigest()
    assert client.strategies.convert(kept.strategy.id, 1, "yaml") == whole.text
    assert client.strategies.convert(kept.strategy.id, 1, "json") == (tmp_path / "out.json").read_text()
    assert client.strategies.original(kept.strategy.id, 1) == text.encode()
    assert client.strategies.inspect(kept.strategy.id, 1).model_dump(mode="json") == said
    assert whole.tickers == said["tickers"]
    assert kept.strategy.out_of_sample_from == whole.out_of_sample_from == kept.strategy.imported_at.date()


def by_the_library(path: Path) -> str | FormatError:
    """The native text of a file, or why there is none."""
    try:
        return write(formats.read(path).strategy)
    except FormatError as error:
        return error


@pytest.mark.shared
def test_the_strategies_of_others(client: Client, shared: Path) -> None:
    """Every file of the reference data has the text that the library makes of it, or is refused as there."""
    taken = refusals = 0
    for path in sorted(each for each in (shared / "strategies").rglob("*") if each.is_file()):
        expected = by_the_library(path)
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        if isinstance(expected, str):
            name = str(path.relative_to(shared))
            kept = client.strategies.add(text, name=name, file_name=path.name)
            assert client.strategies.version(kept.strategy.id, 1).text == expected, path.name
            taken += 1
        else:
            with pytest.raises(ServiceError) as caught:
                client.strategies.add(text, file_name=path.name)
            assert caught.value.message == expected.message
            refusals += 1
    assert taken > 80
    assert refusals < 20


def test_what_is_kept_of_a_new_one(client: Client) -> None:
    """Its name is the text's, the file's, or another; tags count once; a note is the first version's."""
    found = client.strategies.add(HOT, folder="trend/2x", tags=["a", "b", "a"], note="as found").strategy
    assert (found.name, found.folder, found.tags) == ("Hot or not", "trend/2x", ["a", "b"])
    assert (found.newest.number, found.newest.parent, found.newest.note) == (1, None, "as found")
    assert client.strategies.add("tree: SPY", file_name="my.plan.yaml").strategy.name == "my.plan"
    assert client.strategies.add("tree: SPY").strategy.name == "strategy"
    assert client.strategies.add(HOT, name="Mine").strategy.name == "Mine"
    assert client.strategies.add(f"name: {'x' * 500}\ntree: SPY").strategy.name == "x" * 200
    assert client.strategies.add('name: "a\\0b"\ntree: SPY').strategy.name == "ab"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.yaml", "passwd.yaml"),
        ("C:\\a\\b.json", "b.json"),
        ("a\r\nb\0.yaml", "ab.yaml"),
        ("/", None),
    ],
)
def test_file_names(given: str, kept: str | None, client: Client) -> None:
    """Say nothing of folders, and nothing that could end a header."""
    assert client.strategies.add("tree: SPY", file_name=given).version.file_name == kept


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"text": ""}, 422, "invalid"),
        ({"text": 5}, 422, "invalid"),
        ({"text": "tree: SPY", "path": "/etc/passwd"}, 422, "invalid"),
        ({"text": "tree: SPY", "folder": "../.."}, 201, ""),
        ({"text": "tree: SPY", "folder": "/etc"}, 422, "invalid"),
        ({"text": "tree: SPY", "folder": "a//b"}, 422, "invalid"),
        ({"text": "tree: SPY", "name": "a\nb"}, 422, "invalid"),
        ({"text": "tree: SPY", "tags": ["x" * 51]}, 422, "invalid"),
        ({"text": "tree: SPY", "note": "a\0b"}, 422, "invalid"),
        ({"text": "tree: SPY", "file_name": "\ud800"}, 422, "invalid"),
        ({"text": "hello"}, 422, "format"),
        ({"text": "tree: {"}, 422, "format"),
        ({"text": "tree: SPY\0"}, 422, "format"),
        ({"text": "[" * 50_000}, 422, "format"),
        ({"text": '{"a":' * 50_000}, 422, "format"),
        ({"text": "((" * 50_000}, 422, "format"),
        ({"text": "tree: {asset: \"'S\\0PY'\"}"}, 422, "format"),
        ({"text": NUL_IN_COMPOSER}, 422, "format"),
        ({"text": "tree: {if: 'rsi(SPY, 0) > 1', then: BIL, else: SPY}"}, 422, "strategy"),
    ],
)
def test_what_is_refused(ann: httpx.Client, body: dict[str, object], status: int, code: str) -> None:
    """With what is wrong; nothing is kept of it. A folder is a word, and no folder of a disk."""
    before = ann.get("/strategies").json()["total"]
    content = json.dumps(body)
    answer = ann.post("/strategies", content=content, headers={"Content-Type": "application/json"})
    if status == 422:
        refused(answer, status, code)
        assert ann.get("/strategies").json()["total"] == before
    else:
        assert answer.status_code == status


def test_too_long(ann: httpx.Client) -> None:
    """Whether its length is said or not."""

    def pieces() -> Iterator[bytes]:
        for _ in range(25):
            yield b" " * 1_000_000

    refused(ann.post("/strategies", content=b" " * 25_000_000), 413, "too_large")
    refused(ann.post("/strategies/validate", content=pieces()), 413, "too_large")


def test_sent_twice(client: Client, ann: httpx.Client) -> None:
    """The same key gives the same strategy, and is none for another; without a key the name is taken."""
    first = client.strategies.add(HOT, key="k1")
    again = client.strategies.add(HOT, key="k1", name="another name")
    assert (first.new, again.new, again.strategy) == (True, False, first.strategy)
    with pytest.raises(ServiceError) as caught:
        client.strategies.add("tree: SPY", key="k1")
    assert (caught.value.status, caught.value.code) == (409, "conflict")
    with pytest.raises(ServiceError, match="there is a strategy 'Hot or not' already"):
        client.strategies.add(HOT)
    answer = ann.post("/strategies", json={"text": HOT}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.headers["Location"]) == (
        200,
        f"/api/v1/strategies/{first.strategy.id}",
    )


def test_one_that_is_not_there(ann: httpx.Client) -> None:
    """Has nothing, and nothing can be done with it."""
    for method, path, body in questions(uuid4()):
        refused(ann.request(method, f"/strategies/{uuid4()}{path}", json=body), 404, "not_found")
        refused(ann.request(method, f"/strategies/1{path}", json=body), 422, "invalid")
