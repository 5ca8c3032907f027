"""The files of a run, as docs/cli.md lists them: written whole, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from treefolio.market.supply import Supplied
from treefolio.sweep.files import whole_folder, write_parquet, write_text
from treefolio.sweep.manifest import to_json
from treefolio.sweep.many import peak_memory
from treefolio.sweep.single import Result
from treefolio.sweep.spreadsheet import write_csv

log = logging.getLogger(__name__)

REPORT = "report.html"


def write_run(result: Result, report: str, out: Path, supplied: Supplied | None = None) -> None:
    """Writes a run's folder. ``report`` is its page; ``supplied`` says how its prices came about.

    Raises:
        OutputError: ``out`` holds something, or cannot be written; then nothing is left there.
    """
    supplied = supplied or Supplied(panel=result.prepared.panel)
    stats = supplied.counts | {
        "seconds": {"data": supplied.seconds, **result.seconds},
        "parallelism": 1,
        "peak_memory_bytes": peak_memory(),
    }
    log.info("run", extra={"action": "run.done", **stats})
    with whole_folder(out) as folder:
        write_text(folder / "manifest.json", to_json(result.manifest))
        write_text(folder / "metrics.json", to_json(result.metrics))
        write_text(folder / "stats.json", to_json(stats))
        write_parquet(result.equity, folder / "equity.parquet")
        write_parquet(result.weights, folder / "weights.parquet")
        write_parquet(result.trades, folder / "trades.parquet")
        write_text(folder / REPORT, report)


def write_csvs(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Writes tables beside their Parquet files, safe to open in a spreadsheet. Raises OutputError."""
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")


def write_report(folder: Path, report: str) -> Path:
    """Puts a sweep's page beside its rows; returns where it is.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(folder / REPORT, report)
    return folder / REPORT
