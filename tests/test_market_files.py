"""Price files → panel: what is read, on which basis, from which file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import PriceError
from treefolio.market.calendar import sessions
from treefolio.market.files import read_panel, read_tickers
from treefolio.market.frames import from_frame, to_frame
from treefolio.market.panel import Panel

ADJUSTED = "adj_close: split- and dividend-adjusted, as given"
DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 5)]
ordinary = st.floats(min_value=1e-6, max_value=1e9)
positive = st.floats(min_value=1e-300, max_value=1e300)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def long_table(ticker: str, closes: list[float], **more: list[float]) -> pl.DataFrame:
    rows = len(closes)
    return pl.DataFrame({"date": DAYS[:rows], "ticker": [ticker] * rows, "close": closes, **more})


@st.composite
def closes(draw: st.DrawFn) -> Panel:
    """A panel of closes with holes, whose first and last sessions have a price."""
    tickers = draw(
        st.lists(st.text("ABCXYZ.^-", min_size=1, max_size=5), min_size=1, max_size=4, unique=True)
    )
    count = draw(st.integers(1, 12))
    cell = st.one_of(positive, st.just(float("nan")))
    rows = draw(
        st.lists(st.lists(cell, min_size=len(tickers), max_size=len(tickers)), min_size=count, max_size=count)
    )
    values = np.array(rows)
    values[[0, -1]] = np.where(np.isnan(values[[0, -1]]), 1.0, values[[0, -1]])
    first = draw(st.integers(0, 6000))
    return Panel(
        sessions=sessions(date(1998, 1, 1), date(2024, 1, 1))[first : first + count].copy(),
        tickers=tuple(sorted(tickers)),
        fields={"close": values},
        basis="close: as given, adjusted only as its source did",
        source="made",
    )


def as_wide(panel: Panel) -> pl.DataFrame:
    columns = {name: pl.Series(panel.column(name)).fill_nan(None) for name in panel.tickers}
    return pl.DataFrame({"date": pl.Series(panel.sessions).cast(pl.Date), **columns})


WRITERS: dict[str, Callable[[Panel, Path], object]] = {
    "long.parquet": lambda panel, path: to_frame(panel).write_parquet(path),
    "long.csv": lambda panel, path: to_frame(panel).write_csv(path),
    "wide.parquet": lambda panel, path: as_wide(panel).write_parquet(path),
    "wide.csv": lambda panel, path: as_wide(panel).write_csv(path),
}


@given(panel=closes())
def test_every_form_of_file_gives_the_same_panel(
    panel: Panel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Long or wide, Parquet or CSV: the same bits, the same hash."""
    folder = tmp_path_factory.mktemp("forms")
    for name, write_to in WRITERS.items():
        write_to(panel, folder / name)
        read = read_panel([folder / name], price_column="close")
        assert read.content_hash == panel.content_hash, name
        assert read.source == f"{name}: {len(panel.tickers)} ticker{'s' * (len(panel.tickers) > 1)}"


def test_float32_is_converted_exactly(tmp_path: Path) -> None:
    """A float32 of a file is the same number in the panel."""
    value = np.float32(0.1)
    frame = long_table("A", [0.1]).with_columns(pl.col("close").cast(pl.Float32))
    frame.write_parquet(tmp_path / "a.parquet")
    assert read_panel([tmp_path / "a.parquet"]).fields["close"][0, 0] == float(value)
    assert float(value) != 0.1


def test_sessions_are_all_of_the_nyse_between_the_ends(tmp_path: Path) -> None:
    """Sessions on which no ticker has a row are there, as NaN."""
    path = write(tmp_path / "a.csv", "date,ticker,close\n2023-12-29,A,1\n2024-01-04,A,2\n2024-01-03,B,3\n")
    panel = read_panel([path])
    assert [str(day) for day in panel.sessions] == ["2023-12-29", "2024-01-02", "2024-01-03", "2024-01-04"]
    np.testing.assert_array_equal(panel.column("A"), [1, np.nan, np.nan, 2])
    np.testing.assert_array_equal(panel.column("B"), [np.nan, np.nan, 3, np.nan])
    assert not panel.synthetic


