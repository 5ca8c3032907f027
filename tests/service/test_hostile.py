"""What is sent to do harm: refused with 4xx in the one shape, never run, never dialled, in little memory."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import psutil
import pytest

from service_samples import Served, wait_for
from treefolio.client import Client
from treefolio.jobs.requests import Asked, SweepRequest, to_json
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.models import Job

API = "/api/v1"
SHAPE = {"code", "message", "path", "hint", "request_id"}
MEGABYTE = 1_000_000
MOST_MEMORY = 500 * MEGABYTE
"""By no more may the answering process grow while all of this is sent to it."""
EVIL = "treefolio-evil"
TREE = "tree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\nvariables: {hot: 70}\n"
FILLED = {
    "hash": "0" * 64,
    "kind": "alpaca",
    "name": "x",
    "number": "1",
    "secret": "x" * 43,
    "suffix": "csv",
    "user": "x",
}
"""Path parameters that are no UUID."""
NOBODY = "00000000-0000-0000-0000-000000000000"
JSON = {"Content-Type": "application/json"}
LOOKED_AT = ("/strategies/validate", "/lists/parse")
"""What is wrong with a text is what these answer."""


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(
        seed=4, start=date(2015, 1, 2), end=date(2016, 12, 30), tickers=["BIL", "SPY", "TQQQ"]
    )


@pytest.fixture(scope="module")
def operations(raw: httpx.Client) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path with nobody's things in it, and description of all routes."""
    paths = raw.get("/openapi.json").json()["paths"]
    return [
        (
            verb.upper(),
            re.sub(r"{(\w+)}", lambda name: FILLED.get(name[1], NOBODY), path.removeprefix(API)),
            said,
        )
        for path, verbs in paths.items()
        for verb, said in verbs.items()
    ]


