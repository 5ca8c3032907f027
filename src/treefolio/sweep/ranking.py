"""The best rows of a sweep: by a metric, of those that satisfy a condition."""

from __future__ import annotations

import polars as pl

from treefolio.errors import UsageError, did_you_mean
from treefolio.metrics import METRICS
from treefolio.sweep.rows import JUDGED

_ROW = "\0row"
"""Where the row's number stands: no column has this name."""
_PLACE = "\0place"
_TOGETHER = 12
"""Columns that are read at once."""
LATER = "It compares a row with all others, so it is there when the sweep is finished."
_METRIC = "Rank by a metric, such as --by sharpe."
_SPELLING = (
    'Write it like: max_drawdown < 0.3 and sharpe > 1. Columns with a dot need quotes: "c12.window" = 10.'
)


def lowest_is_best(key: str) -> bool:
    """Whether of a column's numbers the smallest counts as the best: of some metrics it does."""
    return key in METRICS and METRICS[key].better == "low"


def top(rows: pl.LazyFrame, *, by: str, where: str | None = None, n: int = 20) -> pl.DataFrame:
    """The best ``n`` rows that are ok, best first; ties and rows without the metric in row order.

    Args:
        by: a metric's key (its better end first) or any numeric column, such as dsr (largest first); a minus
            before it turns the order around.
        where: a condition in SQL's words, such as ``max_drawdown < 0.3 and sharpe > 1``.

    Raises:
        UsageError: an unknown column, or a condition that cannot be read.
    """
    columns = rows.collect_schema()
    key = by.removeprefix("-")
    if key not in columns:
        hint = LATER if key in JUDGED else did_you_mean(key, columns.names()) or _METRIC
        raise UsageError(f"unknown column {key!r}", hint=hint)
    if not columns[key].is_numeric():
        raise UsageError(f"{key} is no number", hint=_METRIC)
    smallest_first = lowest_is_best(key)
    if by.startswith("-"):
        smallest_first = not smallest_first
    numbered = rows.with_row_index(_ROW)
    kept = numbered.filter(pl.col("status") == "ok")

    def best(rows: pl.LazyFrame) -> pl.DataFrame:
        """Ranks by one column, then reads the others a few at a time: memory stays small."""
        ranked = rows.select(_ROW, key).collect(engine="streaming")
        order = ranked.sort(key, descending=not smallest_first, nulls_last=True, maintain_order=True).head(n)
        wanted = pl.col(_ROW).is_in(order[_ROW].implode())
        names = columns.names()
        parts = [
            numbered.select(_ROW, *names[k : k + _TOGETHER]).filter(wanted).collect(engine="streaming")
            for k in range(0, len(names), _TOGETHER)
        ]
        places = order.select(_ROW).with_row_index(_PLACE)
        found = pl.concat([parts[0], *(part.drop(_ROW) for part in parts[1:])], how="horizontal")
        return found.join(places, on=_ROW).sort(_PLACE).select(names)

    if where is None:
        return best(kept)
    try:
        condition = pl.sql_expr(where)
        for name in condition.meta.root_names():
            if name not in columns:
                hint = did_you_mean(name, columns.names()) or _SPELLING
                raise UsageError(f"the condition {where!r} names an unknown column, {name!r}", hint=hint)
        return best(kept.filter(condition))
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            f"the condition {where!r} cannot be read: {str(error).splitlines()[0]}",
            hint=_SPELLING,
        ) from None