def test_sessions_span_the_wanted_tickers_only(tmp_path: Path) -> None:
    """What is not wanted has no say in the sessions."""
    path = write(tmp_path / "a.csv", "date,A,B\n2024-01-02,1,\n2024-01-03,2,3\n2024-01-04,,4\n")
    assert read_panel([path], tickers=["B", "Z"]).tickers == ("B",)
    assert [str(day) for day in read_panel([path], tickers=["B"]).sessions] == ["2024-01-03", "2024-01-04"]


def test_start_and_end_are_included(tmp_path: Path) -> None:
    """Rows outside are not read, not even to be checked."""
    long_table("A", [-1.0, 2.0, 3.0, 4.0]).write_parquet(tmp_path / "a.parquet")
    panel = read_panel([tmp_path / "a.parquet"], start=DAYS[1], end=DAYS[2])
    assert panel.column("A").tolist() == [2.0, 3.0]


class TestPriceColumn:
    """Which column becomes close, and what happens to open, high and low."""

    FRAME = long_table(
        "A", [10.0, 20.0], open=[8.0, 20.0], high=[12.0, 22.0], low=[7.0, 19.0], adj_close=[5.0, 20.0]
    ).with_columns(volume=pl.Series([100, 200]))

    def test_adj_close_by_default(self) -> None:
        """Bars move with it, by adj_close/close; volume stays."""
        panel = from_frame(self.FRAME)
        assert panel.basis == ADJUSTED
        assert {name: panel.column("A", name).tolist() for name in panel.fields} == {
            "open": [4.0, 20.0],
            "high": [6.0, 22.0],
            "low": [3.5, 19.0],
            "close": [5.0, 20.0],
            "volume": [100.0, 200.0],
        }

    def test_close_when_asked_for(self) -> None:
        """Bars stay as they are."""
        panel = from_frame(self.FRAME, price_column="close")
        assert panel.column("A", "close").tolist() == [10.0, 20.0]
        assert panel.column("A", "open").tolist() == [8.0, 20.0]
        assert panel.basis.startswith("close: ")

    def test_close_when_there_is_no_adj_close(self) -> None:
        """It is the default then."""
        assert from_frame(self.FRAME.drop("adj_close")).basis.startswith("close: ")

    def test_another_column(self) -> None:
        """Any column of the table can be the price; its name is the basis."""
        panel = from_frame(self.FRAME.with_columns(vwap=pl.col("close") + 1), price_column="vwap")
        assert panel.column("A").tolist() == [11.0, 21.0]
        assert panel.basis == "vwap: as given"

    def test_spelling_of_the_name_does_not_matter(self) -> None:
        """Adj Close, adjclose and adj_close are one column, in the table and in the call."""
        frame = self.FRAME.rename({"adj_close": "Adj Close", "date": "Date", "ticker": "Symbol"})
        for asked in (None, "adj_close", "Adj Close", "adjclose"):
            assert from_frame(frame, price_column=asked).basis == ADJUSTED

    def test_bars_need_the_close_they_belong_to(self) -> None:
        """Without it their basis is unknown: they are not there."""
        assert set(from_frame(self.FRAME.drop("close")).fields) == {"close", "volume"}

    def test_bars_are_nan_for_a_ticker_without_them(self) -> None:
        """One ticker has an open, another has not."""
        other = self.FRAME.with_columns(pl.lit("B").alias("ticker"), *(
            pl.lit(None, pl.Float64).alias(name) for name in ("open", "high", "low", "close")
        ))  # fmt: skip
        panel = from_frame(pl.concat([self.FRAME, other]))
        assert panel.column("A", "open").tolist() == [4.0, 20.0]
        assert np.isnan(panel.column("B", "open")).all()
        assert panel.column("B").tolist() == [5.0, 20.0]

    def test_field_without_any_value_is_not_there(self) -> None:
        """A panel has open only when somebody has."""
        assert "open" not in from_frame(self.FRAME.with_columns(open=pl.lit(None, pl.Float64))).fields

    def test_zero_bar_is_not_known(self) -> None:
        """Vendors write 0 for an open that they do not have."""
        panel = from_frame(self.FRAME.with_columns(open=pl.Series([0.0, 20.0])))
        np.testing.assert_array_equal(panel.column("A", "open"), [np.nan, 20.0])

    @given(low=ordinary, high=ordinary, share=st.floats(0, 1), price=ordinary)
    def test_order_of_a_bar_survives(self, low: float, high: float, share: float, price: float) -> None:
        """low ≤ open ≤ high before means so after; an open equal to close is equal to the price."""
        low, high = min(low, high), max(low, high)
        close = min(max(low, low + share * (high - low)), high)
        frame = long_table("A", [close], open=[close], low=[low], high=[high], adj_close=[price])
        panel = from_frame(frame)
        value = {
            name: panel.column("A", name)[0]
            for name in ("low", "open", "close", "high")
            if name in panel.fields
        }
        assert value["open"] == value["close"] == price
        assert value["low"] <= price <= value["high"]


