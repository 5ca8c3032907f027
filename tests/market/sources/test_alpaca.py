"""Alpaca through its official client, against a server that speaks its wire format and fails on demand."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from source_cases import FIRST, LAST, TICKERS, Time, limit_of, transport_of

from treefolio.errors import SourceError
from treefolio.market.actions import Dividend, SpinOff, Split
from treefolio.market.bars import INTERVALS, Bars
from treefolio.market.settings import MarketSettings
from treefolio.market.sources import alpaca, alpaca_client
from treefolio.market.sources.alpaca import Alpaca
from treefolio.market.sources.base import Delivered, Failed
from treefolio.testing.clock import FakeClock
from treefolio.testing.vendors.alpaca_wire import ACTIONS, BARS, KEY, SECRET, AlpacaWire
from treefolio.testing.vendors.served import Served, made_up
from treefolio.testing.vendors.server import VendorServer


@pytest.fixture
def wire(served: Served, clock: FakeClock) -> AlpacaWire:
    return AlpacaWire(served, clock=clock.now)


@pytest.fixture
def source(server: VendorServer, clock: FakeClock, tmp_path: Path) -> Alpaca:
    return opened(server, clock, tmp_path)


def opened(
    server: VendorServer,
    clock: FakeClock,
    home: Path,
    *,
    feed: str = "sip",
    interval: str = "1d",
    tries: int = 3,
    key: str | None = KEY,
    secret: str | None = SECRET,
) -> Alpaca:
    settings = MarketSettings(home=home, alpaca_data_url=server.url, alpaca_key=key, alpaca_secret=secret)
    time = Time()
    transport = transport_of(time, tries=tries, limit=limit_of(time), secrets=(KEY, SECRET), read_seconds=20)
    return Alpaca(settings, feed=feed, interval=interval, watch=clock, transport=transport)


def delivered(answers: Iterator[Delivered | Failed]) -> dict[str, Bars]:
    """The bars by ticker; nothing failed, and nobody was answered twice."""
    found = list(answers)
    assert not [answer for answer in found if isinstance(answer, Failed)]
    assert len({answer.ticker for answer in found}) == len(found)
    return {answer.ticker: answer.bars for answer in found if isinstance(answer, Delivered)}


def sorted_out(answers: Iterator[Delivered | Failed]) -> tuple[dict[str, Bars], dict[str, Failed]]:
    found = list(answers)
    return (
        {answer.ticker: answer.bars for answer in found if isinstance(answer, Delivered)},
        {answer.ticker: answer for answer in found if isinstance(answer, Failed)},
    )


def assert_same(got: Bars, wanted: Bars) -> None:
    assert got.at.dtype == wanted.at.dtype
    assert np.array_equal(got.at, wanted.at)
    for name, values in wanted.fields.items():
        assert np.array_equal(got.fields[name], values), name


@pytest.mark.parametrize("page", [7, 500, 501, 503, 10_000])
def test_bars_arrive_as_they_are(
    page: int, source: Alpaca, served: Served, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every bar of every ticker, bit for bit, wherever a page ends; as many requests as there are pages."""
    monkeypatch.setattr(alpaca_client, "PAGE_BARS", page)
    first = LAST - timedelta(days=5) if page == 7 else FIRST
    found = delivered(source.bars(TICKERS, first, LAST))
    assert set(found) == set(TICKERS)
    total = 0
    for ticker, bars in served.of("1d").items():
        assert_same(found[ticker], bars.where(bars.at >= np.datetime64(first, "D")))
        total += len(found[ticker])
    assert len(server.requests) == -(-total // page) == source.requests


def test_what_is_asked_for(source: Alpaca, server: VendorServer) -> None:
    """Raw bars of the feed, 10,000 a page, with Alpaca's spelling and the keys in the headers."""
    delivered(source.bars(TICKERS, FIRST, LAST))
    request = server.requests[0]
    assert request.path == BARS
    assert request.query["symbols"] == "AAA,BRK.B,CCC,SPY,ZZZ"
    assert request.query["adjustment"] == "raw"
    assert request.query["feed"] == "sip"
    assert request.query["timeframe"] == "1Day"
    assert request.query["limit"] == "10000"
    assert request.query["start"] == "2023-01-03T05:00:00+00:00"
    assert request.query["end"] == "2025-01-01T04:59:59+00:00"
    assert (request.headers["apca-api-key-id"], request.headers["apca-api-secret-key"]) == (KEY, SECRET)


@pytest.mark.parametrize("interval", [name for name in INTERVALS if name != "1d"])
def test_shorter_bars_begin_in_utc(
    interval: str, server: VendorServer, wire: AlpacaWire, clock: FakeClock, tmp_path: Path
) -> None:
    """Over a change to daylight-saving time, the first bar of a session is at 9:30 in New York."""
    wire.served = made_up(TICKERS[:2], date(2024, 3, 7), date(2024, 3, 12), intervals=(interval,))
    source = opened(server, clock, tmp_path, interval=interval)
    found = delivered(source.bars(TICKERS[:2], date(2024, 3, 8), date(2024, 3, 11)))
    for ticker in TICKERS[:2]:
        whole = wire.served.of(interval)[ticker]
        days = whole.at.astype("datetime64[D]")
        wanted = (days >= np.datetime64("2024-03-08")) & (days <= np.datetime64("2024-03-11"))
        assert_same(found[ticker], whole.where(wanted))
    assert found["AAA"].at[0] == np.datetime64("2024-03-08T14:30:00")
    assert np.datetime64("2024-03-11T13:30:00") in found["AAA"].at


def test_tickers_come_as_they_are_complete(
    source: Alpaca, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ticker is delivered before the last page was asked for."""
    monkeypatch.setattr(alpaca_client, "PAGE_BARS", 600)
    answers = source.bars(TICKERS, FIRST, LAST)
    assert next(answers).ticker == "AAA"
    asked = len(server.requests)
    assert [answer.ticker for answer in answers] == ["BRK/B", "CCC", "SPY", "ZZZ"]
    assert asked < len(server.requests)


def test_a_ticker_without_bars_is_delivered_empty(source: Alpaca) -> None:
    """Alpaca does not say that it knows no such symbol: it has no bars of it."""
    found = delivered(source.bars(["AAA", "NONE"], FIRST, LAST))
    assert len(found["NONE"]) == 0
    assert len(found["AAA"]) > 0


def test_only_the_culprits_fail(source: Alpaca, server: VendorServer) -> None:
    """Symbols that Alpaca refuses are found, and are unknown; all others are delivered."""
    bad = ["NASDAQ:TAOP", "$SPX", "AAA,BBB", "T O", ""]
    found, failed = sorted_out(source.bars([*TICKERS, *bad], FIRST, LAST))
    assert set(found) == set(TICKERS)
    assert set(failed) == set(bad)
    assert all(failure.unknown for failure in failed.values())
    assert failed["$SPX"].reason == "invalid symbol: $SPX"
    assert len(server.requests) == 3  # one for each that can be asked for, and one without them


def test_a_refusal_that_names_nobody_is_halved(
    source: Alpaca, wire: AlpacaWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the answer does not say which symbol it is, batches are halved until the culprit is alone."""
    monkeypatch.setattr("treefolio.testing.vendors.alpaca_wire.NAMING", "invalid symbols")
    found, failed = sorted_out(source.bars([*TICKERS, "$SPX"], FIRST, LAST))
    assert set(found) == set(TICKERS)
    assert set(failed) == {"$SPX"}
    assert failed["$SPX"].unknown
    del wire


@pytest.mark.parametrize("fault", ["down", "reset", "cut", "torn", "garbage"])
def test_one_lost_batch_is_not_all(
    fault: str, source: Alpaca, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that cannot be had fails with the reason; the batches before and behind it are delivered."""
    monkeypatch.setattr(alpaca, "BATCH", 2)
    server.fault(fault, times=3, after=1)
    found, failed = sorted_out(source.bars(TICKERS, FIRST, LAST))
    assert set(found) == {"AAA", "BRK/B", "ZZZ"}
    assert set(failed) == {"CCC", "SPY"}
    assert not any(failure.unknown for failure in failed.values())
    assert "3 times in a row" in failed["CCC"].reason


def test_what_was_complete_before_the_failure_counts(
    source: Alpaca, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the third page is lost, tickers that were complete stay delivered, and only the others fail."""
    monkeypatch.setattr(alpaca_client, "PAGE_BARS", 600)
    server.fault("down", times=100, after=2)
    found, failed = sorted_out(source.bars(TICKERS, FIRST, LAST))
    assert set(found) == {"AAA"}
    assert set(failed) == set(TICKERS) - {"AAA"}


def test_empty_pages_are_passed_over(
    source: Alpaca, served: Served, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page without bars that is not the last one ends nothing."""
    monkeypatch.setattr(alpaca_client, "PAGE_BARS", 300)
    server.fault("empty", times=3)
    server.fault("empty", times=2, after=2)
    found = delivered(source.bars(TICKERS, FIRST, LAST))
    for ticker, bars in served.of("1d").items():
        assert_same(found[ticker], bars)


def test_empty_pages_without_end_are_given_up(source: Alpaca, server: VendorServer) -> None:
    """A vendor that goes on with empty pages for ever is not followed."""
    server.fault("empty", times=1000)
    found, failed = sorted_out(source.bars(["AAA"], FIRST, LAST))
    assert not found
    assert failed["AAA"].reason == "the answer's pages lead nowhere"
    assert source.requests < 50


@pytest.mark.parametrize("missing", ["key", "secret", "both"])
def test_missing_keys_are_said_before_any_request(
    missing: str, server: VendorServer, clock: FakeClock, tmp_path: Path
) -> None:
    """The hint names the environment variables that are not set; nothing was asked for."""
    source = opened(
        server,
        clock,
        tmp_path,
        key=None if missing in ("key", "both") else KEY,
        secret=" " if missing in ("secret", "both") else SECRET,
    )
    for ask in (
        lambda: list(source.bars(TICKERS, FIRST, LAST)),
        lambda: source.actions(TICKERS, FIRST, LAST),
    ):
        with pytest.raises(SourceError) as caught:
            ask()
        hint = str(caught.value.hint)
        assert ("APCA_API_KEY_ID" in hint) == (missing != "secret")
        assert ("APCA_API_SECRET_KEY" in hint) == (missing != "key")
    assert server.requests == []


def test_wrong_keys_stop_everything(
    server: VendorServer, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused keys are one error at once, with the variables to look at; the keys are said nowhere."""
    source = opened(server, clock, tmp_path, secret="wrong-secret-0815")
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        list(source.bars(TICKERS, FIRST, LAST))
    assert "APCA_API_SECRET_KEY" in str(caught.value.hint)
    assert source.requests == 1
    said = f"{caught.value} {caught.value!r} {caplog.text} {source!r} {vars(source)!r}"
    assert KEY not in said
    assert "wrong-secret-0815" not in said


def test_an_address_that_is_not_alpaca(clock: FakeClock, tmp_path: Path) -> None:
    """Where something else answers, each ticker fails with a reason."""
    with VendorServer() as server:
        found, failed = sorted_out(opened(server, clock, tmp_path).bars(["AAA"], FIRST, LAST))
    assert not found
    assert failed["AAA"].reason == "Alpaca answered 404: endpoint not found"


def test_a_bar_that_cannot_be_read_fails_its_ticker_alone(
    source: Alpaca, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nonsense in one ticker's bars leaves the others alone."""
    real = alpaca.terms.columns

    def columns(rows: list[dict[str, object]], interval: str) -> Bars:
        return real([{**row, "c": "?"} for row in rows] if rows[0]["v"] == odd else rows, interval)

    odd = delivered(source.bars(["CCC"], FIRST, LAST))["CCC"].fields["volume"][0]
    monkeypatch.setattr(alpaca.terms, "columns", columns)
    found, failed = sorted_out(source.bars(TICKERS, FIRST, LAST))
    assert set(failed) == {"CCC"}
    assert failed["CCC"].reason == "the answer has a bar that cannot be read"
    assert set(found) == set(TICKERS) - {"CCC"}
    del server


class TestFreePlan:
    """A plan that may not ask for the last 15 minutes of the SIP feed."""

    @pytest.fixture
    def wire(self, clock: FakeClock) -> AlpacaWire:
        return AlpacaWire(made_up(TICKERS, date(2025, 2, 3), date(2025, 3, 5)), free=True, clock=clock.now)

    def test_todays_bar_is_asked_for_as_far_as_permitted(
        self, source: Alpaca, server: VendorServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The daily bars of today come, as of 16 minutes ago, and that is said once."""
        with caplog.at_level(logging.WARNING, logger="treefolio"):
            found = delivered(source.bars(TICKERS, date(2025, 2, 3), date(2025, 3, 5)))
            delivered(source.bars(TICKERS, date(2025, 2, 3), date(2025, 3, 5)))
        assert found["AAA"].at[-1] == np.datetime64("2025-03-05")
        assert [record.action for record in caplog.records] == ["sip_delayed"]
        assert len(server.requests) == 3
        assert server.requests[-1].query["end"] == "2025-03-05T19:44:00+00:00"

    def test_past_days_need_no_second_request(self, source: Alpaca, server: VendorServer) -> None:
        """Days before today are permitted as they are."""
        delivered(source.bars(TICKERS, date(2025, 2, 3), date(2025, 3, 4)))
        assert len(server.requests) == 1

    def test_the_iex_feed_is_permitted(self, server: VendorServer, clock: FakeClock, tmp_path: Path) -> None:
        """One exchange in real time is part of the free plan."""
        source = opened(server, clock, tmp_path, feed="iex")
        delivered(source.bars(TICKERS, date(2025, 2, 3), date(2025, 3, 5)))
        assert len(server.requests) == 1
        assert server.requests[0].query["end"] == "2025-03-05T20:00:00+00:00"
        assert source.shelf.name == "alpaca iex"
        assert source.earliest == date(2020, 7, 27)


def test_the_future_is_not_asked_for(source: Alpaca, server: VendorServer) -> None:
    """An end in the future is now; a start in the future asks for nothing."""
    delivered(source.bars(["AAA"], FIRST, date(2030, 1, 1)))
    assert server.requests[0].query["end"] == "2025-03-05T20:00:00+00:00"
    found = delivered(source.bars(["AAA"], date(2029, 1, 1), date(2030, 1, 1)))
    assert len(found["AAA"]) == 0
    assert len(server.requests) == 1


def test_nothing_is_before_the_first_day_of_the_feed(source: Alpaca, server: VendorServer) -> None:
    """Alpaca's SIP bars begin in 2016: no earlier day is asked for."""
    delivered(source.bars(["AAA"], date(1990, 1, 1), LAST))
    assert source.earliest == date(2016, 1, 4)
    assert server.requests[0].query["start"] == "2016-01-04T05:00:00+00:00"


def test_corporate_actions_arrive_as_they_are(source: Alpaca, served: Served, server: VendorServer) -> None:
    """Dividends, splits, reverse splits and spin-offs of all tickers, by one paged call."""
    found = source.actions(TICKERS, FIRST, LAST)
    assert sorted(map(repr, found)) == sorted(map(repr, served.actions))
    assert {type(action) for action in found} == {Dividend, Split, SpinOff}
    assert server.paths() == [ACTIONS]
    assert server.requests[0].query["limit"] == "1000"


def test_corporate_actions_come_page_by_page(
    source: Alpaca, served: Served, server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of 4, one of them empty, give the same actions."""
    monkeypatch.setattr(alpaca_client, "PAGE_ACTIONS", 4)
    server.fault("empty", after=2)
    found = source.actions(TICKERS, FIRST, LAST)
    assert sorted(map(repr, found)) == sorted(map(repr, served.actions))
    assert len(server.requests) == -(-len(served.actions) // 4) + 1


def test_a_dividend_belongs_to_its_ex_date(source: Alpaca, served: Served) -> None:
    """Though Alpaca files it under the day of payment, two weeks later; both ends of the period count."""
    dividend = next(action for action in served.actions if isinstance(action, Dividend))
    day = dividend.ex_date
    assert source.actions([dividend.ticker], day, day) == [dividend]
    assert source.actions([dividend.ticker], day + timedelta(days=1), day + timedelta(days=20)) == []


MORE = {
    "stock_dividends": [
        {"symbol": "AAA", "rate": 0.05, "process_date": "2023-05-10", "ex_date": "2023-05-02"}
    ],
    "cash_dividends": [
        {
            "symbol": "AAA",
            "rate": 2.5,
            "special": True,
            "process_date": "2023-06-10",
            "ex_date": "2023-06-01",
        },
        {
            "symbol": "AAA",
            "rate": 2.5,
            "special": True,
            "process_date": "2023-06-10",
            "ex_date": "2023-06-01",
        },
        {
            "symbol": "AAA",
            "rate": None,
            "special": False,
            "process_date": "2023-06-12",
            "ex_date": "2023-06-05",
        },
    ],
    "unit_splits": [
        {
            "old_symbol": old,
            "new_symbol": "AAA",
            "alternate_symbol": "AAA.WS",
            "old_rate": 1,
            "new_rate": 2,
            "alternate_rate": 0.5,
            "process_date": "2023-07-03",
            "effective_date": "2023-07-03",
        }
        for old in ("AAA", "AAA.U")
    ],
    "spin_offs": [
        {
            "source_symbol": "BRK.B",
            "source_rate": 3,
            "new_symbol": "KID.A",
            "new_rate": 1,
            "process_date": "2023-08-01",
            "ex_date": "2023-08-01",
        },
        {
            "source_symbol": "OTHER",
            "source_rate": 3,
            "new_symbol": "AAA",
            "new_rate": 1,
            "process_date": "2023-08-01",
            "ex_date": "2023-08-01",
        },
    ],
    "name_changes": [{"old_symbol": "OLD", "new_symbol": "AAA", "process_date": "2023-02-01"}],
    "cash_mergers": [{"acquiree_symbol": "AAA", "rate": 12.0, "process_date": "2023-02-01"}],
}


def test_each_kind_of_action(
    server: VendorServer, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A stock dividend of 5 % is 1.05 for 1; repetitions count once; others are counted in the log."""
    wire = AlpacaWire(Served(), more=MORE, clock=clock.now)
    with VendorServer(wire) as other, caplog.at_level(logging.INFO, logger="treefolio"):
        found = opened(other, clock, tmp_path).actions(["AAA", "BRK/B"], FIRST, LAST)
    assert found == [
        Split(ticker="AAA", ex_date=date(2023, 5, 2), new=1.05, old=1.0),
        Dividend(ticker="AAA", ex_date=date(2023, 6, 1), amount=2.5, special=True),
        Split(ticker="AAA", ex_date=date(2023, 7, 3), new=2.0, old=1.0),
        SpinOff(ticker="BRK/B", ex_date=date(2023, 8, 1), child="KID-A", rate=1 / 3),
    ]
    said = [record.getMessage() for record in caplog.records if record.action == "actions_ignored"]
    ignored = "1 cash_dividends, 1 cash_mergers, 1 name_changes, 1 unit_splits"
    assert said == [f"alpaca: corporate actions without use here: {ignored}"]
    del server


def test_a_lost_answer_is_an_error_for_actions(source: Alpaca, server: VendorServer) -> None:
    """There is no part of the actions that could be used: what is missing would be a wrong price."""
    server.fault("down", times=100)
    with pytest.raises(SourceError):
        source.actions(TICKERS, FIRST, LAST)


def test_actions_of_a_refused_symbol_are_none(source: Alpaca, served: Served) -> None:
    """A symbol that Alpaca refuses has no actions, and the others keep theirs."""
    found = source.actions([*TICKERS, "$SPX"], FIRST, LAST)
    assert sorted(map(repr, found)) == sorted(map(repr, served.actions))


def test_each_ticker_is_answered_once(source: Alpaca, server: VendorServer) -> None:
    """A ticker that is named twice, or in two spellings, is asked for once, and each spelling answered."""
    found = delivered(source.bars(["BRK/B", "BRK.B", "BRK-B", "AAA", "AAA"], FIRST, LAST))
    assert set(found) == {"BRK/B", "BRK.B", "BRK-B", "AAA"}
    assert_same(found["BRK.B"], found["BRK/B"])
    assert server.requests[0].query["symbols"] == "AAA,BRK.B"


def test_many_tickers_are_few_requests(source: Alpaca, server: VendorServer) -> None:
    """1,200 tickers are three batches."""
    found = delivered(source.bars([f"T{number}" for number in range(1200)], FIRST, LAST))
    assert len(found) == 1200
    assert len(server.requests) == 3


def test_the_limit_of_the_vendor_is_kept(served: Served, clock: FakeClock, tmp_path: Path) -> None:
    """With 180 requests a minute against a limit of 200, 400 requests meet no 429."""
    time = Time()
    with VendorServer(AlpacaWire(served, clock=clock.now), clock=time.clock) as server:
        settings = MarketSettings(
            home=tmp_path, alpaca_data_url=server.url, alpaca_key=KEY, alpaca_secret=SECRET
        )
        source = Alpaca(settings, watch=clock, transport=transport_of(time, limit=limit_of(time, 180)))
        for _ in range(400):
            delivered(source.bars(["NONE"], LAST, LAST))
        assert server.refused == 0
        assert len(server.requests) == 400


def test_importing_it_costs_nothing() -> None:
    """Neither the client nor `requests` is imported before something is asked."""
    code = (
        "import sys, treefolio.market.sources.alpaca\n"
        "print(sorted(name for name in ('alpaca', 'requests', 'pyrate_limiter', 'pandas', 'pydantic')"
        " if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_listings_are_not_stated(source: Alpaca) -> None:
    """Alpaca does not say when trading began."""
    assert source.listings(TICKERS) == {}
