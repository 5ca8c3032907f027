"""Rows of a sweep, grouped by the value of a variable: what pages and services draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import polars as pl
import polars.selectors as cs

VALUE, METRIC, COUNT, MEAN, MEDIAN = "value", "metric", "count", "mean", "median"
Value = TypeVar("Value", bound=int | float | str)


def metric(key: str) -> pl.Expr:
    """A metric's column, NaN as null: undefined either way."""
    return cs.by_name(key).as_expr().cast(pl.Float64).fill_nan(None)


def by_value(rows: pl.LazyFrame, more: Sequence[pl.Expr] = ()) -> pl.LazyFrame:
    """For each value, in no order: value, count of defined metrics, mean, median, and ``more``.

    Args:
        rows: columns `VALUE` and `METRIC`, and those that ``more`` reads.
        more: aggregations, in the order of the rows.
    """
    found = pl.col(METRIC)
    usual = (found.count().alias(COUNT), found.mean().alias(MEAN), found.median().alias(MEDIAN))
    return rows.group_by(VALUE).agg(*usual, *more)


def in_order(values: Iterable[Value]) -> list[Value]:
    """Distinct values as an axis shows them: numbers ascending, words as they come."""
    found = list(dict.fromkeys(values))
    return found if any(isinstance(value, str) for value in found) else sorted(found)