class TestSeveralFiles:
    """Each ticker comes from one file: the first named that has it."""

    @pytest.fixture
    def paths(self, tmp_path: Path) -> list[Path]:
        pl.concat([long_table("A", [1.0, 2.0]), long_table("B", [3.0])]).write_csv(tmp_path / "one.csv")
        pl.concat([long_table("B", [30.0, 40.0, 50.0]), long_table("C", [6.0])]).write_parquet(
            tmp_path / "two.parquet"
        )
        return [tmp_path / "one.csv", tmp_path / "two.parquet"]

    def test_first_file_wins(self, paths: list[Path]) -> None:
        """The whole of B comes from one.csv, though two.parquet has more of it."""
        panel = read_panel(paths)
        np.testing.assert_array_equal(panel.column("B"), [3.0, np.nan])
        assert panel.source == "one.csv: 2 tickers; two.parquet: 1 ticker (B from one.csv instead)"

    def test_order_is_the_caller_s(self, paths: list[Path]) -> None:
        """Named the other way round, B is the other file's."""
        panel = read_panel(paths[::-1])
        assert panel.column("B").tolist() == [30.0, 40.0, 50.0]
        assert panel.source == "two.parquet: 2 tickers; one.csv: 1 ticker (B from two.parquet instead)"

    def test_bases_that_differ_are_an_error(self, paths: list[Path], tmp_path: Path) -> None:
        """It names both, and their tickers; one that both files have in common is no error."""
        adjusted = long_table("D", [6.0]).with_columns(adj_close=pl.col("close"))
        adjusted.write_csv(tmp_path / "three.csv")
        with pytest.raises(
            PriceError, match=r"three.csv has 'adj_close.*\(D\).*one.csv has 'close.*\(A, B\)"
        ):
            read_panel([*paths, tmp_path / "three.csv"])
        panel = read_panel([*paths, tmp_path / "three.csv"], price_column="close")
        assert panel.basis == "close: as given, adjusted only as its source did"

    def test_folder_of_one_file_for_each_ticker(self, tmp_path: Path) -> None:
        """A file without a column of tickers is of the one that its name says."""
        folder = tmp_path / "prices"
        folder.mkdir()
        long_table("A", [1.0, 2.0]).drop("ticker").write_csv(folder / "spy.csv")
        long_table("A", [3.0, 4.0]).drop("ticker").write_parquet(folder / "TLT.parquet")
        long_table("B", [5.0, 6.0]).write_csv(folder / "others.csv")
        (folder / "README.txt").write_text("no prices")
        panel = read_panel([folder])
        assert panel.tickers == ("B", "SPY", "TLT")
        assert panel.column("SPY").tolist() == [1.0, 2.0]
        assert read_tickers([folder]) == ("B", "SPY", "TLT")

    def test_file_without_a_wanted_ticker_is_said(self, paths: list[Path]) -> None:
        """It gave nothing."""
        assert read_panel(paths, tickers=["C"]).source == "one.csv: 0 tickers; two.parquet: 1 ticker"

    def test_ticker_without_a_price_is_left_to_the_next_file(self, tmp_path: Path, paths: list[Path]) -> None:
        """A first file that names a ticker but has no price of it does not hide another that has."""
        empty = write(tmp_path / "empty.csv", "date,ticker,close\n2024-01-02,C,\n")
        assert read_panel([empty, *paths], tickers=["C"]).column("C").tolist() == [6.0]

    def test_tickers_of_all_files(self, paths: list[Path]) -> None:
        """They are united and sorted."""
        assert read_tickers(paths) == ("A", "B", "C")


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(pl.Series(DAYS[:2]), id="dates"),
        pytest.param(pl.Series([datetime(2024, 1, 2), datetime(2024, 1, 3, 16)]), id="times"),  # noqa: DTZ001 - naive on purpose
        pytest.param(
            pl.Series([datetime(2024, 1, 2, 5), datetime(2024, 1, 3, 5)]).dt.replace_time_zone("UTC"),  # noqa: DTZ001 - zone follows
            id="New York's midnight in UTC",
        ),
        pytest.param(
            pl.Series([datetime(2024, 1, 2), datetime(2024, 1, 3)]).dt.replace_time_zone("America/New_York"),  # noqa: DTZ001 - zone follows
            id="midnight in New York",
        ),
        pytest.param(pl.Series(["2024-01-02", "2024-01-03"]), id="text"),
        pytest.param(pl.Series([" 2024-01-02T00:00:00Z", "2024-01-03 16:00:00 "]), id="text with times"),
        pytest.param(pl.Series(["2024-01-02", "2024-01-03"]).cast(pl.Categorical), id="categories"),
    ],
)
def test_dates_of_every_type(days: pl.Series) -> None:
    """The date is the one that is written; a time of day is dropped."""
    panel = from_frame(pl.DataFrame({"date": days, "A": [1.0, 2.0]}))
    assert panel.sessions.tolist() == DAYS[:2]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(pl.Series([1, 2]), [1.0, 2.0], id="integers"),
        pytest.param(pl.Series(["1.50", "2.25"]).cast(pl.Decimal(10, 2)), [1.5, 2.25], id="decimals"),
        pytest.param(pl.Series([" 1.5", "2e1 "]), [1.5, 20.0], id="text"),
        pytest.param(pl.Series([1.0, float("nan"), 2.0]), [1.0, np.nan, 2.0], id="NaN"),
        *(
            pytest.param(pl.Series(["1", word, "2"]), [1.0, np.nan, 2.0], id=f"the word {word!r}")
            for word in ("", " ", "NA", "N/A", "nan", "null", "None")
        ),
    ],
)
def test_numbers_of_every_type(cells: pl.Series, expected: list[float]) -> None:
    """They become float64; a cell without a value is NaN."""
    panel = from_frame(pl.DataFrame({"date": DAYS[: len(cells)], "A": cells}))
    np.testing.assert_array_equal(panel.column("A"), expected)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeffdate,A\n2024-01-02,1\n", id="byte order mark"),
        pytest.param("date,A\r\n2024-01-02,1\r\n", id="Windows line ends"),
        pytest.param("date,A\n\n2024-01-02,1\n\n\n", id="blank lines"),
        pytest.param('"date","A"\n"2024-01-02","1"\n', id="quotes"),
        pytest.param("A,Date\n1,2024-01-02\n", id="date last"),
    ],
)
def test_csv_dialects(tmp_path: Path, text: str) -> None:
    """What common programs write is read."""
    panel = read_panel([write(tmp_path / "a.csv", text)])
    assert panel.tickers == ("A",)
    assert panel.column("A").tolist() == [1.0]


