"""The rows of one price table, checked.

A row without a price is as if it were not there. Of the others: within a ticker dates rise, none is there
twice, all are NYSE sessions, and prices are finite and above 0. Open, high and low of 0 mean "not known",
as vendors write it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.errors import PriceError
from treefolio.market import calendar, cells
from treefolio.market.cells import ROW, Origin
from treefolio.market.columns import Layout

Series = NDArray[np.float64]
Ints = NDArray[np.int64]
Dates = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows as columns of equal length R, in the order of the table.

    Attributes:
        origin: where they came from.
        names: the tickers, sorted; a name may have no row.
        row: (R,) the row's number in the table, counted from 0.
        day: (R,) datetime64[D].
        ticker: (R,) position in `names`.
        fields: name → (R,) float64, NaN where there is no value; ``close`` is always there.
    """

    origin: Origin
    names: tuple[str, ...]
    row: Ints
    day: Dates
    ticker: Ints
    fields: Mapping[str, Series]

    def where(self, mask: NDArray[np.bool_]) -> Rows:
        """Only the rows in which `mask` is true."""
        return Rows(
            origin=self.origin,
            names=self.names,
            row=self.row[mask],
            day=self.day[mask],
            ticker=self.ticker[mask],
            fields={name: values[mask] for name, values in self.fields.items()},
        )

    def error(self, message: str, *, at: int, hint: str) -> PriceError:
        """A PriceError about the row at position `at`."""
        return self.origin.error(
            message,
            row=int(self.row[at]),
            ticker=self.names[self.ticker[at]],
            session=str(self.day[at]),
            hint=hint,
        )


def long_rows(table: pl.DataFrame, layout: Layout, origin: Origin) -> Rows:
    """The rows of a long table that have a price; `table` has a column ROW.

    Open, high and low are moved to the basis of the price; volume stays as it is.
    """
    assert layout.ticker is not None
    number = table[ROW]
    names, codes = cells.tickers(table[layout.ticker], number, origin)
    wanted = {"close": layout.price, **layout.bars}
    if layout.volume:
        wanted["volume"] = layout.volume
    fields = {
        ours: cells.numbers(table[theirs], number, origin, what=theirs) for ours, theirs in wanted.items()
    }
    raw = layout.raw_close
    if layout.bars and raw is not None and raw != layout.price:
        reference = cells.numbers(table[raw], number, origin, what=raw)
        fields |= {name: _rebased(fields[name], reference, fields["close"]) for name in layout.bars}
    return _priced(
        Rows(
            origin=origin,
            names=names,
            row=number.to_numpy().astype(np.int64),
            day=cells.dates(table[layout.date], number, origin),
            ticker=codes,
            fields=fields,
        )
    )


def wide_rows(table: pl.DataFrame, layout: Layout, origin: Origin) -> Rows:
    """The same of a wide table, ticker by ticker; `table` may hold only some of its tickers."""
    number = table[ROW]
    day = cells.dates(table[layout.date], number, origin)
    names = tuple(sorted(set(layout.wide) & set(table.columns)))
    prices = [cells.numbers(table[name], number, origin, what=name) for name in names]
    return _priced(
        Rows(
            origin=origin,
            names=names,
            row=np.tile(number.to_numpy().astype(np.int64), len(names)),
            day=np.tile(day, len(names)),
            ticker=np.repeat(np.arange(len(names)), len(day)),
            fields={"close": np.concatenate(prices) if prices else np.empty(0)},
        )
    )


def _priced(rows: Rows) -> Rows:
    return rows.where(~np.isnan(rows.fields["close"]))


def _rebased(bar: Series, reference: Series, price: Series) -> Series:
    """`bar` on the basis of `price`: times price/reference, NaN where the reference is not known.

    Written so that a bar equal to the reference becomes exactly the price, one on the price's basis already
    stays as it is, and low ≤ close ≤ high survives the rounding.
    """
    with np.errstate(all="ignore"):
        moved: Series = bar / reference * price
    moved[~np.isfinite(reference) | (reference <= 0)] = np.nan
    return np.where(price == reference, bar, moved)


