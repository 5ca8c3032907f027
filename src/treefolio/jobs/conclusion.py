"""The end of a job: its final files, by the same code that the command line ends with.

The parts of a sweep go to a folder as an interrupted one leaves it, and that sweep is continued: nothing is
left to compute, so what is left is its end. Rows of ranges that were given up say why, as rows that fail do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from treefolio.jobs.ledger.records import Chunk, Figures
from treefolio.jobs.requests import RunRequest, SweepRequest
from treefolio.market.supply import Supplied
from treefolio.metrics import COUNT
from treefolio.report import SweepSummary, run_page, sweep_page
from treefolio.report.walk_page import walk_page, whole_sample
from treefolio.selection.cscv import block_edges
from treefolio.sweep import rows
from treefolio.sweep.files import write_parquet, write_text
from treefolio.sweep.manifest import to_json
from treefolio.sweep.many import Planned
from treefolio.sweep.output import write_report, write_run
from treefolio.sweep.single import Result
from treefolio.sweep.walkforward.files import write_walk
from treefolio.sweep.walkforward.plan import PlannedWalk
from treefolio.sweep.walkforward.result import WalkForward


def part_name(first: int, last: int) -> str:
    """The file of rows [first, last) in a sweep's folder of parts."""
    return f"rows-{first:012d}-{last:012d}.parquet"


def failed_part(planned: Planned, chunk: Chunk) -> pl.DataFrame:
    """The rows of a range that was given up."""
    choices = planned.space.choices(chunk.first, chunk.last)
    blocks = len(block_edges(planned.frame.returns)) - 1
    numbers = np.full((len(choices), COUNT + 2 * blocks), np.nan)
    table = rows.Table(planned.prepared, planned.space, planned.keys)
    frame = table.frame(chunk.first, choices, numbers, np.full(len(choices), rows.SKIPPED, np.int64))
    return frame.with_columns(pl.lit("failed").alias("status"), pl.lit(chunk.reason).alias("reason"))


def conclude_sweep(
    planned: Planned,
    request: SweepRequest,
    folder: Path,
    failed: Sequence[Chunk],
    figures: Figures,
    home: Path | None,
) -> None:
    """Makes the final files of a sweep in ``folder``, whose ``parts`` hold all other ranges.

    Raises:
        OutputError: a file cannot be written.
    """
    write_text(folder / "manifest.json", to_json(planned.identity))
    for chunk in failed:
        path = folder / rows.PARTS / part_name(chunk.first, chunk.last)
        write_parquet(failed_part(planned, chunk), path)
    began = time.perf_counter()
    swept = planned.run(
        folder,
        threads=os.cpu_count() or 1,  # nothing else of this job is left to do
        resume=True,
        reality=request.reality,
        exact=request.exact,
        home=home,
    )
    seconds = {
        "data": 0.0,
        **planned.seconds,
        "execution": figures.execution,
        "write": time.perf_counter() - began,
    }
    stats = dict(swept.stats) | {
        "seconds": seconds,
        "rows_per_second": planned.space.size / figures.span if figures.span else 0.0,
        "rows_computed": planned.space.size,
        "rows_kept": 0,
        "parallelism": figures.execution / figures.span if figures.span else 1.0,
        "chunks": figures.chunks,
    }
    write_text(folder / "stats.json", to_json(stats))
    page = sweep_page(SweepSummary.of(planned, swept))
    write_report(folder, page)


def conclude_run(result: Result, request: RunRequest, folder: Path) -> None:
    """Writes the files of a run to ``folder``, which is not there yet. Raises OutputError."""
    page = run_page(result, request.out_of_sample_from)
    write_run(result, page, folder, Supplied(panel=result.prepared.panel))


def conclude_walk(walk: PlannedWalk, result: WalkForward, folder: Path) -> None:
    """Writes the files of a walk-forward to ``folder``, which is not there yet. Raises OutputError."""
    write_walk(result, folder)
    write_report(folder, walk_page(result, whole_sample(walk, result)))