def test_blank_lines_of_a_long_csv_are_no_rows(tmp_path: Path) -> None:
    """Neither at the end nor inside."""
    path = write(tmp_path / "a.csv", "date,ticker,close\n2024-01-02,A,1\n\n2024-01-03,A,2\n\n")
    assert read_panel([path]).column("A").tolist() == [1.0, 2.0]


def test_wide_tickers_may_look_like_columns() -> None:
    """LOW and OPEN are companies."""
    panel = from_frame(pl.DataFrame({"date": DAYS[:1], "OPEN": [1.0], "LOW": [2.0]}))
    assert panel.tickers == ("LOW", "OPEN")


def test_columns_are_mapped() -> None:
    """Ours → theirs."""
    frame = pl.DataFrame({"Tag": DAYS[:1], "Kurs": [3.0], "Papier": ["A"], "close": [9.0]})
    panel = from_frame(frame, columns={"date": "Tag", "ticker": "Papier", "adj_close": "Kurs"})
    assert panel.column("A").tolist() == [3.0]


def test_categorical_tickers_and_interleaved_rows() -> None:
    """Rows need order within a ticker only."""
    frame = pl.DataFrame(
        {
            "date": [DAYS[0], DAYS[0], DAYS[1], DAYS[1]],
            "ticker": pl.Series(["B", "A", "B", "A"]).cast(pl.Categorical),
            "close": [1.0, 2.0, 3.0, 4.0],
        }
    )
    panel = from_frame(frame)
    assert panel.column("A").tolist() == [2.0, 4.0]
    assert panel.column("B").tolist() == [1.0, 3.0]


