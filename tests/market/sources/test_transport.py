"""The transport against a real server that fails in every way there is; waiting takes no time."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from source_cases import Time, limit_of, transport_of

from treefolio.errors import SourceError
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.transport import LONGEST_PAUSE_SECONDS, open_transport
from treefolio.testing.vendors.server import Answer, Request, VendorServer, json_answer

DOCUMENT = {"rows": list(range(100))}


class Plain:
    """Answers everything with the same document, or with what it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}

    def answer(self, request: Request) -> Answer:
        del request
        return json_answer(DOCUMENT, status=self.status, headers=self.headers)

    def empty(self, request: Request) -> None:
        del request


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def wire() -> Plain:
    return Plain()


@pytest.fixture
def server(wire: Plain, time: Time) -> Iterator[VendorServer]:
    with VendorServer(wire, clock=time.clock) as listening:
        yield listening


PASSING = {
    "down": "it answered 503 (Service Unavailable)",
    "busy": "it answered 429 (Too Many Requests)",
    "cut": "the answer was cut",
    "torn": "the answer was cut: it is no whole JSON document",
    "garbage": "the answer was cut: it is no whole JSON document",
    "reset": "the connection failed or was closed",
    "slow": "no answer within 0.3 s",
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again(fault: str, server: VendorServer, time: Time) -> None:
    """After two failures of any kind the third try succeeds, and the caller gets the whole answer."""
    transport = transport_of(time, read_seconds=0.3)
    server.fault(fault, times=2)
    with transport.mount_on(requests.Session()) as session:
        assert session.get(f"{server.url}/prices").json() == DOCUMENT
    assert transport.requests == 3 == len(server.requests)
    assert len(time.waited) == 2


@pytest.mark.parametrize(("fault", "reason"), PASSING.items())
def test_it_gives_up_after_so_many_tries(
    fault: str, reason: str, server: VendorServer, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """What does not pass ends in one SourceError that says what happened, and what to do."""
    transport = transport_of(time, tries=3, read_seconds=0.3)
    server.fault(fault, times=100)
    with (
        caplog.at_level(logging.INFO),
        transport.mount_on(requests.Session()) as session,
        pytest.raises(SourceError) as caught,
    ):
        session.get(f"{server.url}/prices")
    assert caught.value.message == f"GET {server.url}/prices: {reason}, 3 times in a row"
    assert caught.value.source == "vendor"
    assert caught.value.hint
    assert transport.requests == 3
    assert [record.action for record in caplog.records if record.name.endswith("transport")] == [
        "request_repeated",
        "request_repeated",
        "request_given_up",
    ]


def test_a_vendor_that_is_not_there(time: Time) -> None:
    """A refused connection is tried again too; the hint names the setting with the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/prices"
        transport = transport_of(time, tries=2)
        with transport.mount_on(requests.Session()) as session, pytest.raises(SourceError) as caught:
            session.get(url)
    assert "the connection failed" in caught.value.message
    assert "TREEFOLIO_VENDOR_URL" in str(caught.value.hint)
    assert transport.requests == 2


def test_waits_are_random_below_a_bound_that_doubles(server: VendorServer, time: Time) -> None:
    """Full jitter: the bounds are 0.5, 1, 2 s, and half of them with a random number of a half."""
    server.fault("down", times=3)
    with transport_of(time, chance=0.5).mount_on(requests.Session()) as session:
        session.get(server.url)
    assert time.waited == [0.25, 0.5, 1.0]


@pytest.mark.parametrize("told", ["seconds", "date", "reset"])
def test_the_vendor_says_how_long(told: str, wire: Plain, time: Time) -> None:
    """Retry-After in seconds or as a date, or the end of the window, is waited for, and by everybody."""
    limit = limit_of(time)
    with (
        VendorServer(wire, per_minute=1, retry_after=told, clock=time.clock) as server,
        transport_of(time, limit=limit).mount_on(requests.Session()) as session,
    ):
        session.get(server.url)
        time.now += 20
        session.get(server.url)
        assert time.waited == [pytest.approx(41, abs=1.5)]
        assert len(server.requests) == 3
        assert server.refused == 1


def test_without_a_word_a_busy_vendor_is_given_a_minute(wire: Plain, time: Time) -> None:
    """429 that says nothing: the bounds of waiting are 5, 10, 20, 40 s, longer than the vendor's minute."""
    with (
        VendorServer(wire, per_minute=1, retry_after=None, clock=time.clock) as server,
        transport_of(time, tries=6).mount_on(requests.Session()) as session,
    ):
        session.get(server.url)
        session.get(server.url)
    assert time.waited == [5, 10, 20, 40]


def test_a_pause_is_for_all_who_share_the_limit(server: VendorServer, time: Time) -> None:
    """While one waits as the vendor asked, nobody else with the key asks either."""
    limit = limit_of(time)
    one, two = transport_of(time, limit=limit, tries=1), transport_of(time, limit=limit)
    server.fault("busy")
    with one.mount_on(requests.Session()) as session, pytest.raises(SourceError):
        session.get(server.url)
    limit.hold(25)
    with two.mount_on(requests.Session()) as session:
        session.get(server.url)
    assert time.waited == [25]


def test_a_pause_of_an_hour_is_not_waited_for(wire: Plain, server: VendorServer, time: Time) -> None:
    """Who asks for more than some minutes is given up at once, and the hint says how long."""
    wire.status, wire.headers = 429, {"Retry-After": "3600"}
    transport = transport_of(time)
    with transport.mount_on(requests.Session()) as session, pytest.raises(SourceError) as caught:
        session.get(server.url)
    assert transport.requests == 1
    assert time.waited == []
    assert "60 minutes" in str(caught.value.hint)
    assert LONGEST_PAUSE_SECONDS < 3600


def test_only_reads_are_repeated(server: VendorServer, time: Time) -> None:
    """A POST is sent once: its 503 goes to the caller, and a lost one is an error."""
    transport = transport_of(time)
    server.fault("down")
    server.fault("reset")
    with transport.mount_on(requests.Session()) as session:
        assert session.post(server.url, json={}).status_code == 503
        with pytest.raises(SourceError):
            session.post(server.url, json={})
    assert transport.requests == 2
    assert time.waited == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_refusals_go_to_the_client(status: int, wire: Plain, server: VendorServer, time: Time) -> None:
    """What is refused is not asked for again."""
    wire.status = status
    transport = transport_of(time)
    with transport.mount_on(requests.Session()) as session:
        assert session.get(server.url).status_code == status
    assert transport.requests == 1


def test_requests_are_counted_over_threads(server: VendorServer, time: Time) -> None:
    """80 requests from 8 threads are 80."""
    transport = transport_of(time)
    with transport.mount_on(requests.Session()) as session, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: session.get(server.url).status_code, range(80)))
    assert transport.requests == 80 == len(server.requests)


