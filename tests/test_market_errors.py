"""Every way in which a price file can be wrong is one clear error with fields."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from treefolio.errors import MissingPrices, PriceError, UsageError
from treefolio.market.files import read_panel
from treefolio.market.frames import from_frame

LONG = "date,ticker,close\n"


def failure(path: Path, content: str | bytes, **options: Any) -> PriceError:
    """The error that reading a file of this content gives."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(PriceError) as caught:
        read_panel([path], **options)
    assert caught.value.hint
    assert caught.value.source == path.name
    return caught.value


ROWS = [
    pytest.param(
        "2024-01-02,A,1\n2024-01-03,A,2\n2024-01-03,A,2\n",
        {"line": 4, "ticker": "A", "session": "2024-01-03"},
        "A has two rows for 2024-01-03",
        id="duplicate",
    ),
    pytest.param(
        "2024-01-02,A,1\n2024-01-04,A,2\n2024-01-05,B,2\n2024-01-03,A,3\n2024-01-02,B,3\n",
        {"line": 5, "ticker": "A", "session": "2024-01-03"},
        "the rows of A are not in order of date: 2024-01-03 after 2024-01-04; 2 such rows in all",
        id="unsorted",
    ),
    pytest.param(
        "2024-01-02,B,1\n2024-01-02,A,-1.5\n2024-01-03,A,-2\n",
        {"line": 3, "ticker": "A", "session": "2024-01-02"},
        "close of A on 2024-01-02 is -1.5; 2 such values in all",
        id="negative",
    ),
    pytest.param("2024-01-02,A,0\n", {"line": 2, "ticker": "A", "session": "2024-01-02"}, "is 0", id="zero"),
    pytest.param(
        "2024-01-02,A,inf\n", {"line": 2, "ticker": "A", "session": "2024-01-02"}, "is inf", id="infinite"
    ),
    pytest.param(
        "2024-01-05,B,1\n2024-01-05,A,1\n2024-01-06,A,1\n2024-01-07,A,1\n",
        {"line": 4, "ticker": "A", "session": "2024-01-06"},
        "the NYSE has no session on 2024-01-06, 2024-01-07",
        id="weekend",
    ),
    pytest.param(
        "2024-12-24,A,1\n2024-12-25,A,1\n",
        {"line": 3, "ticker": "A", "session": "2024-12-25"},
        "2024-12-25",
        id="holiday",
    ),
    pytest.param(
        "0001-01-01,A,1\n",
        {"line": 2, "ticker": "A", "session": "0001-01-01"},
        "0001-01-01 is outside",
        id="year 1",
    ),
    pytest.param(
        "9999-12-31,A,1\n",
        {"line": 2, "ticker": "A", "session": "9999-12-31"},
        "9999-12-31 is outside",
        id="year 9999",
    ),
    pytest.param(
        "2024-01-02,A,1\n02.01.2024,A,1\n", {"line": 3}, "'02.01.2024' is not a date", id="German date"
    ),
    pytest.param("2024-02-30,A,1\n", {"line": 2}, "'2024-02-30' is not a date", id="30 February"),
    pytest.param("20240102,A,1\n", {"line": 2}, "'20240102' is not a date", id="date without dashes"),
    pytest.param("2024-01-02,A,1\n,A,1\n", {"line": 3}, "there is no date", id="no date"),
    pytest.param("2024-01-02,A,1\n2024-01-03,,1\n", {"line": 3}, "there is no ticker", id="no ticker"),
    pytest.param(
        '2024-01-02,A,1\n\n2024-01-03,A,"1,234"\n',
        {"line": 4},
        "close is '1,234', which is not a number",
        id="text",
    ),
]


