"""One of Massive's flat files: where it is, and its rows.

`find_files` lists what a folder has, `read_file` unpacks, parses and checks one file. Whatever is wrong
with a file is a SourceError about that file alone.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from treefolio.errors import SourceError, did_you_mean, did_you_mean_file
from treefolio.market import calendar
from treefolio.market.bars import DAILY
from treefolio.market.panel import FIELDS

FOLDERS = {"day_aggs_v1": DAILY, "minute_aggs_v1": "1m"}
"""The vendor's folder → the interval of the bars in it."""
FOREIGN_FOLDERS = frozenset({"us_options_opra", "us_indices", "us_futures", "global_forex", "global_crypto"})
NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv(\.gz)?")
GZIP_MAGIC = b"\x1f\x8b"
NEEDED: dict[str, type[pl.DataType]] = {
    "ticker": pl.String,
    "volume": pl.Float64,
    "open": pl.Float64,
    "close": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "window_start": pl.Int64,
}
UNUSED = "transactions"
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
EARLIEST_HOUR = 4 * 3_600 * SECOND
"""Trading hours are 04:00 to 20:00 in New York, which is 4 or 5 hours behind UTC: four hours less than UTC
is on the session's date, for any bar and for midnight."""
AGAIN = "Download the file again."
HEADER_LINES = 1
HEADER_BYTES = 4_096
GZIP_FRAME = 16
"""Tells zlib that there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatFile:
    """A file. name: its path below the folder; size and mtime_ns tell whether it changed."""

    path: Path
    name: str
    session: date
    size: int
    mtime_ns: int


def find_files(folder: Path, interval: str = DAILY) -> tuple[list[FlatFile], dict[str, str]]:
    """The files of the interval below the folder, by session; and name → reason of those that are none.

    A file that is in none of the vendor's FOLDERS is taken for one of the interval. Raises SourceError when
    there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        hint = did_you_mean_file(folder) or f"{folder.parent.absolute()} has nothing like it."
        raise SourceError("there is no such folder", source=str(folder), hint=hint)
    paths = [path for path in folder.rglob("*.csv*") if _is_of(path, interval) and _looks_right(path)]
    if not paths:
        hint = f"Massive's files are called 2016-01-04.csv.gz, below a folder {_folder_of(interval)}."
        raise SourceError(f"there are no flat files with bars of {interval}", source=str(folder), hint=hint)
    found: dict[date, FlatFile] = {}
    failed: dict[str, str] = {}
    for path in sorted(paths, key=lambda each: (each.name, str(each))):
        name = path.relative_to(folder).as_posix()
        try:
            session = _session_of(path)
            if session in found:
                raise SourceError(f"{found[session].name} has this session already")
            status = path.stat()
        except (SourceError, OSError) as error:
            failed[name] = error.message if isinstance(error, SourceError) else str(error.strerror)
            continue
        found[session] = FlatFile(
            path=path, name=name, session=session, size=status.st_size, mtime_ns=status.st_mtime_ns
        )
    return [found[session] for session in sorted(found)], failed


def read_file(file: FlatFile, interval: str = DAILY) -> pl.DataFrame:
    """The file's rows: ticker as the vendor spells it, ``at`` (days or seconds since 1970), FIELDS (float64).

    Raises SourceError when the file is damaged, has other columns, or rows of another day.
    """
    content = _read(file)
    _check_header(content, file)
    try:
        rows = pl.read_csv(content, columns=list(NEEDED), schema_overrides=NEEDED, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(content, file, str(error)) from None
    _check_rows(rows, content, file)
    start = pl.col("window_start")
    at = (start - EARLIEST_HOUR) // DAY if interval == DAILY else start // SECOND
    return rows.select("ticker", *FIELDS, at=at)


def _is_of(path: Path, interval: str) -> bool:
    """Whether the file is in a folder of the interval, or in none of the vendor's."""
    named = {FOLDERS[part] for part in path.parts if part in FOLDERS}
    return (interval in named or not named) and FOREIGN_FOLDERS.isdisjoint(path.parts)


def _looks_right(path: Path) -> bool:
    """Whether the name promises a flat file; other tables may well stand beside them."""
    return path.name.endswith(".csv.gz") or NAME.fullmatch(path.name) is not None


def _folder_of(interval: str) -> str:
    return next(folder for folder, each in FOLDERS.items() if each == interval)


def _session_of(path: Path) -> date:
    """The session in the file's name. Raises SourceError."""
    match = NAME.fullmatch(path.name)
    try:
        session = date.fromisoformat(match[1]) if match else None
    except ValueError:
        session = None
    if session is None:
        raise SourceError("its name is not a date such as 2016-01-04.csv.gz")
    if not len(calendar.sessions(session, session)):
        raise SourceError(f"the exchange was closed on {session}")
    return session


def _read(file: FlatFile) -> bytes:
    """The file as it is, packed or not."""
    try:
        return file.path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=file.name) from None


