"""Price files → panel.

`read_panel` reads Parquet and CSV, long and wide, several at once. A file is scanned lazily: only the
needed columns and tickers are read. CSV cells are read as text first, so that an unreadable one is named
with its line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from treefolio.errors import MissingPrices, PriceError, did_you_mean, did_you_mean_file
from treefolio.market.align import Part, align, named
from treefolio.market.cells import ROW, Origin
from treefolio.market.columns import Layout, find_layout, lacks_ticker
from treefolio.market.panel import Panel
from treefolio.market.rows import Rows, between, checked, long_rows, wide_rows

PARQUET_MAGIC = b"PAR1"
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_SUFFIXES = (".parquet", ".pq")
SUFFIXES = (*PARQUET_SUFFIXES, ".csv", ".csv.gz")
PROBED_BYTES = 4096
GIVE = "name a Parquet or CSV file with --prices, or take made-up prices with --synthetic."
KINDS = "Price files are Parquet or CSV (UTF-8, separated by commas), long or wide."


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An opened file: a lazy scan with a column ROW, and where it has what."""

    scan: pl.LazyFrame
    layout: Layout
    origin: Origin


def read_panel(
    paths: Sequence[Path],
    *,
    price_column: str | None = None,
    tickers: Collection[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    columns: Mapping[str, str] | None = None,
    closes_only: bool = False,
) -> Panel:
    """The prices in `paths` as one panel; all its sessions from the first price to the last.

    Args:
        paths: Parquet or CSV files, long or wide, or folders of them. The first that has a price of a ticker
            gives all of it, and the panel's `source` says so. In a folder, a table without a column of
            tickers is of the one that its name says.
        price_column: what becomes ``close``: by default adj_close in a file that has it, else close. Open,
            high and low are moved to the same basis by the factor price/close. For a wide file it only says
            what its numbers are.
        tickers: those that are wanted; absent ones are left out (`missing.check_tickers` says so). Default:
        all. start, end: days outside are not read. Indicators settle on history: leave `start` to the run.
        columns: our name → the files' name, such as ``{"date": "Day"}``.
        closes_only: open, high, low and volume are left out: most strategies do not look at them.

    Raises PriceError with the file, and where known the row, ticker and session, when a file cannot be read
    or its prices break a rule; MissingPrices when nothing is left.
    """
    wanted = None if tickers is None else frozenset(tickers)
    parts: list[Part] = []
    taken: dict[str, str] = {}
    for opened in open_tables(paths, price_column=price_column, columns=columns or {}):
        table = _closes_of(opened) if closes_only else opened
        part = take(table, wanted=wanted, taken=taken, start=start, end=end)
        taken |= dict.fromkeys(part.tickers, table.origin.name)
        parts.append(part)
    if not any(len(part.rows.day) for part in parts):
        known = read_tickers(paths, price_column=price_column, columns=columns)
        raise _nothing(paths, wanted, known)
    return align(parts)


def _closes_of(table: Table) -> Table:
    """The table without open, high, low and volume."""
    return replace(table, layout=replace(table.layout, bars={}, raw_close=None, volume=None))


def read_tickers(
    paths: Sequence[Path], *, price_column: str | None = None, columns: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """All tickers that the files name, sorted: what a misspelt one could have meant."""
    names: set[str] = set()
    for table in open_tables(paths, price_column=price_column, columns=columns or {}):
        names |= _tickers(table, None)
    return tuple(sorted(names))


def open_tables(
    paths: Sequence[Path], *, price_column: str | None, columns: Mapping[str, str]
) -> Iterator[Table]:
    """The files, and those of the folders in the order of their names, each opened. Raises PriceError."""
    for path in map(Path, paths):
        if not path.is_dir():
            yield open_table(path, price_column=price_column, columns=columns)
            continue
        inside = sorted(each for each in path.iterdir() if each.name.endswith(SUFFIXES))
        if not inside:
            raise PriceError("is a folder without price files", source=path.name, hint=KINDS)
        for each in inside:
            yield open_table(each, price_column=price_column, columns=columns, named=True)


def open_table(
    path: Path, *, price_column: str | None, columns: Mapping[str, str], named: bool = False
) -> Table:
    """The file at `path`, opened. Raises PriceError when it is not there, or neither Parquet nor CSV.

    `named`: a table without a column of tickers is of the one that the file's name says.
    """
    is_parquet = _is_parquet(path)
    with _said_clearly(path.name):
        if is_parquet:
            scan = pl.scan_parquet(path, row_index_name=ROW, glob=False)
            names = list(scan.collect_schema())[1:]
        else:
            scan = pl.scan_csv(path, row_index_name=ROW, infer_schema=False, glob=False)
            first_line = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False)
            names = [name or "" for name in first_line.row(0)]
    if named and lacks_ticker(names):
        names = [*names, "ticker"]
        scan = scan.with_columns(ticker=pl.lit(path.name.partition(".")[0].upper()))
    return Table(
        scan=scan,
        layout=find_layout(names, price_column=price_column, columns=columns, source=path.name),
        origin=Origin(name=path.name, header_lines=None if is_parquet else 1),
    )


def take(
    table: Table,
    *,
    wanted: frozenset[str] | None,
    taken: Mapping[str, str],
    start: date | None = None,
    end: date | None = None,
) -> Part:
    """What `table` gives: of the `wanted` tickers (None: all) those that no earlier table gave.

    `taken` maps those to the earlier table's name. Raises PriceError when the rows break a rule.
    """
    here = _tickers(table, wanted)
    rows = between(_collected(table, here - taken.keys()), start, end)
    return Part(
        rows=checked(rows),
        tickers=tuple(rows.names[k] for k in np.unique(rows.ticker)),
        passed_over={ticker: taken[ticker] for ticker in sorted(here & taken.keys())},
        basis=table.layout.basis,
    )


def _tickers(table: Table, wanted: frozenset[str] | None) -> set[str]:
    """The tickers that the table names, of those wanted."""
    layout = table.layout
    if layout.ticker is None:
        names = set(layout.wide)
    else:
        ticker = pl.col(layout.ticker)
        scan = (
            table.scan if wanted is None else table.scan.filter(ticker.cast(pl.String).is_in(sorted(wanted)))
        )
        with _said_clearly(table.origin.name):
            column = scan.select(ticker.unique()).collect().to_series()
        names = set(column.cast(pl.String).drop_nulls().to_list())
    return names if wanted is None else names & wanted


def _collected(table: Table, tickers: set[str]) -> Rows:
    """The rows of `tickers` that have a price."""
    layout, origin = table.layout, table.origin
    if layout.ticker is None:
        scan, make = table.scan, wide_rows
        needed = [layout.date, *(name for name in layout.wide if name in tickers)]
        filled = needed
    else:
        # Rows without a ticker are read too: those with a price are an error.
        ticker = pl.col(layout.ticker)
        scan = table.scan.filter(ticker.cast(pl.String).is_in(sorted(tickers)) | ticker.is_null())
        make = long_rows
        bars = (layout.raw_close, *layout.bars.values()) if layout.bars else ()
        each = (layout.date, layout.ticker, layout.price, layout.volume, *bars)
        needed = list(dict.fromkeys(name for name in each if name))
        filled = [layout.ticker, layout.price]
    with _said_clearly(origin.name):
        frame = scan.select(ROW, *needed).collect()
    blank = pl.all_horizontal(pl.col(filled).is_null())  # such as an empty line of a CSV file
    return make(frame.filter(~blank), layout, origin)


@contextlib.contextmanager
def _said_clearly(name: str) -> Iterator[None]:
    """Errors of polars and the file system as a PriceError about the file `name`."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise PriceError(f"cannot be read: {reason}", source=name, hint=KINDS) from error


def _is_parquet(path: Path) -> bool:
    """True for Parquet, False for what may be CSV. Raises PriceError when it is neither."""
    try:
        with path.open("rb") as file:
            probe = file.read(PROBED_BYTES)
    except FileNotFoundError:
        hint = did_you_mean_file(path) or f"{path.parent.absolute()} has nothing like it: {GIVE}"
        raise PriceError("there is no such file", source=str(path), hint=hint) from None
    except OSError as error:
        raise PriceError(f"cannot be opened: {error.strerror}", source=path.name, hint=KINDS) from None
    if probe.startswith(PARQUET_MAGIC):
        return True
    if not probe.strip():
        raise PriceError("is empty", source=path.name, hint=KINDS)
    if path.suffix.casefold() in PARQUET_SUFFIXES or (b"\0" in probe and not probe.startswith(GZIP_MAGIC)):
        raise PriceError("is neither Parquet nor CSV", source=path.name, hint=KINDS)
    return False


def _nothing(paths: Sequence[Path], wanted: frozenset[str] | None, known: Sequence[str]) -> MissingPrices:
    """The error for a panel without any price; `known` are the tickers that the files name."""
    files = ", ".join(Path(path).name for path in paths) or "no file"
    if not wanted:
        what = "at all" if wanted is None else "is wanted: no ticker was named"
        return MissingPrices(
            f"no price {what} in {files}", hint=f"The files have {named(known) or 'no ticker'}."
        )
    absent = sorted(wanted)
    if wanted & set(known):
        hint = "The files name it, but without a price in the stated days."
    else:
        hint = did_you_mean(absent[0], known) or f"The files have {named(known) or 'no ticker'}."
    return MissingPrices(f"no price of {named(absent)} in {files}", ticker=absent[0], hint=hint)
