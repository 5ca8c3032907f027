"""Alpaca's wire format, as its official client and its documentation see it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
import requests

from treefolio.market.actions import Dividend, Split
from treefolio.testing.clock import FakeClock
from treefolio.testing.vendors.alpaca_wire import ACTIONS, BARS, KEY, SECRET, AlpacaWire
from treefolio.testing.vendors.served import Served, made_up
from treefolio.testing.vendors.server import VendorServer

FIRST, LAST = date(2024, 1, 2), date(2024, 6, 28)
TICKERS = ("AAA", "BRK/B", "CCC", "DDD")
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
DAYS = {"timeframe": "1Day", "start": "2024-01-01", "end": "2024-06-30"}


@pytest.fixture(scope="module")
def served() -> Served:
    return made_up(TICKERS, FIRST, LAST)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock("2024-07-10T12:00-04:00")


@pytest.fixture
def server(served: Served, clock: FakeClock) -> Iterator[VendorServer]:
    with VendorServer(AlpacaWire(served, clock=clock.now), per_minute=10_000) as listening:
        yield listening


def get(
    server: VendorServer, path: str, query: Mapping[str, str], headers: Mapping[str, str] = HEADERS
) -> requests.Response:
    return requests.get(f"{server.url}{path}", params=query, headers=headers, timeout=10)


def clients(server: VendorServer) -> tuple[Any, Any]:
    """The official clients of bars and of corporate actions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from alpaca.data.historical.corporate_actions import CorporateActionsClient  # noqa: PLC0415
        from alpaca.data.historical.stock import StockHistoricalDataClient  # noqa: PLC0415
    return tuple(  # type: ignore[return-value]
        kind(KEY, SECRET, url_override=server.url)
        for kind in (StockHistoricalDataClient, CorporateActionsClient)
    )


def test_the_official_client_reads_bars(server: VendorServer, served: Served) -> None:
    """Into its own models, over several pages."""
    from alpaca.data.requests import StockBarsRequest  # noqa: PLC0415
    from alpaca.data.timeframe import TimeFrame  # noqa: PLC0415

    bars, _ = clients(server)
    request = StockBarsRequest(
        symbol_or_symbols=["AAA", "BRK.B"],
        start=datetime(2024, 1, 1, tzinfo=UTC),
        end=datetime(2024, 7, 1, tzinfo=UTC),
        timeframe=TimeFrame.Day,
    )
    found = bars.get_stock_bars(request)
    for symbol, ticker in (("AAA", "AAA"), ("BRK.B", "BRK/B")):
        wanted = served.of("1d")[ticker]
        assert [bar.close for bar in found[symbol]] == wanted.fields["close"].tolist()
        assert [bar.volume for bar in found[symbol]] == wanted.fields["volume"].tolist()
        assert [bar.timestamp.date() for bar in found[symbol]] == wanted.at.tolist()


def test_the_official_client_reads_corporate_actions(server: VendorServer, served: Served) -> None:
    """Each kind into its own model."""
    from alpaca.data.requests import CorporateActionsRequest  # noqa: PLC0415

    _, actions = clients(server)
    found = actions.get_corporate_actions(
        CorporateActionsRequest(symbols=["AAA", "BRK.B"], start=FIRST, end=date(2024, 12, 31))
    )
    splits = [action for action in served.actions if isinstance(action, Split)]
    paid = [
        action for action in served.actions if isinstance(action, Dividend) and action.ticker in TICKERS[:2]
    ]
    assert [row.new_rate for row in found["forward_splits"]] == [
        split.new for split in splits if split.new > 1
    ]
    assert [row.old_rate for row in found["reverse_splits"]] == [
        split.old for split in splits if split.old > 1
    ]
    assert sorted(row.ex_date for row in found["cash_dividends"]) == sorted(action.ex_date for action in paid)


@pytest.mark.parametrize("limit", [1, 50, 124, 125, 1000])
def test_pages_are_sorted_by_symbol_then_time(limit: int, server: VendorServer, served: Served) -> None:
    """All pages together are all bars, each once; a page has as many bars as `limit` says."""
    seen: list[tuple[str, str]] = []
    query = {
        **DAYS,
        "symbols": "DDD,AAA",
        "limit": str(limit),
        "start": "2024-06-20" if limit == 1 else "2024-01-01",
    }
    token = None
    while True:
        page = get(server, BARS, {**query, "page_token": token} if token else query).json()
        rows = [(symbol, bar["t"]) for symbol, bars in page["bars"].items() for bar in bars]
        assert len(rows) == limit or page["next_page_token"] is None
        seen += rows
        token = page["next_page_token"]
        if token is None:
            break
    assert seen == sorted(set(seen))
    first = np.datetime64(query["start"], "D")
    assert len(seen) == sum((served.of("1d")[ticker].at >= first).sum() for ticker in ("AAA", "DDD"))


def test_a_bar_is_as_documented(server: VendorServer) -> None:
    """Its keys, and midnight in New York as the time of a day, in winter and in summer."""
    page = get(server, BARS, {**DAYS, "symbols": "AAA"}).json()
    bars = page["bars"]["AAA"]
    assert set(bars[0]) == set("chlotvn") | {"vw"}
    assert bars[0]["t"] == "2024-01-02T05:00:00Z"
    assert bars[-1]["t"] == "2024-06-28T04:00:00Z"