def test_row_without_a_price_is_not_there() -> None:
    """A holiday in a table is harmless while it has no price."""
    frame = pl.DataFrame({"date": [date(2024, 1, 1), *DAYS[:2]], "A": [None, 1.0, 2.0]})
    assert from_frame(frame).sessions.tolist() == DAYS[:2]


class TestHash:
    """The snapshot's identity."""

    def panel(self) -> Panel:
        return from_frame(pl.concat([long_table("A", [1.0, 2.0, 3.0]), long_table("B", [4.0, 5.0])]))

    def test_is_stable(self) -> None:
        """Over calls, and over the order of the tickers in the table."""
        other = from_frame(pl.concat([long_table("B", [4.0, 5.0]), long_table("A", [1.0, 2.0, 3.0])]))
        assert self.panel().content_hash == other.content_hash
        assert self.panel().content_hash == (
            "90f126b7c30c25b1d0b29454ca31427d6756e752cbfab5c0b55f948dedc36508"
        )

    @given(cell=st.integers(0, 5), bit=st.integers(0, 63))
    def test_changes_with_any_bit_of_a_price(self, cell: int, bit: int) -> None:
        """NaN cells included."""
        panel = self.panel()
        bits = panel.fields["close"].copy().view(np.uint64).reshape(-1)
        bits[cell] ^= np.uint64(1) << np.uint64(bit)
        changed = Panel(
            sessions=panel.sessions,
            tickers=panel.tickers,
            fields={"close": bits.view(np.float64).reshape(3, 2)},
            basis=panel.basis,
            source=panel.source,
        )
        assert changed.content_hash != panel.content_hash

    def test_null_and_nan_are_one(self) -> None:
        """Whatever the bits of a file's NaN."""
        odd = np.array([0xFFF8000000000001], dtype=np.uint64).view(np.float64)[0]
        tables = [
            pl.DataFrame({"date": DAYS[:2], "A": [1.0, 1.0], "B": [1.0, x]}) for x in (None, np.nan, odd)
        ]
        assert len({from_frame(table).content_hash for table in tables}) == 1