@pytest.mark.parametrize(("rows", "fields", "said"), ROWS)
def test_bad_row_of_a_csv_file(tmp_path: Path, rows: str, fields: dict[str, Any], said: str) -> None:
    """The error names the line, and where known the ticker and the session."""
    error = failure(tmp_path / "bad.csv", LONG + rows)
    assert {name: getattr(error, name) for name in fields} == fields
    assert said in error.message
    assert f"bad.csv, line {fields['line']}" in str(error)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("open", -1.0, "open of A on 2024-01-03 is -1 (row 2)"),
        ("high", float("inf"), "high of A on 2024-01-03 is inf (row 2)"),
        ("volume", -5.0, "volume of A on 2024-01-03 is -5 (row 2)"),
    ],
)
def test_bad_value_beside_the_price(column: str, value: float, said: str) -> None:
    """Other fields are checked too; without lines of text the message names the row."""
    days = [date(2024, 1, 2), date(2024, 1, 3)]
    frame = pl.DataFrame({"date": days, "ticker": ["A", "A"], "close": [1.0, 1.0], column: [1.0, value]})
    with pytest.raises(PriceError) as caught:
        from_frame(frame, source="notebook")
    error = caught.value
    assert error.message == said
    assert (error.source, error.line, error.ticker, error.session) == ("notebook", None, "A", "2024-01-03")


@pytest.mark.parametrize(
    ("rows", "line", "ticker"),
    [
        ("2024-01-02,1,2\n2024-01-03,1,x\n", 3, None),
        ("2024-01-02,1,2\n2024-01-03,-1,2\n", 3, "A"),
        ("2024-01-02,1,2\n2024-01-02,1,2\n", 3, "A"),
        ("2024-01-03,1,2\n2024-01-02,,2\n", 3, "B"),
    ],
)
def test_bad_row_of_a_wide_file(tmp_path: Path, rows: str, line: int, ticker: str | None) -> None:
    """Wide files obey the same rules."""
    error = failure(tmp_path / "wide.csv", "date,A,B\n" + rows)
    assert (error.line, error.ticker) == (line, ticker)