@pytest.fixture(scope="module")
def bodies(operations: list[tuple[str, str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """Method and path of the routes that take JSON."""
    found = [
        (verb, path)
        for verb, path, said in operations
        if "application/json" in said.get("requestBody", {}).get("content", {})
    ]
    assert len(found) >= 12
    return found


def refused(answer: httpx.Response) -> None:
    """It is a 4xx in the one shape."""
    assert 400 <= answer.status_code < 500, (answer.request.url, answer.status_code, answer.text[:300])
    if answer.request.method != "HEAD":
        assert set(answer.json()) == SHAPE, answer.text[:300]


HOSTILE: dict[str, bytes] = {
    "a million lists": b"[" * 1_000_000,
    "a million lists in a text": b'{"text": "' + b"[" * 900_000 + b'"}',
    "many objects": b'{"a":' * 190_000,
    "deep and closed": b'{"strategy": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN": b'{"live": NaN, "limit": NaN}',
    "Infinity": b'{"kind": "sweep", "reality": Infinity}',
    "minus Infinity": b"-Infinity",
    "a number beyond floats": b'{"kind": "sweep", "reality": 1e999999999}',
    "a huge integer": b'{"kind": "sweep", "reality": ' + b"9" * 100_000 + b"}",
    "a huge integer alone": b"9" * 100_000,
    "no UTF-8": b'{"name": "\xff\xfe\xfd"}',
    "half a surrogate": b'{"name": "\\ud800", "text": "\\udfff", "kind": "\\ud800"}',
    "NUL": b'{"name": "a\\u0000b", "text": "a\\u0000b", "kind": "a\\u0000b"}',
    "a packed bomb": gzip.compress(b"[" * 30_000_000),
    "pickle": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.",
    "YAML that builds objects": b"!!python/object/apply:os.system ['id']",
    "XML that reads files": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_bodies(raw: httpx.Client, bodies: list[tuple[str, str]], what: str) -> None:
    """Of every route that takes one."""
    headers = {**JSON, **({"Content-Encoding": "gzip"} if "packed" in what else {})}
    for verb, path in bodies:
        answer = raw.request(verb, path, content=HOSTILE[what], headers=headers)
        if path in LOOKED_AT and answer.status_code == 200:
            assert answer.json()["problems"]  # that is its answer
        else:
            refused(answer)


@pytest.mark.parametrize(
    "text",
    [
        "tree: " + "[" * 20_000,
        "[" * 600_000,
        "tree: {weighted: [{" + "9" * 100_000 + ": SPY}]}",
        "tree: {if: 'rsi(SPY, " + "9" * 100_000 + ") > 1', then: BIL, else: SPY}",
        "tree: {if: '" + "(" * 50_000 + "', then: BIL, else: SPY}",
        "tree: {if: 'rsi(SPY, 10) > .nan', then: BIL, else: SPY}",
        "variables: {x: .inf}\ntree: {if: 'rsi(SPY, 10) > $x', then: BIL, else: SPY}",
        "a: &a [x]\n" + "\n".join(f"b{n}: &b{n} [*a, *a]" for n in range(50)) + "\ntree: SPY",
        "!!python/object/apply:os.system ['id']",
        "tree: !!python/name:os.system",
        "{" * 30_000,
        '{"incantation": ' * 20_000,
        "<x/>" * 10_000,
        "\x00",
        "\ufeff\u202e",
    ],
    ids=range(15),
)
def test_strategies(raw: httpx.Client, text: str) -> None:
    """In every format: refused when they are to be kept or run; looked at, what is wrong is said."""
    refused(raw.post("/strategies", json={"text": text}))
    said = raw.post("/strategies/validate", json={"text": text})
    assert said.status_code in (200, 422), said.text[:300]
    assert said.status_code == 422 or said.json()["problems"]
    asked = Asked(snapshot="0" * 64)
    body = to_json(SweepRequest(strategy=text, asked=asked, vary={"x": "1:2:1"}))
    refused(raw.post("/jobs", json=body))


def test_too_long(raw: httpx.Client, bodies: list[tuple[str, str]]) -> None:
    """A strategy of 50 MB, whether it says its length or not."""

    def pieces() -> Iterator[bytes]:
        yield b'{"text": "'
        for _ in range(50):
            yield b"x" * MEGABYTE

    said = [raw.request(verb, path, content=b"x" * 50 * MEGABYTE, headers=JSON) for verb, path in bodies[:4]]
    said += [raw.request(verb, path, content=pieces(), headers=JSON) for verb, path in bodies[:4]]
    assert {each.status_code for each in said} == {413}


@pytest.mark.parametrize(
    "value", ["9" * 5_000, "-1", "1e400", "NaN", "%00", "\x00", "'; drop table jobs; --", "../../x"]
)
def test_queries(raw: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], value: str) -> None:
    """Every parameter of every route that only looks: refused, or of no meaning; never a fault."""
    asked = 0
    for verb, path, said in operations:
        names = [each["name"] for each in said.get("parameters", []) if each["in"] == "query"]
        if verb == "GET" and names and "discord" not in path:
            answer = raw.get(path, params=dict.fromkeys(names, value))
            assert answer.status_code < 500, (path, answer.text)
            asked += 1
    assert asked >= 8


@pytest.mark.parametrize(
    "name", [f"..%2f..%2f{EVIL}", f"..%5c{EVIL}", "%00", "%2e%2e", f"%2ftmp%2f{EVIL}", "a" * 5_000, "%ff%fe"]
)
def test_paths(raw: httpx.Client, operations: list[tuple[str, str, dict[str, Any]]], name: str) -> None:
    """In the place of every name in a path."""
    for verb, path, _ in operations:
        for filled in {*FILLED.values(), NOBODY}:
            if f"/{filled}" in path:
                answer = raw.request(verb, path.replace(f"/{filled}", f"/{name}", 1), content=b"")
                assert 400 <= answer.status_code < 500, (verb, path, answer.status_code)


def test_names_are_no_files(raw: httpx.Client, client: Client, served: Served, panel: Panel) -> None:
    """Names of files, strategies and lists, and keys, are texts: nothing is read or written there."""
    client.upload(panel)
    target = served.home.parent / EVIL
    for name in (f"../../{EVIL}", str(target), "/etc/passwd", f"C:\\{EVIL}", f"x/../../{EVIL}"):
        said = raw.post("/strategies", json={"text": TREE, "file_name": name, "name": name, "folder": "x"})
        assert said.status_code in (201, 422), said.text
        raw.post("/lists", json={"name": name, "text": "1, 2"})
        body = to_json(
            SweepRequest(strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "60:61:1"})
        )
        body["strategy"] = f"name: {json.dumps(name)}\n{TREE}"
        sent = raw.post("/jobs", json=body, headers={"Idempotency-Key": name})
        assert sent.status_code == 201, sent.text
        assert "root:" not in said.text + sent.text
    assert list(served.home.parent.rglob(f"*{EVIL}*")) == []


# What others open.


@pytest.fixture(scope="module")
def done(raw: httpx.Client, client: Client, panel: Panel) -> Job:
    """A sweep whose name is a formula, a header and a script."""
    client.upload(panel)
    name = '=HYPERLINK("http://x")\r\nSet-Cookie: evil=1\r\n\r\n<script>alert(1)</script>'
    body = to_json(
        SweepRequest(strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "60:69:1"})
    )
    body["strategy"] = f"name: {json.dumps(name)}\n{TREE}"
    sent = raw.post("/jobs", json=body)
    assert sent.status_code == 201, sent.text
    job = Job.model_validate(sent.json())
    for progress in client.watch(job.id):
        job = progress.job
    assert job.state == "done", job.reason
    return job


def test_no_header_is_injected(raw: httpx.Client, done: Job) -> None:
    """By a job's name: what is to be saved has a plain name, and no header more."""
    for path in ("rows.csv", "rows.parquet", "files/rows.parquet", "files/report.html"):
        answer = raw.get(f"/jobs/{done.id}/{path}")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        said = answer.headers["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+"', said), said


def test_no_formula_in_csv(raw: httpx.Client, done: Job) -> None:
    """A cell that begins as a formula does is a number, or has an apostrophe before it."""
    answer = raw.get(f"/jobs/{done.id}/rows.csv")
    cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
    assert len(cells) > 500
    for cell in cells:
        assert not re.match(r"[=+@\t\r]", cell)
        if cell.startswith("-"):
            float(cell)


def test_no_script_in_a_report(raw: httpx.Client, done: Job) -> None:
    """The name stands there as text, and a browser saves the page rather than running it here."""
    page = raw.get(f"/jobs/{done.id}/files/report.html")
    assert "<script>alert(1)" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert page.headers["X-Content-Type-Options"] == "nosniff"


# Snapshots.


def bomb() -> bytes:
    """64 MB of nothing, packed to a few KB."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **{"field-close": np.zeros((4_000_000, 2))})
    return stream.getvalue()


def nested() -> bytes:
    """An archive in an archive, with names that lead elsewhere."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"../../{EVIL}.npy", bomb())
        archive.writestr("field-close.npy", bomb())
    return stream.getvalue()


@pytest.mark.parametrize(
    "content", [bomb(), nested(), b"PK" + b"\0" * 1000, b"", b"\x93NUMPY" + b"\xff" * 100]
)
def test_snapshots(raw: httpx.Client, served: Served, content: bytes) -> None:
    """Are not unpacked, and what is left of them is nothing."""
    assert len(content) < 200_000
    refused(raw.put(f"/snapshots/{'0' * 64}", content=content))
    assert raw.head(f"/snapshots/{'0' * 64}").status_code == 404
    assert list((served.home / "service" / "passing").iterdir()) == []
    assert list(served.home.parent.rglob(f"*{EVIL}*")) == []


# Addresses.


class Trap:
    """An address on this machine; `dialled` says how often somebody connected to it."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.dialled = 0
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        while True:
            try:
                self.server.accept()[0].close()
            except OSError:
                return
            self.dialled += 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.getsockname()[1]}/latest/meta-data"


def test_no_address_is_dialled(
    raw: httpx.Client, client: Client, operations: list[tuple[str, str, dict[str, Any]]], panel: Panel
) -> None:
    """That somebody sends: in a field that no route has, in one that is a text, in a query or in a header."""
    trap = Trap()
    client.upload(panel)
    fields = (
        "url",
        "source",
        "webhook",
        "callback",
        "base_url",
        "alpaca_data_url",
        "proxy",
        "file_name",
        "text",
    )
    asked = Asked(snapshot=panel.content_hash, source=trap.url)
    job = to_json(SweepRequest(strategy=TREE, asked=asked, vary={"hot": "60:61:1"}))
    for verb, path, said in operations:
        if said.get("requestBody") and "snapshots" not in path:
            answer = raw.request(verb, path, json=dict.fromkeys(fields, trap.url))
            assert 400 <= answer.status_code < 500, (verb, path, answer.text)
        headers = {"X-Forwarded-Host": trap.url, "Referer": trap.url, "X-Original-URL": trap.url}
        if verb == "GET" and not path.endswith("/events"):
            raw.get(
                path, params=dict.fromkeys(("url", "source", "next", "redirect"), trap.url), headers=headers
            )
    sent = raw.post("/jobs", json=job)
    assert sent.status_code == 201, sent.text
    refused(raw.post("/jobs", json={**job, "url": trap.url}))
    for progress in client.watch(sent.json()["id"]):
        ended = progress.job
    assert ended.ended
    with socket.create_connection(trap.server.getsockname()):
        wait_for(lambda: trap.dialled, "the trap")
    trap.server.shutdown(socket.SHUT_RDWR)
    trap.server.close()
    trap.thread.join()
    assert trap.dialled == 1


# Memory.


CROWDED = ("[" * 390_000, "tree: [" + "a," * 390_000, '{"a":' * 179_000, "(a) " * 224_000)
"""Texts with as many brackets and commas as a text may have, in three spellings."""


def test_memory(tmp_path: Path) -> None:
    """Whatever of this comes, four at a time, a fresh answering process stays below a bound."""
    sent = [("POST", path, content) for content in HOSTILE.values() for path in ("/jobs", "/strategies")]
    sent += [("POST", "/strategies/validate", json.dumps({"text": text}).encode()) for text in CROWDED]
    sent += [("PUT", f"/snapshots/{'0' * 64}", content) for content in (bomb(), b"\0" * 19 * MEGABYTE) * 3]
    with Served(tmp_path / "home", workers=0) as fresh:
        (process,) = fresh.processes("-m treefolio answer")
        with httpx.Client(base_url=fresh.url + API, timeout=60) as first:
            first.post("/strategies/validate", json={"text": TREE})  # what is imported then is no harm
        with Watched(process) as watched, ThreadPoolExecutor(4) as pool:
            statuses = set(pool.map(lambda one: _status(fresh, *one), sent))
        assert max(statuses) < 500, statuses
        assert (process.is_running(), process.status() == psutil.STATUS_ZOMBIE) == (True, False)
        assert watched.more < MOST_MEMORY, f"{watched.more / MEGABYTE:.0f} MB more"


def _status(served: Served, verb: str, path: str, content: bytes) -> int:
    with httpx.Client(base_url=served.url + API, timeout=60) as client:
        return client.request(verb, path, content=content, headers=JSON).status_code


class Watched:
    """Looks every 5 ms at how much memory a process has, until the end of its context."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.before = self.most = process.memory_info().rss
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    @property
    def more(self) -> int:
        """Bytes above what it had at first."""
        return int(self.most - self.before)

    def _look(self) -> None:
        while not self.over.wait(0.005):
            self.most = max(self.most, self.process.memory_info().rss)
