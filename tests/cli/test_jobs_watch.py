"""What `jobs watch` says of a job's progress, in a line; and how patient it is with a service."""

from __future__ import annotations

import socket
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from cli_samples import Program
from service_samples import Served
from treefolio.cli.jobs.watch import said
from treefolio.client import Client, ServiceError
from treefolio.service.models import Hand, Progress

EXAMPLE: dict[str, Any] = Progress.model_config["json_schema_extra"]["example"]  # type: ignore[index, assignment, call-overload]
HAND = EXAMPLE["hands"][0]


def of(**changed: object) -> str:
    return said(Progress.model_validate(EXAMPLE | changed))


def job(**changed: object) -> dict[str, object]:
    return EXAMPLE["job"] | changed


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "running, 1,510 a second on 1 worker, 2.9 s to 3.9 s left"),
        ({"eta_seconds": None, "workers": 2, "parallelism": 1.9}, "running, 1,510 a second on 2 workers"),
        (
            {"eta_seconds": None, "workers": 4, "parallelism": 1.3},
            "running, 1,510 a second on 4 workers",
        ),
        (
            {"job": job(state="queued"), "rate": None, "eta_seconds": None, "position": 3, "queue": 1_200},
            "queued, 3 before it, 1,200 chunks wait",
        ),
        (
            {
                "job": job(state="queued"),
                "rate": None,
                "eta_seconds": None,
                "position": 0,
                "starts_in_seconds": 5.0,
                "queue": 1,
            },
            "queued, 0 before it, begins in about 5.0 s, 1 chunk waits",
        ),
        (
            {"rate": None, "eta_seconds": None, "cache_hits": 3, "cache_misses": 9},
            "running, 9 of 12 chunks had to prepare first",
        ),
        (
            {"rate": None, "eta_seconds": None, "hands": [HAND | {"beat_s": 9.0}, HAND]},
            "running, worker 4 is silent for 9.0 s",
        ),
        (
            {"rate": None, "eta_seconds": None, "hands": [HAND, HAND | {"version": "0.2.0"}]},
            "running, workers have versions 0.1.0 and 0.2.0",
        ),
        (
            {"job": job(reason="cannot write rows.parquet: the disk is full")},
            "running, waits: cannot write rows.parquet: the disk is full",
        ),
    ],
)
def test_a_line(changed: dict[str, object], words: str) -> None:
    """How far it is; and of workers only what is not as it should be."""
    assert of(**changed) == words


def test_the_example_is_one() -> None:
    """Of a shape's description every field is there."""
    assert set(EXAMPLE) == set(Progress.model_fields)
    assert set(HAND) == set(Hand.model_fields)


@pytest.mark.parametrize(
    "verb", [("list",), ("watch", str(uuid4())), ("pause", "abcd")], ids=lambda verb: verb[0]
)
def test_where_nobody_listens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    """Is said at the first try."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it is asked again"))
    called = Program(capsys)("jobs", *verb, "--url", f"http://127.0.0.1:{refusing()}")
    assert (called.status, called.err.count("no service answers")) == (1, 1)


def test_a_service_that_answered_before(served: Served) -> None:
    """Is asked again when nobody listens: it is starting again. Libraries wait for one that starts, too."""
    good = urlsplit(served.url).port
    ways = Ways([good, refusing(), good])
    with Client(served.url, hasty=True, transport=ways) as client:
        client.health()
        client.health()
    assert ways.ports == []
    ways = Ways([good, refusing(), good])
    with Client(served.url, hasty=True, transport=ways) as client:
        client.health()
        with pytest.raises(ServiceError) as caught:
            next(client.watch(uuid4()))
    assert (caught.value.code, ways.ports) == ("not_found", [])
    ways = Ways([refusing(), good])
    with Client(served.url, transport=ways) as client:
        client.health()
    assert ways.ports == []


class Ways(httpx.HTTPTransport):
    """The way to this machine, at each try to the next one of these ports."""

    def __init__(self, ports: list[int | None]) -> None:
        super().__init__()
        self.ports = ports

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=self.ports.pop(0))
        return super().handle_request(request)


def refusing() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        return there.getsockname()[1]