@pytest.mark.parametrize(
    ("header", "options", "message", "hint"),
    [
        ("day_,ticker,close", {}, "there is no column 'date', only day_, ticker, close", "--column"),
        ("tag,A,B", {}, "there is no column 'date'", "--column"),
        ("dates,A,B", {}, "there is no column 'date'", "Did you mean dates?"),
        ("date,close,open", {}, "there is no column 'ticker'", "--column"),
        ("date,tickers,close", {}, "there is no column 'ticker'", "Did you mean tickers?"),
        ("date,ticker,price", {}, "there is no column 'close'", "--column"),
        (
            "date,ticker,close",
            {"price_column": "adj_close"},
            "there is no column 'adj_close'",
            "Did you mean close?",
        ),
        ("date,ticker,close", {"columns": {"open": "opn"}}, "there is no column 'opn'", "--column"),
        ("date;ticker;close", {}, "there is no column 'date'", "separated by commas"),
        ("date,A,A", {}, "the column 'A' is there twice", "Keep one"),
        (",date,A", {}, "column 1 has no name", "Give it one"),
        ("date,symbol,Ticker,close", {}, "the columns 'symbol', 'Ticker' all fit 'ticker'", "--column"),
        ("date", {}, "there is no column beside the date", "One for each ticker"),
    ],
)
def test_bad_columns(tmp_path: Path, header: str, options: dict[str, Any], message: str, hint: str) -> None:
    """The error says which column is missing, twice there or ambiguous, and what to do."""
    error = failure(
        tmp_path / "bad.csv", header + "\n2024-01-02,1,2,3\n"[: 11 + 2 * header.count(",")] + "\n", **options
    )
    assert message in error.message
    assert hint in str(error.hint)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"date": [20240102], "A": [1.0]}), "column 'date' holds Int64, not dates"),
        (pl.DataFrame({"date": ["2024-01-02"], "A": [True]}), "column 'A' holds Boolean, not numbers"),
        (pl.DataFrame({"date": ["2024-01-02"], "A": [[1.0]]}), "column 'A' holds List(Float64), not numbers"),
    ],
)
def test_column_of_another_type(frame: pl.DataFrame, message: str) -> None:
    """Numbers that may be dates, and truths that may be prices, are not guessed at."""
    with pytest.raises(PriceError) as caught:
        from_frame(frame)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b" \n\n", "is empty"),
        ("a.parquet", b"date,A\n2024-01-02,1\n", "is neither Parquet nor CSV"),
        ("a.parquet", b"PAR1 and then nothing of the kind", "cannot be read"),
        ("a.xlsx", b"PK\x03\x04\x14\0\0\0", "is neither Parquet nor CSV"),
        ("a.csv", "date,A\n2024-01-02,1\n".encode("utf-16"), "is neither Parquet nor CSV"),
        ("a.csv", b"date,A\n2024-01-02,1,2,3\n", "cannot be read"),
        ("a.csv", b"date,A\n2024-01-02,\xff\xfe\n", "cannot be read"),
    ],
)
def test_file_of_another_kind(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """What is neither Parquet nor CSV is said to be so, not guessed at."""
    assert message in failure(tmp_path / name, content).message


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """The error offers a file beside it that has nearly its name."""
    (tmp_path / "prices.csv").write_text("")
    with pytest.raises(PriceError, match="no such file") as caught:
        read_panel([tmp_path / "price.csv"])
    assert caught.value.hint == "Did you mean prices.csv?"
    assert caught.value.source == str(tmp_path / "price.csv")
    with pytest.raises(PriceError, match="no such file"):
        read_panel([tmp_path / "no" / "folder.csv"])


@pytest.mark.parametrize("wanted", [None, ["A"]])
def test_row_without_a_ticker(tmp_path: Path, wanted: list[str] | None) -> None:
    """A price of nobody is an error whoever is wanted: it may be theirs."""
    frame = pl.DataFrame({"date": [date(2024, 1, 2)] * 2, "ticker": ["A", None], "close": [1.0, 2.0]})
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(PriceError) as caught:
        read_panel([tmp_path / "a.parquet"], tickers=wanted)
    assert caught.value.message == "there is no ticker (row 2)"


def test_folder(tmp_path: Path) -> None:
    """A folder without price files is no source of prices."""
    with pytest.raises(PriceError, match="is a folder"):
        read_panel([tmp_path])


def test_mapping_of_an_unknown_name() -> None:
    """The keys of `columns` are our names."""
    with pytest.raises(UsageError) as caught:
        from_frame(pl.DataFrame({"date": ["2024-01-02"], "A": [1.0]}), columns={"tickr": "A"})
    assert caught.value.hint == "Did you mean ticker?"


class TestNothing:
    """A panel without any price is an error."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "a.csv"
        path.write_text(LONG + "2024-01-02,SPY,1\n2024-01-02,TLT,\n")
        return path

    @pytest.mark.parametrize(
        ("options", "ticker", "hint"),
        [
            ({"tickers": ["SPYX"]}, "SPYX", "Did you mean SPY?"),
            ({"tickers": ["0000"]}, "0000", "The files have SPY, TLT."),
            ({"tickers": ["TLT"]}, "TLT", "The files name it, but without a price in the stated days."),
            ({"tickers": []}, None, "The files have SPY, TLT."),
            ({"start": date(2025, 1, 1)}, None, "The files have SPY, TLT."),
        ],
    )
    def test_no_price_is_left(
        self, path: Path, options: dict[str, Any], ticker: str | None, hint: str
    ) -> None:
        """The error says what was wanted, and what there is."""
        with pytest.raises(MissingPrices) as caught:
            read_panel([path], **options)
        assert (caught.value.ticker, caught.value.hint) == (ticker, hint)

    def test_no_file(self) -> None:
        """No path, no panel."""
        with pytest.raises(MissingPrices, match="no file"):
            read_panel([])

    def test_empty_frame(self) -> None:
        """A table without rows."""
        with pytest.raises(MissingPrices) as caught:
            from_frame(pl.DataFrame({"date": [], "A": []}, schema={"date": pl.Date, "A": pl.Float64}))
        assert caught.value.source == "frame"
