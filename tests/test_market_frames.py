"""Panel ↔ frame."""

from __future__ import annotations

import polars as pl
import pytest

from treefolio.market.frames import from_frame, to_frame
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Two sessions more than UVXY is old, so that it has a listing in it."""
    return synthetic_panel(start="2011-09-30", end="2011-10-14", tickers=["SPY", "UVXY"])


def test_there_and_back_is_the_identity(panel: Panel) -> None:
    """Told what a frame cannot hold, the panel is the same bit for bit."""
    again = from_frame(to_frame(panel), basis=panel.basis, source=panel.source, synthetic=True)
    assert again.content_hash == panel.content_hash
    assert (again.basis, again.source, again.synthetic) == (panel.basis, panel.source, True)


def test_frame_is_long_and_sorted(panel: Panel) -> None:
    """By ticker, then date; dates are dates; only rows with a close, nothing NaN."""
    frame = to_frame(panel)
    assert frame.columns == ["date", "ticker", "open", "high", "low", "close", "volume"]
    assert frame.schema["date"] == pl.Date
    assert frame.select("ticker", "date").equals(frame.select("ticker", "date").sort("ticker", "date"))
    assert dict(frame.group_by("ticker").len().iter_rows()) == {"SPY": 11, "UVXY": 9}
    assert frame.null_count().sum_horizontal().item() == 0
    assert not frame.select(pl.col(pl.Float64).is_nan().any()).sum_horizontal().item()


def test_unknown_values_are_null(panel: Panel) -> None:
    """A field that one ticker lacks is null in its rows, never NaN."""
    frame = to_frame(panel).with_columns(open=pl.when(pl.col("ticker") == "SPY").then(pl.col("open")))
    again = to_frame(from_frame(frame))
    assert again.equals(frame)
    assert again.filter(pl.col("ticker") == "UVXY")["open"].null_count() == 9


def test_basis_is_that_of_the_column_unless_told(panel: Panel) -> None:
    """And the source is the frame."""
    again = from_frame(to_frame(panel))
    assert again.basis.startswith("close: ")
    assert (again.source, again.synthetic) == ("frame", False)