def test_descending(server: VendorServer) -> None:
    """The latest first, within each symbol, over pages too."""
    query = {**DAYS, "symbols": "AAA,CCC", "sort": "desc", "limit": "150"}
    one = get(server, BARS, query).json()
    two = get(server, BARS, {**query, "page_token": one["next_page_token"]}).json()
    both = [bar["t"] for page in (one, two) for bar in page["bars"].get("CCC", [])]
    assert both == sorted(both, reverse=True)
    assert len(both) == len(set(both)) == 124


def test_an_unknown_symbol_is_absent(server: VendorServer) -> None:
    """And no error."""
    assert get(server, BARS, {**DAYS, "symbols": "NONE"}).json() == {"bars": {}, "next_page_token": None}


REFUSED = [
    (BARS, {}, "symbols"),
    (BARS, {"symbols": "AAA"}, "timeframe"),
    (BARS, {**DAYS, "symbols": "AAA,NASDAQ:TAOP"}, "invalid symbol: NASDAQ:TAOP"),
    (BARS, {**DAYS, "symbols": "aaa"}, "invalid symbol: aaa"),
    (BARS, {**DAYS, "symbols": "AAA", "limit": "10001"}, "limit"),
    (BARS, {**DAYS, "symbols": "AAA", "limit": "0"}, "limit"),
    (BARS, {**DAYS, "symbols": "AAA", "feed": "nyse"}, "feed"),
    (BARS, {**DAYS, "symbols": "AAA", "adjustment": "none"}, "adjustment"),
    (BARS, {**DAYS, "symbols": "AAA", "sort": "up"}, "sort"),
    (BARS, {**DAYS, "symbols": "AAA", "currency": "XXX"}, "currency"),
    (BARS, {**DAYS, "symbols": "AAA", "asof": "yesterday"}, "asof"),
    (BARS, {**DAYS, "symbols": "AAA", "start": "soon"}, "start"),
    (BARS, {**DAYS, "symbols": "AAA", "end": "2023-01-01"}, "end should not be before start"),
    (BARS, {**DAYS, "symbols": "AAA", "page_token": "%%%"}, "page_token"),
    (ACTIONS, {"symbols": "AAA", "types": "party"}, "types"),
    (ACTIONS, {"symbols": "AAA", "limit": "1001"}, "limit"),
    (ACTIONS, {"symbols": "AAA", "start": "2024-02-30"}, "start"),
]


@pytest.mark.parametrize(("path", "query", "said"), REFUSED)
def test_what_makes_no_sense_is_refused(
    path: str, query: Mapping[str, str], said: str, server: VendorServer
) -> None:
    """400, and a message."""
    refused = get(server, path, query)
    assert refused.status_code == 400
    assert said in refused.json()["message"]


@pytest.mark.parametrize("path", [BARS, ACTIONS])
@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"APCA-API-KEY-ID": KEY}, 401), ({**HEADERS, "APCA-API-SECRET-KEY": "wrong"}, 403)],
)
def test_keys_are_checked(path: str, headers: Mapping[str, str], status: int, server: VendorServer) -> None:
    """Missing ones are 401, wrong ones 403, whatever was asked."""
    refused = get(server, path, {**DAYS, "symbols": "AAA"}, headers)
    assert refused.status_code == status
    assert refused.json()["message"]


def test_actions_are_filed_by_processing_day(server: VendorServer, served: Served) -> None:
    """A dividend is found on the day of payment, not on its ex-date."""
    dividend = next(
        action for action in served.actions if isinstance(action, Dividend) and action.ticker == "AAA"
    )
    ex = dividend.ex_date.isoformat()
    query = {"symbols": "AAA", "types": "cash_dividend"}
    assert get(server, ACTIONS, {**query, "start": ex, "end": ex}).json()["corporate_actions"] == {}
    page = get(server, ACTIONS, {**query, "start": ex, "end": "2024-12-31", "limit": "1"}).json()
    (row,) = page["corporate_actions"]["cash_dividends"]
    assert row["ex_date"] == ex < row["process_date"]
    assert page["next_page_token"]


def test_the_free_plan(served: Served, clock: FakeClock) -> None:
    """The last 15 minutes of the SIP feed are refused, those of IEX are not."""
    query = {"symbols": "AAA", "timeframe": "1Day", "start": "2024-06-01"}
    with VendorServer(AlpacaWire(served, free=True, clock=clock.now)) as server:
        refused = get(server, BARS, query)
        assert refused.status_code == 403
        assert refused.json() == {"message": "subscription does not permit querying recent SIP data"}
        assert get(server, BARS, {**query, "feed": "iex"}).status_code == 200
        assert get(server, BARS, {**query, "end": "2024-07-10T11:45:00-04:00"}).status_code == 200


def test_bars_of_the_future_are_not_there_yet(served: Served) -> None:
    """The vendor knows no more than the clock permits."""
    clock = FakeClock("2024-03-05T12:00-05:00")
    with VendorServer(AlpacaWire(served, clock=clock.now)) as server:
        bars = get(server, BARS, {**DAYS, "symbols": "AAA"}).json()["bars"]["AAA"]
    assert bars[-1]["t"] == "2024-03-05T05:00:00Z"
