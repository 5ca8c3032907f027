"""A column's cells as dates, tickers and numbers. What cannot be read is an error that names its row.

A cell without a value is null, NaN, empty or one of MISSING_WORDS; it is no error here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.errors import PriceError

ROW = "(row)"
"""The column in which a table carries its row numbers."""
MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none")
ISO_DATE = r"^\s*\d{4}-\d{2}-\d{2}(?:[T ].*)?\s*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where rows came from, so that an error can name its place.

    Attributes:
        name: the file's name, or what else the rows came from.
        header_lines: lines of text before the first row; None for what has no lines.
    """

    name: str
    header_lines: int | None = None

    def error(
        self, message: str, *, row: int, ticker: str | None = None, session: str | None = None, hint: str
    ) -> PriceError:
        """A PriceError about row `row`, counted from 0: with its line for text, else the message says it."""
        line = None if self.header_lines is None else row + self.header_lines + 1
        said = message if line is not None else f"{message} (row {row + 1})"
        return PriceError(said, source=self.name, line=line, ticker=ticker, session=session, hint=hint)


def dates(column: pl.Series, rows: pl.Series, origin: Origin) -> NDArray[np.datetime64]:
    """The cells as datetime64[D]. `rows` are their row numbers.

    A time of day is dropped, in the zone it is written in: midnight in New York and midnight UTC both keep
    their date. Raises PriceError for other types, and for a cell that is no date.
    """
    if column.dtype == pl.Date:
        read = column
    elif isinstance(column.dtype, pl.Datetime):
        read = column.dt.date()
    elif _is_text(column):
        text = column.cast(pl.String)
        iso = text.str.contains(ISO_DATE).fill_null(value=False)
        digits = pl.select(pl.when(iso).then(text.str.strip_chars().str.slice(0, 10))).to_series()
        read = digits.str.to_date("%Y-%m-%d", strict=False)
    else:
        raise PriceError(
            f"column {column.name!r} holds {column.dtype}, not dates",
            source=origin.name,
            hint="Dates are of type Date or Datetime, or text such as 2024-12-31.",
        )
    bad = read.is_null().arg_true()
    if len(bad):
        cell = column[bad[0]]
        message = f"{cell!r} is not a date" if cell is not None else "there is no date"
        raise origin.error(
            message, row=rows[bad[0]], hint="Dates are written YYYY-MM-DD, such as 2024-12-31."
        )
    return read.to_numpy().astype("datetime64[D]")


def tickers(column: pl.Series, rows: pl.Series, origin: Origin) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The tickers that occur, sorted, and for each cell its position among them."""
    text = column.cast(pl.String)
    bad = (text.is_null() | (text.str.strip_chars() == "")).arg_true()
    if len(bad):
        raise origin.error(
            "there is no ticker", row=rows[bad[0]], hint="Each row of a long table needs its ticker."
        )
    names = text.unique().sort()
    codes = text.cast(pl.Enum(names)).to_physical().to_numpy()
    return tuple(names.to_list()), codes.astype(np.int64)


def numbers(column: pl.Series, rows: pl.Series, origin: Origin, *, what: str) -> NDArray[np.float64]:
    """The cells as float64, NaN where there is no value: exact for float32, rounded once for text.

    Raises PriceError for a type that holds no numbers, and for a cell that is no number; `what` names the
    column.
    """
    if column.dtype.is_numeric() or column.dtype == pl.Null:
        read = column.cast(pl.Float64)
    elif _is_text(column):
        text = column.cast(pl.String).str.strip_chars()
        given = ~text.str.to_lowercase().is_in(MISSING_WORDS).fill_null(value=True)
        read = text.cast(pl.Float64, strict=False)
        bad = (given & read.is_null()).arg_true()
        if len(bad):
            message = f"{what} is {column[bad[0]]!r}, which is not a number"
            raise origin.error(
                message, row=rows[bad[0]], hint="Numbers are written 1234.5, without thousands separators."
            )
    else:
        raise PriceError(
            f"column {column.name!r} holds {column.dtype}, not numbers",
            source=origin.name,
            hint="Prices are numbers, or text such as 1234.5.",
        )
    values = read.fill_null(float("nan")).to_numpy().copy()
    values[np.isnan(values)] = np.nan  # one NaN only: the panel's hash is over bytes
    return values


def _is_text(column: pl.Series) -> bool:
    return column.dtype in (pl.String, pl.Categorical, pl.Enum)