def between(rows: Rows, start: date | None, end: date | None) -> Rows:
    """Only the rows from `start` to `end`, both included."""
    inside = np.ones(len(rows.day), dtype=np.bool_)
    if start is not None:
        inside &= rows.day >= np.datetime64(start, "D")
    if end is not None:
        inside &= rows.day <= np.datetime64(end, "D")
    return rows.where(inside)


def checked(rows: Rows) -> Rows:
    """`rows` with open, high and low of 0 as NaN. Raises PriceError at the first row that breaks a rule."""
    _check_order(rows)
    _check_calendar(rows)
    fields = dict(rows.fields)
    for name in fields.keys() - {"close", "volume"}:
        fields[name] = np.where(fields[name] == 0, np.nan, fields[name])
    for name, values in fields.items():
        _check_values(rows, name, values)
    return Rows(
        origin=rows.origin, names=rows.names, row=rows.row, day=rows.day, ticker=rows.ticker, fields=fields
    )


def _check_order(rows: Rows) -> None:
    """Raise at the first row whose date is not above that of its ticker's row before it."""
    order = np.argsort(rows.ticker, kind="stable")
    step = np.diff(rows.day[order]).astype(np.int64)
    step[np.diff(rows.ticker[order]) != 0] = 1
    broken = np.flatnonzero(step <= 0)
    if not len(broken):
        return
    first = broken[np.argmin(rows.row[order][broken + 1])]
    before, at = int(order[first]), int(order[first + 1])
    ticker, day = rows.names[rows.ticker[at]], rows.day[at]
    more = f"; {len(broken)} such rows in all" if len(broken) > 1 else ""
    if step[first] == 0:
        message, hint = (
            f"{ticker} has two rows for {day}{more}",
            "Remove the duplicates: only you know which is right.",
        )
    else:
        message = f"the rows of {ticker} are not in order of date: {day} after {rows.day[before]}{more}"
        hint = "Sort the file by date."
    raise rows.error(message, at=at, hint=hint)


def _check_calendar(rows: Rows) -> None:
    """Raise when a date is no NYSE session."""
    if not len(rows.day):
        return
    unknown = (rows.day < np.datetime64(calendar.FIRST)) | (rows.day > np.datetime64(calendar.LAST))
    if unknown.any():
        at = int(np.argmax(unknown))
        message = f"sessions are known from {calendar.FIRST} to {calendar.LAST}; {rows.day[at]} is outside"
        raise rows.error(message, at=at, hint="Leave out the rows of other years.")
    known = calendar.sessions(rows.day.min().item(), rows.day.max().item())
    place = np.searchsorted(known, rows.day)
    inside = place < len(known)
    inside[inside] = known[place[inside]] == rows.day[inside]
    if inside.all():
        return
    off = np.unique(rows.day[~inside])
    at = int(np.argmin(inside))
    shown = ", ".join(str(day) for day in off[:5]) + (f" and {len(off) - 5} more" if len(off) > 5 else "")
    raise rows.error(
        f"the NYSE has no session on {shown}",
        at=at,
        hint=f"{rows.names[rows.ticker[at]]} needs prices of NYSE sessions only: drop the other days.",
    )


def _check_values(rows: Rows, name: str, values: Series) -> None:
    """Raise at the first value that is infinite or below 0, or 0 where that is no price."""
    low = values < 0 if name == "volume" else values <= 0
    bad = np.flatnonzero(low | np.isinf(values))
    if not len(bad):
        return
    at = int(bad[np.argmin(rows.row[bad])])
    more = f"; {len(bad)} such values in all" if len(bad) > 1 else ""
    raise rows.error(
        f"{name} of {rows.names[rows.ticker[at]]} on {rows.day[at]} is {values[at]:g}{more}",
        at=at,
        hint="Leave a cell empty where there is no price; others are finite and above 0.",
    )
