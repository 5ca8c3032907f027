"""What every source of prices does, whoever the vendor is. To test another one: a row in CASES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr
from source_cases import Time, transport_of

from treefolio.market.actions import Action
from treefolio.market.bars import ADJUSTMENTS, INTERVALS, Bars
from treefolio.market.clock import Clock
from treefolio.market.panel import FIELDS
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.alpaca import Alpaca
from treefolio.market.sources.base import Delivered, Failed, Source
from treefolio.market.sources.massive import Massive
from treefolio.market.sources.yahoo import Yahoo
from treefolio.testing.clock import FakeClock
from treefolio.testing.vendors.alpaca_wire import KEY, SECRET, AlpacaWire
from treefolio.testing.vendors.massive_wire import KEY as MASSIVE_KEY
from treefolio.testing.vendors.massive_wire import MassiveWire
from treefolio.testing.vendors.served import Served, made_up
from treefolio.testing.vendors.server import VendorServer, Wire
from treefolio.testing.vendors.yahoo_wire import YahooWire

FIRST, LAST = date(2023, 1, 3), date(2023, 12, 29)
NOW = "2024-01-10T18:00-05:00"
TICKERS = ("AAA", "BRK/B", "CCC", "SPY", "ZZZ")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A source and the wire that it speaks to. `bad`: a ticker that fails, while the others do not."""

    wire: Callable[[Served, Clock], Wire]
    opened: Callable[[MarketSettings, Clock, str], Source]
    bad: str


def _alpaca(settings: MarketSettings, watch: Clock, url: str) -> Source:
    reached = settings.model_copy(update={"alpaca_data_url": url})
    return Alpaca(reached, watch=watch, transport=transport_of(Time(), tries=settings.tries))


def _massive(settings: MarketSettings, watch: Clock, url: str) -> Source:
    reached = settings.model_copy(update={"massive_url": url, "massive_key": SecretStr(MASSIVE_KEY)})
    return Massive(reached, watch=watch, transport=transport_of(Time(), tries=settings.tries))


def _yahoo(settings: MarketSettings, watch: Clock, url: str) -> Source:
    return Yahoo(settings, watch=watch, address=url, sleep=Time().sleep)


CASES = {
    "alpaca": Case(
        wire=lambda served, watch: AlpacaWire(served, clock=watch.now), opened=_alpaca, bad="$SPX"
    ),
    "massive": Case(
        wire=lambda served, watch: MassiveWire(served, clock=watch.now), opened=_massive, bad="A,B"
    ),
    "yahoo": Case(wire=lambda served, _: YahooWire(served), opened=_yahoo, bad="NOPE"),
}


@pytest.fixture(scope="module")
def served() -> Served:
    return made_up(TICKERS, FIRST, LAST)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def watch() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def server(case: Case, served: Served, watch: FakeClock) -> Iterator[VendorServer]:
    with VendorServer(case.wire(served, watch), per_minute=100_000) as listening:
        yield listening


@pytest.fixture
def source(case: Case, server: VendorServer, watch: FakeClock, tmp_path: Path) -> Source:
    settings = MarketSettings(
        home=tmp_path, alpaca_key=KEY, alpaca_secret=SECRET, requests_per_minute=100_000, tries=2
    )
    return case.opened(settings, watch, server.url)


def bars_of(answers: Iterator[Delivered | Failed]) -> dict[str, Bars]:
    """The bars by ticker. Nothing failed."""
    found: dict[str, Bars] = {}
    for answer in answers:
        assert isinstance(answer, Delivered), answer
        found[answer.ticker] = answer.bars
    return found


def assert_equal(one: dict[str, Bars], two: dict[str, Bars]) -> None:
    assert one.keys() == two.keys()
    for ticker, bars in one.items():
        assert np.array_equal(bars.at, two[ticker].at)
        for name in FIELDS:
            assert np.array_equal(bars.fields[name], two[ticker].fields[name], equal_nan=True)


def test_asked_twice_it_says_the_same(source: Source) -> None:
    """The same question has the same answer, bit for bit."""
    assert_equal(
        bars_of(source.bars(TICKERS, FIRST, LAST)),
        bars_of(source.bars(TICKERS, FIRST, LAST)),
    )


def test_each_ticker_is_answered_once(source: Source, case: Case) -> None:
    """Whatever becomes of it, and however often it was named."""
    asked = [*TICKERS, case.bad, "NONE", "AAA", case.bad]
    assert sorted(answer.ticker for answer in source.bars(asked, FIRST, LAST)) == sorted(set(asked))


def test_bars_are_as_promised(source: Source, served: Served) -> None:
    """All five fields as float64, by day, each once, and every session that the vendor has."""
    for ticker, bars in bars_of(source.bars(TICKERS, FIRST, LAST)).items():
        assert bars.at.dtype == np.dtype("datetime64[D]")
        assert np.array_equal(bars.at, served.of("1d")[ticker].at)
        assert set(bars.fields) == set(FIELDS)
        assert all(values.dtype == np.float64 for values in bars.fields.values())
        assert all(values.shape == bars.at.shape for values in bars.fields.values())
        assert (bars.fields["low"] <= bars.fields["high"]).all()


