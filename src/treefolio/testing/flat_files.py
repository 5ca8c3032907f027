"""Folders of Massive's flat files, made up: for tests and measurements.

A file is `day_file` as a table, `write_file` puts it where Massive would, `write_folder` does so for many
sessions. The numbers of a file depend on the seed, the session and the tickers alone.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from treefolio.market.bars import DAILY
from treefolio.market.panel import Dates

NEW_YORK = ZoneInfo("America/New_York")
NANOSECONDS = 1_000_000_000
FOLDERS = {DAILY: "day_aggs_v1", "1m": "minute_aggs_v1"}
OPENING = timedelta(hours=9, minutes=30)
FASTEST, USUAL = 1, 6
"""Levels of compression."""


def day_file(
    tickers: Sequence[str], session: date, *, seed: int = 0, interval: str = DAILY, minutes: int = 3
) -> pl.DataFrame:
    """What Massive's file of `session` says about `tickers`, sorted by them.

    A daily file has one row for each, a file of minutes the first `minutes` of the session.
    """
    rng = np.random.default_rng((seed, session.toordinal()))
    names = np.repeat(sorted(tickers), 1 if interval == DAILY else minutes)
    rows = len(names)
    close = np.round(rng.uniform(1, 500, rows), 4)
    opens = np.round(close * rng.uniform(0.98, 1.02, rows), 4)
    midnight = datetime(session.year, session.month, session.day, tzinfo=NEW_YORK)
    starts = (
        [midnight]
        if interval == DAILY
        else [midnight + OPENING + timedelta(0, 60 * k) for k in range(minutes)]
    )
    return pl.DataFrame(
        {
            "ticker": names,
            "volume": rng.integers(100, 10_000_000, rows),
            "open": opens,
            "close": close,
            "high": np.round(np.maximum(opens, close) * 1.01, 4),
            "low": np.round(np.minimum(opens, close) * 0.99, 4),
            "window_start": np.tile([int(each.timestamp()) * NANOSECONDS for each in starts], len(tickers)),
            "transactions": rng.integers(1, 50_000, rows),
        }
    )


def file_path(folder: Path, session: date, interval: str = DAILY) -> Path:
    """Where Massive keeps the file of `session`, below `folder`."""
    day = f"{session.isoformat()}.csv.gz"
    return folder / "us_stocks_sip" / FOLDERS[interval] / f"{session:%Y}" / f"{session:%m}" / day


def write_file(
    folder: Path, session: date, rows: pl.DataFrame, *, interval: str = DAILY, level: int = USUAL
) -> Path:
    """Writes one file below `folder`; returns its path."""
    path = file_path(folder, session, interval)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(rows.write_csv().encode(), compresslevel=level, mtime=0))
    return path


def write_folder(
    folder: Path,
    tickers: Sequence[str],
    sessions: Dates,
    *,
    seed: int = 0,
    interval: str = DAILY,
    level: int = USUAL,
) -> list[Path]:
    """Writes the files of all `sessions` below `folder`; returns their paths."""
    return [
        write_file(
            folder, day, day_file(tickers, day, seed=seed, interval=interval), interval=interval, level=level
        )
        for day in sessions.tolist()
    ]
