"""Massive through its official client, against a server that speaks its wire format and fails on demand."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from source_cases import FIRST, LAST, START, TICKERS, Time, limit_of, transport_of

from treefolio.errors import SourceError
from treefolio.market.actions import Dividend, Split
from treefolio.market.bars import INTERVALS, Bars, days_of
from treefolio.market.settings import MarketSettings
from treefolio.market.sources import massive, massive_client
from treefolio.market.sources.base import Delivered, Failed
from treefolio.market.sources.massive import Massive
from treefolio.market.sources.massive_terms import ours, theirs
from treefolio.testing.clock import FakeClock
from treefolio.testing.vendors.massive_wire import DIVIDENDS, KEY, SPLITS, MassiveWire
from treefolio.testing.vendors.served import Served, made_up
from treefolio.testing.vendors.server import Answer, Request, VendorServer, json_answer

TODAY = date(2025, 3, 5)
AAA_BARS = "/v2/aggs/ticker/AAA/range/1/day/2023-01-03/2024-12-31"


@pytest.fixture
def wire(served: Served, clock: FakeClock) -> MassiveWire:
    return MassiveWire(served, clock=clock.now)


@pytest.fixture
def source(server: VendorServer, clock: FakeClock, tmp_path: Path) -> Massive:
    return opened(server, clock, tmp_path)


def opened(
    server: VendorServer,
    clock: FakeClock,
    home: Path,
    *,
    interval: str = "1d",
    tries: int = 3,
    key: str | None = KEY,
) -> Massive:
    settings = MarketSettings(home=home, massive_url=server.url, massive_key=key)
    time = Time()
    transport = transport_of(time, tries=tries, limit=limit_of(time), secrets=(KEY,), read_seconds=20)
    return Massive(settings, interval=interval, watch=clock, transport=transport)


def sorted_out(answers: Iterator[Delivered | Failed]) -> tuple[dict[str, Bars], dict[str, Failed]]:
    found = list(answers)
    assert len({answer.ticker for answer in found}) == len(found)
    return (
        {answer.ticker: answer.bars for answer in found if isinstance(answer, Delivered)},
        {answer.ticker: answer for answer in found if isinstance(answer, Failed)},
    )


def delivered(answers: Iterator[Delivered | Failed]) -> dict[str, Bars]:
    """The bars by ticker; nothing failed."""
    found, failed = sorted_out(answers)
    assert not failed
    return found


def assert_same(got: Bars, wanted: Bars) -> None:
    assert got.at.dtype == wanted.at.dtype
    assert np.array_equal(got.at, wanted.at)
    for name, values in wanted.fields.items():
        assert np.array_equal(got.fields[name], values), name


@pytest.mark.parametrize("page", [7, 501, 502, 503, 50_000])
def test_bars_arrive_as_they_are(
    page: int, source: Massive, served: Served, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every bar of every ticker, bit for bit, wherever a page ends; as many requests as there are pages."""
    monkeypatch.setattr(massive_client, "MOST_BARS", page)
    first = LAST - timedelta(days=30) if page == 7 else FIRST
    found = delivered(source.bars(TICKERS, first, LAST))
    assert set(found) == set(TICKERS)
    pages = 0
    for ticker, bars in served.of("1d").items():
        assert_same(found[ticker], bars.where(bars.at >= np.datetime64(first, "D")))
        pages += -(-len(found[ticker]) // page)
    assert len(server.requests) == pages == source.requests


def test_what_is_asked_for(source: Massive, server: VendorServer) -> None:
    """Raw bars, 50,000 a page, with Massive's spelling and the key in the header and nowhere else."""
    delivered(source.bars(["BRK/B"], FIRST, LAST))
    request = server.requests[0]
    assert request.path == "/v2/aggs/ticker/BRK.B/range/1/day/2023-01-03/2024-12-31"
    assert dict(request.query) == {"adjusted": "false", "sort": "asc", "limit": "50000"}
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("interval", [name for name in INTERVALS if name != "1d"])
def test_shorter_bars_begin_in_utc(
    interval: str, server: VendorServer, wire: MassiveWire, clock: FakeClock, tmp_path: Path
) -> None:
    """Over a change to daylight-saving time, the first bar of a session is at 9:30 in New York; a page of
    120 base minutes has few bars, and all of them come."""
    wire.served = made_up(TICKERS[:2], date(2024, 3, 7), date(2024, 3, 12), intervals=(interval,))
    source = opened(server, clock, tmp_path, interval=interval)
    found = delivered(source.bars(TICKERS[:2], date(2024, 3, 8), date(2024, 3, 11)))
    for ticker in TICKERS[:2]:
        whole = wire.served.of(interval)[ticker]
        days = days_of(whole)
        wanted = (days >= np.datetime64("2024-03-08")) & (days <= np.datetime64("2024-03-11"))
        assert_same(found[ticker], whole.where(wanted))
    assert found["AAA"].at[0] == np.datetime64("2024-03-08T14:30:00")
    assert np.datetime64("2024-03-11T13:30:00") in found["AAA"].at


def test_pages_of_hours_count_minutes(
    server: VendorServer,
    wire: MassiveWire,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page of 120 base minutes has two bars of an hour, and all bars come."""
    monkeypatch.setattr(massive_client, "MOST_BARS", 120)
    wire.served = made_up(["AAA"], date(2024, 3, 7), date(2024, 3, 12), intervals=("1h",))
    source = opened(server, clock, tmp_path, interval="1h")
    found = delivered(source.bars(["AAA"], date(2024, 3, 7), date(2024, 3, 12)))
    assert_same(found["AAA"], wire.served.of("1h")["AAA"])
    assert len(server.requests) == len(found["AAA"]) // 2


def test_an_unknown_ticker_is_delivered_empty(source: Massive) -> None:
    """Massive does not say that it knows no such ticker: its answer has no rows."""
    found = delivered(source.bars(["AAA", "NOSUCH"], FIRST, LAST))
    assert len(found["NOSUCH"]) == 0
    assert found["NOSUCH"].at.dtype == np.dtype("datetime64[D]")
    assert len(found["AAA"]) > 0


@pytest.mark.parametrize("odd", ["../../v3/reference", "A/B?x=1", "A#B", "ÄÖ", "%2e"])
def test_a_ticker_cannot_lead_elsewhere(odd: str, source: Massive, server: VendorServer) -> None:
    """Whatever is asked for as a ticker stays one part of the path."""
    delivered(source.bars([odd], FIRST, LAST))
    path = server.requests[0].path
    assert path.startswith("/v2/aggs/ticker/")
    assert path.count("/") == AAA_BARS.count("/")


def test_what_is_no_ticker_is_not_asked_for(source: Massive, server: VendorServer) -> None:
    """In a list of tickers it would be several; the others are delivered, and have their actions."""
    bad = ["A,BRK.B", "T O", "", "A" * 40]
    found, failed = sorted_out(source.bars([*TICKERS, *bad], FIRST, LAST))
    assert set(found) == set(TICKERS)
    assert set(failed) == set(bad)
    assert all(failure.unknown for failure in failed.values())
    assert source.actions(bad, FIRST, LAST) == []
    assert len(server.requests) == len(TICKERS)


@pytest.mark.parametrize("fault", ["down", "reset", "cut", "torn", "garbage"])
def test_what_passes_is_not_noticed(
    fault: str, source: Massive, served: Served, server: VendorServer
) -> None:
    """An answer that is late, cut or damaged is asked for again."""
    server.fault(fault, times=2)
    found = delivered(source.bars(TICKERS, FIRST, LAST))
    for ticker, bars in served.of("1d").items():
        assert_same(found[ticker], bars)
    assert source.requests == len(TICKERS) + 2


@pytest.mark.parametrize("fault", ["down", "reset", "cut", "torn", "garbage"])
def test_one_lost_ticker_is_not_all(fault: str, source: Massive, server: VendorServer) -> None:
    """A ticker that cannot be had fails with the reason, and never counts as one without bars."""
    server.fault(fault, times=3, path=AAA_BARS)
    found, failed = sorted_out(source.bars(TICKERS, FIRST, LAST))
    assert set(failed) == {"AAA"}
    assert not failed["AAA"].unknown
    assert "3 times in a row" in failed["AAA"].reason
    assert set(found) == set(TICKERS) - {"AAA"}


@pytest.mark.parametrize("after", [0, 1])
def test_a_page_lost_for_good_fails_the_ticker(
    after: int, source: Massive, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a ticker's bars are not delivered as if they were all."""
    monkeypatch.setattr(massive_client, "MOST_BARS", 300)
    server.fault("torn", times=3, after=after)
    found, failed = sorted_out(source.bars(["AAA"], FIRST, LAST))
    assert not found
    assert set(failed) == {"AAA"}


def test_empty_pages_are_passed_over(
    source: Massive, served: Served, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page without rows that is not the last one ends nothing, though the client would stop there."""
    monkeypatch.setattr(massive_client, "MOST_BARS", 300)
    server.fault("empty", times=2, path=AAA_BARS)
    found = delivered(source.bars(["AAA"], FIRST, LAST))
    assert_same(found["AAA"], served.of("1d")["AAA"])
    assert len(server.requests) == 4


class Odd:
    """A vendor that answers the same whatever is asked."""

    def __init__(self, make: Callable[[Request], Answer]) -> None:
        self._make = make

    def answer(self, request: Request) -> Answer:
        return self._make(request)

    def empty(self, request: Request) -> None:
        del request


def _onwards(request: Request) -> Answer:
    number = int(request.query.get("cursor", 0)) + 1
    return json_answer({"status": "OK", "next_url": f"https://elsewhere{request.path}?cursor={number}"})


def _in_circles(request: Request) -> Answer:
    rows = [{"t": 1_672_722_000_000, "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}]
    following = f"https://elsewhere{request.path}?cursor=1"
    return json_answer({"status": "OK", "results": rows, "next_url": following})


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_onwards, "the answer's pages lead nowhere"),
        (_in_circles, "the answer's pages lead nowhere"),
        (lambda _: json_answer([]), "the answer is none of Massive's"),
        (lambda _: Answer(body=b"<html>", content_type="text/html"), "the answer is none of Massive's"),
        (lambda _: Answer(status=302, headers={"Location": "/"}), "the answer is none of Massive's"),
        (lambda _: json_answer({"status": "ERROR", "error": "odd"}), "Massive answered 200: odd"),
        (
            lambda _: json_answer({"status": "OK", "resultsCount": 2}),
            "the answer lacks the rows that it counts",
        ),
        (lambda _: json_answer({"status": "OK", "results": "x"}), "the answer's rows cannot be read"),
        (
            lambda _: json_answer({"status": "OK", "results": [{"t": None}]}),
            "the answer has a bar that cannot be read",
        ),
        (
            lambda _: json_answer({"status": "OK", "results": [{"t": 1, "o": "?"}]}),
            "the answer has a bar that cannot be read",
        ),
        (lambda _: json_answer({"status": "ERROR", "error": "bad"}, status=400), "Massive answered 400: bad"),
    ],
)
def test_nonsense_is_never_no_data(
    make: Callable[[Request], Answer], reason: str, clock: FakeClock, tmp_path: Path
) -> None:
    """An answer that is none fails the ticker with the reason: the client alone would find no bars in it."""
    with VendorServer(Odd(make)) as server:
        found, failed = sorted_out(opened(server, clock, tmp_path).bars(["AAA"], FIRST, LAST))
    assert not found
    assert failed["AAA"].reason == reason
    assert len(server.requests) < 50


def test_a_missing_key_is_said_before_any_request(
    server: VendorServer, clock: FakeClock, tmp_path: Path
) -> None:
    """The hint names the environment variable; nothing was asked for."""
    source = opened(server, clock, tmp_path, key=" ")
    for ask in (
        lambda: list(source.bars(TICKERS, FIRST, LAST)),
        lambda: source.actions(TICKERS, FIRST, LAST),
        lambda: source.listings(TICKERS),
    ):
        with pytest.raises(SourceError) as caught:
            ask()
        assert "MASSIVE_API_KEY" in str(caught.value.hint)
    assert server.requests == []


def test_a_wrong_key_stops_everything(
    server: VendorServer, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused key is one error, with the variable to look at; the key is said nowhere."""
    source = opened(server, clock, tmp_path, key="wrong-key-0815")
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        list(source.bars([f"T{k}" for k in range(100)], FIRST, LAST))
    assert "MASSIVE_API_KEY" in str(caught.value.hint)
    assert "401" in caught.value.message
    assert source.requests < 100
    assert "wrong-key-0815" not in f"{caught.value} {caught.value!r} {caplog.text} {vars(source)!r}"


def test_what_the_plan_lacks_is_explained(clock: FakeClock, tmp_path: Path) -> None:
    """403 for something else than days is about the plan, not about the key."""
    said = {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}
    with (
        VendorServer(Odd(lambda _: json_answer(said, status=403))) as server,
        pytest.raises(SourceError) as caught,
    ):
        list(opened(server, clock, tmp_path).bars(["AAA"], FIRST, LAST))
    assert "plan" in str(caught.value.hint)
    assert "You are not entitled to this data." in caught.value.message


@pytest.mark.parametrize(("years", "requests"), [(30, 1), (20, 2), (10, 3), (5, 4), (2, 5)])
def test_a_plan_that_reaches_back_some_years(
    years: int,
    requests: int,
    clock: FakeClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What the plan includes is found out once, and said; the bars that it includes come."""
    served = made_up(["AAA", "BBB"], date(2003, 9, 10), TODAY)
    wire = MassiveWire(served, plan_years=years, clock=clock.now)
    with VendorServer(wire) as server:
        source = opened(server, clock, tmp_path)
        with caplog.at_level(logging.WARNING, logger="treefolio"):
            found = delivered(source.bars(["AAA"], date(1990, 1, 1), TODAY))
        assert len(server.requests) == requests
        again = delivered(source.bars(["BBB"], date(1990, 1, 1), TODAY))
        assert len(server.requests) == requests + 1
    assert np.array_equal(found["AAA"].at, again["BBB"].at)
    begin = TODAY - timedelta(days=365.25 * years) if years < 30 else date(2003, 9, 10)
    assert abs((found["AAA"].at[0].item() - begin).days) < 7
    assert [record.action for record in caplog.records] == ["massive_shortened"] * (requests - 1)


def test_days_before_the_plan_are_refused(clock: FakeClock, tmp_path: Path) -> None:
    """When nothing of what is asked for is included, that is an error about the plan."""
    wire = MassiveWire(made_up(["AAA"], FIRST, LAST), plan_years=2, clock=clock.now)
    with VendorServer(wire) as server, pytest.raises(SourceError) as caught:
        list(opened(server, clock, tmp_path).bars(["AAA"], date(2010, 1, 4), date(2010, 12, 31)))
    assert "timeframe" in caught.value.message
    assert "plan" in str(caught.value.hint)


def test_a_plan_without_today(clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A plan of finished days gives what is before today, and that is said once."""
    wire = MassiveWire(made_up(TICKERS, date(2025, 2, 3), TODAY), same_day=False, clock=clock.now)
    with VendorServer(wire) as server, caplog.at_level(logging.WARNING, logger="treefolio"):
        source = opened(server, clock, tmp_path)
        found = delivered(source.bars(TICKERS, date(2025, 2, 3), TODAY))
        delivered(source.bars(TICKERS, date(2025, 2, 3), TODAY))
    assert {str(bars.at[-1]) for bars in found.values()} == {"2025-03-04"}
    assert [record.action for record in caplog.records] == ["massive_without_today"]


def test_days_to_come_are_not_asked_for(source: Massive, server: VendorServer) -> None:
    """The last day asked for is today; when all lie in the future, nothing is asked."""
    delivered(source.bars(["AAA"], LAST, date(2030, 1, 2)))
    assert server.requests[0].path.endswith("/2024-12-31/2025-03-05")
    assert len(delivered(source.bars(["AAA"], date(2030, 1, 2), date(2030, 2, 1)))["AAA"]) == 0
    assert len(server.requests) == 1


def test_actions_come_in_two_lists(source: Massive, served: Served, server: VendorServer) -> None:
    """Splits and dividends of all tickers, as they are; Massive has no spin-offs."""
    found = source.actions(TICKERS, FIRST, LAST)
    wanted = [each for each in served.actions if isinstance(each, Split | Dividend)]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))
    assert server.paths() == [SPLITS, DIVIDENDS]
    assert server.requests[0].query["ticker.any_of"] == "AAA,BRK.B,CCC,SPY,ZZZ"
    assert {request.query["limit"] for request in server.requests} == {"5000"}


def test_actions_page_by_page(
    source: Massive, served: Served, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages are read, whatever they hold."""
    whole = source.actions(TICKERS, FIRST, LAST)
    monkeypatch.setattr(massive_client, "MOST_ACTIONS", 4)
    server.fault("empty", times=1)
    assert source.actions(TICKERS, FIRST, LAST) == whole
    assert len(server.requests) > 2 + len(whole) // 4
    del served


def test_actions_of_the_days_asked_for(source: Massive, served: Served) -> None:
    """Both ends are included."""
    day = served.actions[0].ex_date
    found = source.actions(["AAA"], day, day)
    assert found == [Dividend(ticker="AAA", ex_date=day, amount=0.25)]


def test_actions_are_named_as_they_were_asked_for(source: Massive) -> None:
    """Whichever mark stands before the share class, it comes back."""
    found = source.actions(["BRK-B", "BRK/B"], FIRST, LAST)
    assert {each.ticker for each in found} == {"BRK-B", "BRK/B"}
    assert delivered(source.bars(["BRK-B", "BRK/B"], FIRST, LAST)).keys() == {"BRK-B", "BRK/B"}


def test_actions_that_cannot_be_asked_for_are_an_error(source: Massive, server: VendorServer) -> None:
    """Prices without some of their splits would be wrong: nothing is returned."""
    server.fault("down", times=3, path=DIVIDENDS)
    with pytest.raises(SourceError):
        source.actions(TICKERS, FIRST, LAST)


def dividend_row(**changed: object) -> dict[str, object]:
    row: dict[str, object] = {
        "id": "E1",
        "ticker": "AAA",
        "cash_amount": 1.5,
        "currency": "USD",
        "distribution_type": "recurring",
        "ex_dividend_date": "2024-05-10",
    }
    return {**row, **changed}


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([dividend_row()], [(1.5, False)]),
        ([dividend_row(), dividend_row(id="E2")], [(1.5, False)]),
        ([dividend_row(), dividend_row(distribution_type="special")], [(1.5, False), (1.5, True)]),
        ([dividend_row(), dividend_row(cash_amount=0.5)], [(0.5, False), (1.5, False)]),
        ([dividend_row(), dividend_row(currency="CAD", cash_amount=9)], [(1.5, False)]),
    ],
)
def test_rows_of_dividends(
    rows: list[dict[str, object]], wanted: list[tuple[float, bool]], clock: FakeClock, tmp_path: Path
) -> None:
    """What the vendor has twice counts once; what is paid in another currency is left out."""
    with VendorServer(MassiveWire(Served(), more={DIVIDENDS: rows}, clock=clock.now)) as server:
        found = opened(server, clock, tmp_path).actions(["AAA"], FIRST, LAST)
    assert [(each.amount, each.special) for each in found if isinstance(each, Dividend)] == wanted


def test_foreign_dividends_are_said(
    clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The tickers whose dividends are not used are named in the log."""
    rows = [dividend_row(ticker="RY", currency="CAD")]
    with VendorServer(MassiveWire(Served(), more={DIVIDENDS: rows}, clock=clock.now)) as server:
        assert opened(server, clock, tmp_path).actions(["RY"], FIRST, LAST) == []
    record = next(each for each in caplog.records if getattr(each, "action", "") == "dividends_foreign")
    assert "RY" in record.getMessage()


@pytest.mark.parametrize(
    "row",
    [
        {"ticker": "AAA", "execution_date": "2024-05-10", "split_from": 0, "split_to": 2},
        {"ticker": "AAA", "execution_date": "2024-05-10", "split_from": "?", "split_to": 2},
        {"ticker": "AAA", "execution_date": "2024-05-10", "split_to": 2},
    ],
)
def test_a_split_that_makes_no_sense_is_an_error(
    row: dict[str, object], clock: FakeClock, tmp_path: Path
) -> None:
    """Prices without it would be wrong by its ratio."""
    with (
        VendorServer(MassiveWire(Served(), more={SPLITS: [row]}, clock=clock.now)) as server,
        pytest.raises(SourceError) as caught,
    ):
        opened(server, clock, tmp_path).actions(["AAA"], FIRST, LAST)
    assert caught.value.ticker == "AAA"
    assert "split_from" in caught.value.message


def test_listings(source: Massive, server: VendorServer) -> None:
    """The first day of those that it knows; one that fails is not all."""
    server.fault("down", times=3, path="/v3/reference/tickers/CCC")
    found = source.listings([*TICKERS, "NOSUCH"])
    assert found == dict.fromkeys(("AAA", "BRK/B", "SPY", "ZZZ"), FIRST)


def test_many_tickers_share_the_limit(
    served: Served, server: VendorServer, clock: FakeClock, tmp_path: Path
) -> None:
    """25 tickers on several threads, 10 requests a minute: all are asked for in the third minute."""
    time = Time()
    settings = MarketSettings(home=tmp_path, massive_url=server.url, massive_key=KEY)
    transport = transport_of(time, limit=limit_of(time, per_minute=10))
    source = Massive(settings, watch=clock, transport=transport)
    delivered(source.bars([f"T{k}" for k in range(25)], FIRST, LAST))
    assert source.requests == len(server.requests) == 25
    assert 120 <= time.now - START < 180
    del served


def test_429_is_waited_for(source: Massive, server: VendorServer) -> None:
    """A refusal for being too fast is not an answer."""
    server.fault("busy", times=2)
    assert len(delivered(source.bars(["AAA"], FIRST, LAST))["AAA"]) > 0
    assert source.requests == 3


@pytest.mark.parametrize(
    ("vendors", "written"),
    [
        ("BRK.B", "BRK-B"),
        ("BF.A", "BF-A"),
        ("SPY", "SPY"),
        ("AAC.U", "AAC.U"),
        ("OXY.WS", "OXY.WS"),
        ("BACpL", "BACpL"),
        ("ZVZZT", "ZVZZT"),
        ("AAA.W", "AAA.W"),
    ],
)
def test_spelling(vendors: str, written: str) -> None:
    """Share classes have our mark; units, warrants, preferred shares and test tickers stay as they are."""
    assert ours(vendors) == written
    assert theirs(written) == vendors


def test_the_client_is_imported_when_something_is_asked() -> None:
    """Opening the source imports neither the client nor what carries it."""
    code = (
        "import sys; from treefolio.market.sources.massive import Massive;"
        "heavy = {'massive', 'requests', 'urllib3', 'pyrate_limiter'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_door_says_what_the_client_needs(source: Massive, server: VendorServer) -> None:
    """The official client parses what passed the checks: its models come out with their values."""
    rows = source._client.bars("AAA", "1d", FIRST, FIRST)
    assert [type(row).__module__.partition(".")[0] for row in rows] == ["massive"]
    assert json.loads(json.dumps(rows[0].close)) > 0
    assert date(2003, 9, 10) == massive.EARLIEST
    del server
