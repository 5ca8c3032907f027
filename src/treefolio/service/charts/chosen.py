"""The columns that a chart reads, of the rows that satisfy its condition."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import polars as pl
import polars.selectors as cs

from treefolio.errors import UsageError, did_you_mean
from treefolio.metrics import METRICS
from treefolio.service.shelf import Table
from treefolio.service.table import satisfying
from treefolio.sweep.groups import metric
from treefolio.sweep.ranking import LATER
from treefolio.sweep.rows import JUDGED

NUMBER = "\0number"
"""Where a row's number stands: no column has this name."""
_DIGITS = 9
_FIRST = "start"
"""The first column that is no variable."""


def variables_of(rows: pl.DataFrame) -> list[str]:
    """The variables among the columns."""
    return rows.columns[: rows.columns.index(_FIRST)] if rows.width else []


def require_variable(name: str, rows: pl.DataFrame, path: str) -> None:
    """Nothing, when it is a variable. Raises UsageError."""
    there = variables_of(rows)
    if rows.width and name not in there:
        raise UsageError(f"the rows have no variable {name!r}", path=path, hint=_instead(name, there))


def require_metric(name: str, rows: pl.DataFrame, path: str, also: Collection[str] = JUDGED) -> None:
    """Nothing, when it is a metric, or one of the columns that may be used as one. Raises UsageError."""
    if not rows.width or (name in rows.columns and (name in METRICS or name in also)):
        return
    there = [each for each in rows.columns if each in METRICS or each in also]
    hint = LATER if name in also else _instead(name, there)
    raise UsageError(f"the rows have no metric {name!r}", path=path, hint=hint)


def _instead(name: str, there: list[str]) -> str:
    shown = ", ".join(there[:8]) + (", …" if len(there) > 8 else "")
    return did_you_mean(name, there) or (f"There are: {shown}." if there else "There is none.")


def choose(there: Table, where: str | None, columns: Mapping[str, str]) -> pl.DataFrame:
    """The rows that satisfy the condition, in their order.

    Args:
        columns: name in the answer → column of the table. Metrics are null in rows that are not ok.

    Returns:
        Those columns, and `NUMBER`; none at all before there are rows. Raises UsageError.
    """
    if not there.rows.width:
        return pl.DataFrame(schema=[*columns, NUMBER])
    is_ok = pl.col("status") == "ok"
    found = there.rows.select(
        (pl.when(is_ok).then(metric(column)) if _is_metric(column) else cs.by_name(column).as_expr()).alias(
            name
        )
        for name, column in columns.items()
    ).with_columns(there.numbers.alias(NUMBER))
    return found if where is None else found.filter(satisfying(there.rows, where))


def _is_metric(column: str) -> bool:
    return column in METRICS or column in JUDGED


def said(there: Table, matching: int) -> dict[str, Any]:
    """What every chart says of its rows."""
    return {
        "label": there.label,
        "complete": there.complete,
        "rows_done": there.rows.height,
        "rows_total": there.total,
        "matching": matching,
    }


def rounded(values: Iterable[float | None]) -> list[float | None]:
    """Numbers with as many digits as a chart shows."""
    return [None if value is None else float(f"{value:.{_DIGITS}g}") for value in values]