def _unpacked(content: bytes, file: FlatFile) -> bytes:
    """The file's text."""
    try:
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except EOFError:
        raise SourceError("is cut off: its gzip ends too early", source=file.name, hint=AGAIN) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"is damaged: {error}", source=file.name, hint=AGAIN) from None


def _beginning(content: bytes, file: FlatFile) -> bytes:
    """The first bytes of the file's text."""
    if not content.startswith(GZIP_MAGIC):
        return content[:HEADER_BYTES]
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | GZIP_FRAME).decompress(content, HEADER_BYTES)
    except zlib.error:
        return _unpacked(content, file)[:HEADER_BYTES]


def _check_header(content: bytes, file: FlatFile) -> None:
    """Raises SourceError unless the first line names all columns that are NEEDED."""
    text = _beginning(content, file)
    try:
        names = [name.strip().strip('"') for name in text.partition(b"\n")[0].decode().split(",")]
    except UnicodeDecodeError:
        names = []
    missing = [name for name in NEEDED if name not in names]
    if not missing:
        return
    text = _unpacked(content, file)  # whatever is cut off has no columns either
    if not text.strip() or "\0" in "".join(names) or not names:
        what = "is no CSV file" if text.strip() else "is empty"
        raise SourceError(what, source=file.name, hint=AGAIN)
    foreign = [name[:40] for name in names if name not in NEEDED and name != UNUSED]
    has = f", and has {', '.join(map(repr, foreign[:12]))} instead" if foreign else ""
    raise SourceError(
        f"has no column {', '.join(map(repr, missing))}{has}",
        source=file.name,
        line=HEADER_LINES,
        hint=did_you_mean(missing[0], foreign) or f"The columns are {', '.join((*NEEDED, UNUSED))}.",
    )


def _check_rows(rows: pl.DataFrame, content: bytes, file: FlatFile) -> None:
    """Raises SourceError unless there are rows, all complete and all of the session in the file's name."""
    if not len(rows):
        raise SourceError("has no rows", source=file.name, hint=AGAIN)
    day = (pl.col("window_start") - EARLIEST_HOUR) // DAY
    complete, first, last = rows.select(
        complete=pl.all_horizontal(pl.all().is_not_null().all(), pl.col(*FIELDS).is_finite().all()),
        first=day.min(),
        last=day.max(),
    ).row(0)
    if not complete:
        raise _unreadable(content, file, "a row is not complete")
    session = (file.session - date(1970, 1, 1)).days
    if first != session or last != session:
        position = rows.select((day != session).arg_max()).item()
        actual = date(1970, 1, 1) + timedelta(days=rows.select(day.get(position)).item())
        raise SourceError(
            f"has rows of {actual}",
            source=file.name,
            line=position + HEADER_LINES + 1,
            ticker=rows["ticker"][position],
            session=actual.isoformat(),
            hint="A file has the bars of the session in its name, and no others.",
        )


def _unreadable(content: bytes, file: FlatFile, said: str) -> SourceError:
    """The error for rows that cannot be read: about the first such cell, when it can be told."""
    text = _unpacked(content, file)
    try:
        cells = pl.read_csv(text, columns=list(NEEDED), infer_schema=False, truncate_ragged_lines=True)
    except pl.exceptions.PolarsError:
        return SourceError(f"cannot be read: {said.splitlines()[0]}", source=file.name, hint=AGAIN)
    for name, kind in NEEDED.items():
        wrong = pl.col(name).is_null()
        if kind is not pl.String:
            number = pl.col(name).cast(kind, strict=False)
            wrong = wrong | number.is_null() | ~number.cast(pl.Float64).is_finite()
        positions = cells.select(wrong.arg_true()).to_series()
        if len(positions):
            position = positions[0]
            cell = cells[name][position]
            what = f"there is no {name}" if cell is None else f"{name} is {cell[:40]!r}, which is no number"
            line = position + HEADER_LINES + 1
            return SourceError(
                what, source=file.name, line=line, ticker=cells["ticker"][position], hint=AGAIN
            )
    return SourceError(f"cannot be read: {said.splitlines()[0]}", source=file.name, hint=AGAIN)
