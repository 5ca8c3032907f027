"""The vendors' server: what it records, how it limits, and how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest
import requests

from treefolio.testing.vendors.server import FAULTS, Answer, Request, VendorServer, json_answer

START = 1_750_000_000.0


class Moment:
    """Seconds that stand still."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Shop:
    """Sells one document at one path."""

    def answer(self, request: Request) -> Answer | None:
        return json_answer({"rows": list(range(50))}) if request.path == "/rows" else None

    def empty(self, request: Request) -> Answer | None:
        return json_answer({"rows": []}) if request.path == "/rows" else None


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def server(moment: Moment) -> Iterator[VendorServer]:
    with VendorServer(Shop(), clock=moment) as listening:
        yield listening


def get(server: VendorServer, path: str = "/rows", *, timeout: float = 10) -> requests.Response:
    return requests.get(f"{server.url}{path}", timeout=timeout)


def test_requests_are_recorded(server: VendorServer, moment: Moment) -> None:
    """Path, query, headers and time, in order."""
    requests.get(f"{server.url}/rows", params={"a": "1 2", "b": ""}, headers={"X-Who": "me"}, timeout=10)
    moment.now += 5
    assert get(server, "/nothing").status_code == 404
    first, second = server.requests
    assert (first.method, first.path, first.at) == ("GET", "/rows", START)
    assert first.query == {"a": "1 2", "b": ""}
    assert first.headers["x-who"] == "me"
    assert second.at == START + 5
    assert server.paths() == ["/rows", "/nothing"]


@pytest.mark.parametrize("told", ["seconds", "date", "reset", None])
def test_two_hundred_a_minute(told: str | None, moment: Moment) -> None:
    """The 201st request within 60 seconds is refused, and says as told when there is room again."""
    with VendorServer(Shop(), retry_after=told, clock=moment) as server, requests.Session() as session:
        for _ in range(200):
            moment.now += 0.1
            assert session.get(f"{server.url}/rows").status_code == 200
        refused = session.get(f"{server.url}/rows")
        assert refused.status_code == 429
        assert refused.headers["X-RateLimit-Limit"] == "200"
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        again = START + 60.1
        after, reset = refused.headers.get("Retry-After"), refused.headers.get("X-RateLimit-Reset")
        if told == "seconds":
            assert 0 <= moment.now + int(str(after)) - again <= 2
        elif told == "date":
            assert 0 <= parsedate_to_datetime(str(after)).timestamp() - again <= 2
        elif told == "reset":
            assert 0 <= int(str(reset)) - again <= 2
        else:
            assert (after, reset) == (None, None)
        moment.now = again
        assert session.get(f"{server.url}/rows").status_code == 200
        assert session.get(f"{server.url}/rows").status_code == 429
        assert server.refused == 2


@pytest.mark.parametrize(("fault", "status"), [("down", 503), ("busy", 429)])
def test_answers_that_refuse(fault: str, status: int, server: VendorServer) -> None:
    """Once, and JSON with a message."""
    server.fault(fault)
    refused = get(server)
    assert refused.status_code == status
    assert refused.json()["message"]
    assert get(server).status_code == 200


def test_a_cut_answer_is_shorter_than_announced(server: VendorServer) -> None:
    """The client notices that bytes are missing."""
    server.fault("cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(server)


@pytest.mark.parametrize("fault", ["torn", "garbage"])
def test_an_answer_that_is_no_json(fault: str, server: VendorServer) -> None:
    """It is whole as HTTP, and says that it is JSON."""
    server.fault(fault)
    answer = get(server)
    assert answer.status_code == 200
    assert "json" in answer.headers["Content-Type"]
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_slow_answer_is_held_until_release(server: VendorServer) -> None:
    """The client's patience ends first; after the release, the next one comes at once."""
    server.fault("slow", times=2)
    with pytest.raises(requests.exceptions.ReadTimeout):
        get(server, timeout=0.2)
    server.release()
    assert get(server).json()["rows"]


def test_a_reset_is_no_answer(server: VendorServer) -> None:
    """The connection is closed."""
    server.fault("reset")
    with pytest.raises(requests.exceptions.ConnectionError):
        get(server)


def test_an_empty_page_is_the_wire_s(server: VendorServer) -> None:
    """Its content is what the wire calls empty."""
    server.fault("empty")
    assert get(server).json() == {"rows": []}


def test_faults_follow_their_script(server: VendorServer) -> None:
    """After so many good ones, so many times, only on their path, one script after the other."""
    server.fault("down", times=2, after=1, path="/rows")
    server.fault("busy")
    assert [get(server, path).status_code for path in ("/rows", "/other", "/rows", "/rows", "/rows")] == [
        200,
        429,
        503,
        503,
        200,
    ]


def test_an_unknown_fault_is_refused(server: VendorServer) -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match=FAULTS[0]):
        server.fault("tired")
