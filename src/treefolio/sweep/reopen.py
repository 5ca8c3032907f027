"""A row of a sweep as a run: its combination once more, on the sweep's prices and sessions.

`choose_rank` picks the row as `ranking.top` orders them, `reopened` runs it. Nothing but the sweep's folder
and its prices is needed: the manifest has the strategy, with the values that were not varied in their places.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from treefolio.engine.question import Question
from treefolio.errors import UsageError
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Strategy
from treefolio.sweep.ask import answer
from treefolio.sweep.ranking import top
from treefolio.sweep.reveal import Choice, Sealed, combination, differences, require_prices
from treefolio.sweep.rows import scan
from treefolio.sweep.single import Result, run


def choose_rank(sealed: Sealed, *, by: str, where: str | None, rank: int) -> tuple[Choice, bool]:
    """The row that ``treefolio top`` shows at this rank, from 1; and whether the sweep is finished.

    Raises:
        UsageError: so many rows are not ok, or ``by`` or ``where`` cannot be read. OutputError: no sweep.
    """
    rows, complete = scan(sealed.folder)
    best = top(rows, by=by, where=where, n=rank)
    if best.height < rank:
        matching = " and satisfy the condition" if where else ""
        raise UsageError(
            f"there is no row of rank {rank:,}: {best.height:,} are ok{matching}{_failed(rows, where)}",
            hint=f"`treefolio top {sealed.folder}` shows those that are.",
        )
    line = best.row(rank - 1, named=True)
    why = f"rank {rank:,} by {by}"
    return Choice(row=None, assignment=combination(sealed, line), why=why, known=line), complete


def _failed(rows: pl.LazyFrame, where: str | None) -> str:
    """How many of the rows that are meant have no numbers, and why the first has none."""
    others = rows.filter(pl.col("status") != "ok")
    others = others if where is None else others.filter(pl.sql_expr(where))
    count, reason = others.select(pl.len(), pl.col("reason").first()).collect().row(0)
    return f"; {count:,} failed or were skipped, the first because {reason}" if count else ""


def reopened(sealed: Sealed, choice: Choice, panel: Panel, benchmark: str | Strategy | None) -> Result:
    """The run of a row, whose metrics are those of the row to the last bit.

    Args:
        panel: the prices of the sweep; what goes beyond its end is not looked at.
        benchmark: as the sweep had it.

    Raises:
        PriceError: they are other prices. StrategyError, MissingPrices, WindowError, RunError: as a run.
    """
    require_prices(sealed, panel)
    question = Question(
        panel=panel,
        start=sealed.start,
        end=sealed.end,
        benchmark=benchmark,
        missing=sealed.manifest["missing"],
        execution=sealed.execution,
    )
    result, notes = answer(
        question, lambda asked: run(sealed.strategy, asked, choice.assignment), wished=False
    )
    return replace(
        result,
        assignment={**sealed.manifest["variables"], **choice.assignment},
        notes=(*result.notes, *notes, *differences(choice, result.metrics)),
    )
