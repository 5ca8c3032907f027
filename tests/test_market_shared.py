"""Real price files: what they give, and that it is exactly what stands in them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from treefolio.errors import PriceError
from treefolio.market.files import read_panel
from treefolio.market.frames import from_frame, to_frame
from treefolio.market.panel import Panel

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def prices(shared: Path) -> Path:
    return shared / "prices"


@pytest.fixture(scope="module")
def tickers(prices: Path) -> list[str]:
    """The sixty tickers that strategies name most."""
    with (prices / "coverage_daily_etf.csv").open() as file:
        return [row["ticker"] for row in csv.DictReader(file)][:60]


@pytest.fixture(scope="module")
def panel(prices: Path, tickers: list[str]) -> Panel:
    return read_panel([prices / "etf_daily.parquet"], tickers=tickers)


def test_shape_and_provenance(panel: Panel, tickers: list[str]) -> None:
    """All history of sixty tickers, on dividend-adjusted prices."""
    assert panel.tickers == tuple(sorted(tickers))
    assert (str(panel.sessions[0]), str(panel.sessions[-1])) == ("2007-01-03", "2026-07-31")
    assert len(panel.sessions) == 4925
    assert panel.basis.startswith("adj_close: ")
    assert panel.source == "etf_daily.parquet: 60 tickers"


def test_every_price_is_that_of_the_file(panel: Panel, prices: Path) -> None:
    """Close is adj_close, bit for bit, and nothing else is there."""
    rows = (
        pl.read_parquet(prices / "etf_daily.parquet", columns=["date", "ticker", "adj_close"])
        .with_columns(pl.col("ticker").cast(pl.String))
        .filter(pl.col("ticker").is_in(panel.tickers) & pl.col("adj_close").is_not_null())
    )
    down = np.searchsorted(panel.sessions, rows["date"].to_numpy())
    across = np.array([panel.position(name) for name in rows["ticker"]])
    expected = np.full(panel.fields["close"].shape, np.nan)
    expected[down, across] = rows["adj_close"].to_numpy().astype(np.float64)
    np.testing.assert_array_equal(panel.fields["close"], expected)


def test_bars_are_on_the_same_basis(panel: Panel) -> None:
    """An open is near its adjusted close, in 2007 as in 2025, and within its low and high."""
    field = panel.fields
    seen = np.isfinite(field["open"])
    assert seen.sum() > 100_000
    assert np.quantile(np.abs(field["open"] / field["close"] - 1)[seen], 0.999) < 0.25
    assert (field["low"] <= field["high"])[seen].all()


def test_hash_is_stable(panel: Panel, prices: Path, tickers: list[str]) -> None:
    """The order of the tickers does not matter, nor does another file that has some of them."""
    files = [prices / "etf_daily.parquet", prices / "sp500_daily.parquet"]
    again = read_panel(files, tickers=tickers[::-1])
    assert again.content_hash == panel.content_hash
    assert again.source.startswith("etf_daily.parquet: 60 tickers; sp500_daily.parquet: 0 tickers (")
    assert read_panel(files[::-1], tickers=tickers).content_hash != panel.content_hash


@pytest.mark.parametrize("form", ["long.csv", "long.parquet"])
def test_written_and_read_again(panel: Panel, tmp_path: Path, form: str) -> None:
    """The panel is the same through CSV and Parquet."""
    few = panel.select(["SPY", "TQQQ", "UVXY", "BTAL"])
    frame = to_frame(few)
    path = tmp_path / form
    frame.write_csv(path) if form.endswith("csv") else frame.write_parquet(path)
    again = read_panel([path], price_column="close")
    told = from_frame(frame, basis=again.basis)
    assert again.content_hash == told.content_hash
    for name, values in few.fields.items():
        np.testing.assert_array_equal(again.fields[name], values)


def test_three_files_unite(prices: Path) -> None:
    """Each ticker from the first file that has it."""
    files = [
        prices / name for name in ("etf_daily.parquet", "extra_daily_adj.parquet", "sp500_daily.parquet")
    ]
    united = read_panel(files, tickers=["SPY", "AAPL", "AAON", "A"])
    assert united.tickers == ("A", "AAON", "AAPL", "SPY")
    assert united.source == (
        "etf_daily.parquet: 2 tickers; extra_daily_adj.parquet: 1 ticker; "
        "sp500_daily.parquet: 1 ticker (AAPL, SPY from etf_daily.parquet instead)"
    )
    alone = read_panel(files[:1], tickers=["AAPL"])
    held = np.isin(united.sessions, alone.sessions)
    np.testing.assert_array_equal(united.column("AAPL")[held], alone.column("AAPL"))


def test_rates_below_zero_are_no_prices(prices: Path) -> None:
    """^IRX is a yield: the error names its first negative day."""
    with pytest.raises(PriceError) as caught:
        read_panel([prices / "etf_daily.parquet"], tickers=["SPY", "^IRX"])
    error = caught.value
    assert (error.source, error.ticker, error.session) == ("etf_daily.parquet", "^IRX", "2020-03-19")
