"""Yahoo through the real yfinance and curl_cffi, whose requests go to a server on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from treefolio.errors import SourceError
from treefolio.market.actions import Dividend, Split
from treefolio.market.settings import MarketSettings
from treefolio.market.sources import yahoo
from treefolio.market.sources.base import Delivered, Failed
from treefolio.market.sources.yahoo import Yahoo, theirs
from treefolio.testing.clock import FakeClock
from treefolio.testing.vendors.served import Served, made_up
from treefolio.testing.vendors.server import VendorServer
from treefolio.testing.vendors.yahoo_wire import CHART, YahooWire

FIRST, LAST = date(2023, 1, 3), date(2023, 12, 29)
TICKERS = ("AAA", "BRK/B", "CCC")


@pytest.fixture(scope="module")
def served() -> Served:
    return made_up(TICKERS, FIRST, LAST)


@pytest.fixture
def server(served: Served) -> Iterator[VendorServer]:
    with VendorServer(YahooWire(served), per_minute=10_000) as listening:
        yield listening


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def source(server: VendorServer, tmp_path: Path, waited: list[float]) -> Yahoo:
    settings = MarketSettings(home=tmp_path, requests_per_minute=10_000, tries=3, read_seconds=2)
    clock = FakeClock("2024-01-10T18:00-05:00")
    return Yahoo(settings, watch=clock, address=server.url, sleep=waited.append)


def test_prices_are_adjusted_for_splits(source: Yahoo, served: Served) -> None:
    """Prices before a 4 for 1 split are a quarter of what was paid, volumes four times; the shelf says so."""
    split = next(action for action in served.actions if isinstance(action, Split) and action.ticker == "AAA")
    (answer,) = source.bars(["AAA"], FIRST, LAST)
    assert isinstance(answer, Delivered)
    raw, before = served.of("1d")["AAA"], answer.bars.at < np.datetime64(split.ex_date, "D")
    assert 0 < before.sum() < len(before)
    for name in ("open", "high", "low", "close"):
        assert answer.bars.fields[name] == pytest.approx(np.where(before, 0.25, 1.0) * raw.fields[name])
    assert answer.bars.fields["volume"] == pytest.approx(np.where(before, 4.0, 1.0) * raw.fields["volume"])
    assert source.shelf.delivered == "split"


def test_actions_are_as_they_were(source: Yahoo, served: Served) -> None:
    """Splits as whole numbers, reverse ones too, and dividends in shares of their day."""
    found = source.actions(TICKERS, FIRST, LAST)
    wanted = [action for action in served.actions if isinstance(action, Dividend | Split)]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


def test_a_split_after_the_days_asked_for_counts(source: Yahoo, served: Served) -> None:
    """A dividend of January is in shares of January, though the split came in July."""
    dividend = next(
        action for action in served.actions if isinstance(action, Dividend) and action.ticker == "AAA"
    )
    assert source.actions(["AAA"], dividend.ex_date, dividend.ex_date) == [dividend]


@pytest.mark.parametrize("fault", ["down", "busy", "reset", "cut"])
def test_a_chart_that_does_not_come_is_asked_for_again(
    fault: str, source: Yahoo, server: VendorServer, waited: list[float]
) -> None:
    """Twice in vain, then whole."""
    server.fault(fault, times=2, path=f"{CHART}AAA")
    (answer,) = source.bars(["AAA"], FIRST, LAST)
    assert isinstance(answer, Delivered)
    assert len(answer.bars) == 250
    assert 1 <= len(waited) <= 2  # libcurl itself repeats what an old connection lost


def test_a_chart_that_never_comes_fails_its_ticker(source: Yahoo, server: VendorServer) -> None:
    """With the reason; nobody takes the ticker for unknown."""
    server.fault("down", times=3, path=f"{CHART}AAA")
    failed, other = source.bars(["AAA", "CCC"], FIRST, LAST)
    assert failed == Failed(ticker="AAA", reason="it answered 503, 3 times in a row")
    assert isinstance(other, Delivered)


def test_an_answer_that_cannot_be_read_fails_its_ticker(source: Yahoo, server: VendorServer) -> None:
    """What yfinance does not understand is no empty history."""
    server.fault("garbage", times=10, path=f"{CHART}AAA")
    (failed,) = source.bars(["AAA"], FIRST, LAST)
    assert isinstance(failed, Failed)
    assert not failed.unknown
    assert "cannot read the answer" in failed.reason


def test_a_ticker_that_yahoo_does_not_have_is_unknown(source: Yahoo) -> None:
    """Yahoo answers 404; each time, though yfinance keeps answers."""
    for _ in range(2):
        assert list(source.bars(["NOPE"], FIRST, LAST)) == [
            Failed(ticker="NOPE", reason="Yahoo has no NOPE", unknown=True)
        ]


def test_nothing_is_kept_between_two_questions(source: Yahoo, server: VendorServer, served: Served) -> None:
    """When Yahoo restates its prices, the next answer has the new ones."""
    (before,) = source.bars(["AAA"], FIRST, LAST)
    wire = server._wires[0]
    assert isinstance(wire, YahooWire)
    wire.served = made_up(TICKERS, FIRST, LAST, seed=8)
    (after,) = source.bars(["AAA"], FIRST, LAST)
    assert isinstance(before, Delivered)
    assert isinstance(after, Delivered)
    assert not np.array_equal(before.bars.fields["close"], after.bars.fields["close"])
    del served


NOTES = """
import sys
from datetime import date
from pathlib import Path
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.yahoo import Yahoo
source = Yahoo(MarketSettings(home=Path(sys.argv[1])), address=sys.argv[2])
list(source.bars(["AAA"], date(2023, 1, 3), date(2023, 12, 29)))
"""


def test_notes_of_yfinance_lie_in_our_home(server: VendorServer, tmp_path: Path) -> None:
    """It writes nowhere else: the user's cache folder stays empty."""
    home, elsewhere = tmp_path / "home", tmp_path / "cache"
    elsewhere.mkdir()
    subprocess.run(
        [sys.executable, "-c", NOTES, str(home), server.url],
        env={**os.environ, "XDG_CACHE_HOME": str(elsewhere)},
        check=True,
    )
    assert list((home / "yahoo").iterdir())
    assert not list(elsewhere.glob("*yfinance*"))


def test_spelling() -> None:
    """Yahoo writes a dash before the share class."""
    assert [theirs(ticker) for ticker in ("BRK/B", "BRK.B", "BRK-B", "SPY")] == ["BRK-B"] * 3 + ["SPY"]


def test_without_yfinance_the_extra_is_named(source: Yahoo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who did not install the extra is told how, before anything is asked."""
    monkeypatch.setitem(sys.modules, "yfinance", None)
    yahoo._package.cache_clear()
    for ask in (
        lambda: list(source.bars(["AAA"], FIRST, LAST)),
        lambda: source.actions(["AAA"], FIRST, LAST),
    ):
        with pytest.raises(SourceError) as caught:
            ask()
        assert caught.value.hint == "Install the extra: pip install treefolio[yahoo]"
    assert source.requests == 0