def test_days_are_bounded(source: Source) -> None:
    """From the first day to the last, both included, and a part is as it is in the whole."""
    first, last = date(2023, 3, 7), date(2023, 6, 30)
    whole = bars_of(source.bars(TICKERS, FIRST, LAST))
    part = bars_of(source.bars(TICKERS, first, last))
    assert part["AAA"].at[0] == np.datetime64(first, "D")
    assert part["AAA"].at[-1] == np.datetime64(last, "D")
    low, high = np.datetime64(first, "D"), np.datetime64(last, "D")
    assert_equal(
        part, {ticker: bars.where((bars.at >= low) & (bars.at <= high)) for ticker, bars in whole.items()}
    )


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2023, 7, 1), date(2023, 7, 2)),  # a week-end
        (date(2022, 1, 3), date(2022, 12, 30)),  # before the listing
        (date(2023, 6, 30), date(2023, 6, 1)),  # reversed
        (date(2030, 1, 1), date(2030, 12, 31)),  # the future
    ],
)
def test_days_without_bars_are_empty(first: date, last: date, source: Source) -> None:
    """No bars there is an answer, not a failure."""
    for bars in bars_of(source.bars(TICKERS, first, last)).values():
        assert len(bars) == 0
        assert set(bars.fields) == set(FIELDS)


def test_an_unknown_ticker_has_nothing(source: Source) -> None:
    """It is delivered without bars, or fails as unknown, according to what the vendor says."""
    (answer,) = source.bars(["NONE"], FIRST, LAST)
    if isinstance(answer, Delivered):
        assert len(answer.bars) == 0
    else:
        assert answer.unknown
        assert answer.reason


def test_the_failure_of_one_is_not_that_of_all(source: Source, case: Case, served: Served) -> None:
    """The others are delivered whole."""
    answers = {answer.ticker: answer for answer in source.bars([*TICKERS, case.bad], FIRST, LAST)}
    failed = answers.pop(case.bad)
    assert isinstance(failed, Failed)
    assert failed.reason
    for ticker, answer in answers.items():
        assert isinstance(answer, Delivered)
        assert len(answer.bars) == len(served.of("1d")[ticker])


def test_a_vendor_that_is_down_fails_every_ticker_with_a_reason(source: Source, server: VendorServer) -> None:
    """It is no error of the call: what is known already can still be used."""
    server.fault("down", times=1000)
    for answer in source.bars(TICKERS, FIRST, LAST):
        assert isinstance(answer, Failed)
        assert not answer.unknown
        assert "503" in answer.reason


def test_actions_are_bounded(source: Source) -> None:
    """From the first ex-date to the last, both included; a part is as it is in the whole."""

    def of(actions: list[Action]) -> list[str]:
        return sorted(map(repr, actions))

    whole = source.actions(TICKERS, FIRST, LAST)
    days = sorted({action.ex_date for action in whole})
    first, last = days[1], days[-2]
    part = source.actions(TICKERS, first, last)
    assert of(part) == of([action for action in whole if first <= action.ex_date <= last])
    assert {first, last} <= {action.ex_date for action in part}
    assert source.actions(TICKERS, last + timedelta(days=1), last + timedelta(days=1)) == []


def test_actions_are_those_of_the_tickers(source: Source, case: Case) -> None:
    """Nobody else's, each once, however often a ticker is named; a bad one has none."""
    found = source.actions(["AAA", "AAA", case.bad], FIRST, LAST)
    assert {action.ticker for action in found} == {"AAA"}
    assert len(set(found)) == len(found)


def test_dividends_are_in_shares_of_their_day(source: Source, served: Served) -> None:
    """Whatever was split since."""
    found = [action for action in source.actions(["AAA"], FIRST, LAST) if hasattr(action, "amount")]
    wanted = [action for action in served.actions if action.ticker == "AAA" and hasattr(action, "amount")]
    assert [action.ex_date for action in found] == [action.ex_date for action in wanted]
    assert [action.amount for action in found] == pytest.approx([action.amount for action in wanted])


def test_it_says_what_its_series_are(source: Source, case: Case) -> None:
    """Source, interval, what is delivered, and since when."""
    assert CASES[source.shelf.source] is case
    assert source.shelf.interval in INTERVALS
    assert source.shelf.delivered in ADJUSTMENTS
    assert source.earliest < FIRST


def test_it_counts_its_requests(source: Source, server: VendorServer) -> None:
    """As many as the vendor received, repeated ones included."""
    assert source.requests == 0
    server.fault("down", times=1)
    list(source.bars(TICKERS, FIRST, LAST))
    assert source.requests == len(server.requests) > 1


def test_listings_are_days(source: Source) -> None:
    """Those that it states are of tickers that were asked for."""
    listed = source.listings(TICKERS)
    assert set(listed) <= set(TICKERS)
    assert all(isinstance(day, date) for day in listed.values())