@pytest.mark.parametrize("fault", ["down", "reset", "slow", "cut", "busy"])
def test_keys_are_never_said(
    fault: str, server: VendorServer, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys in headers, in the query and in the address stand in no message, no log line, no traceback."""
    transport = transport_of(time, tries=2, read_seconds=0.3)
    server.fault(fault, times=100)
    host = server.url.removeprefix("http://")
    with (
        caplog.at_level(logging.DEBUG, logger="treefolio"),
        transport.mount_on(requests.Session()) as session,
        pytest.raises(SourceError) as caught,
    ):
        session.get(
            f"http://user:password@{host}/prices",
            params={"apiKey": "query-key"},
            headers={"X-Key": "header-key"},
        )
    error = caught.value
    said = "".join(
        [str(error), repr(error), repr(vars(error)), caplog.text, *traceback.format_exception(error)]
    )
    assert error.__context__ is None
    for secret in ("query-key", "header-key", "password"):
        assert secret not in said


def test_a_vendor_text_is_cleaned_of_keys(time: Time) -> None:
    """`clean` takes our keys out of what a vendor says."""
    assert transport_of(time, secrets=("k1", "")).clean("key k1 is wrong") == "key … is wrong"


def test_the_settings_decide(server: VendorServer, tmp_path: Path) -> None:
    """Time-outs, tries and the pace come from the settings; the limit is shared under the home folder."""
    settings = MarketSettings(home=tmp_path, read_seconds=0.2, tries=1, requests_per_minute=7)
    transport = open_transport(settings, vendor="vendor", key="the-key", setting="X")
    server.fault("slow")
    with transport.mount_on(requests.Session()) as session, pytest.raises(SourceError) as caught:
        session.get(server.url)
    assert "no answer within 0.2 s" in caught.value.message
    assert transport.requests == 1
    assert list(tmp_path.glob("limits/*/requests.sqlite"))
