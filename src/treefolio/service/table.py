"""Pages of a table of rows: those that satisfy a condition, in an order, a few at a time.

A condition is written in SQL's words, such as ``max_drawdown < 0.3 and sharpe > 1``. It may compare columns,
numbers and texts, and nothing else: no functions, so nobody can have the service compute at will.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from treefolio.errors import UsageError, did_you_mean
from treefolio.metrics import METRICS
from treefolio.service.mapped import defined
from treefolio.sweep.ranking import LATER, lowest_is_best
from treefolio.sweep.rows import JUDGED

MOST_ROWS = 1_000
"""Of a page."""
LONGEST_CONDITION = 2_000
_TOKENS = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<quoted>"[^"]+")|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
    |(?P<name>[^\W\d]\w*)|(?P<sign><=|>=|<>|!=|[=<>(),+*/-]))""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "between", "false", "in", "is", "like", "not", "null", "or", "true"})
_SPELLING = (
    'Write it like: max_drawdown < 0.3 and sharpe > 1. Columns with a dot need quotes: "c12.window" = 10.'
)
_ALL = "A page without `columns` names them all, as `treefolio jobs rows ID --json` does."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows of a table, and of them what.

    Attributes:
        sort: columns, the first one counts most; a metric's better end comes first, others' smaller one. A
            minus before it turns that around. Rows without a value come last, ties in row order.
        where: a condition; None for all rows.
        columns: those to show; empty for all.
    """

    sort: tuple[str, ...] = ()
    where: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page.

    Attributes:
        rows: the page's rows.
        numbers: where each stands in the sweep.
        matching: how many rows satisfy the condition.
    """

    rows: pl.DataFrame
    numbers: tuple[int, ...]
    matching: int


def find(table: pl.DataFrame, numbers: pl.Series, wanted: Wanted, *, offset: int, limit: int) -> Found:
    """The page of ``table`` from ``offset`` on; ``numbers`` says where each of its rows stands in the sweep.

    Raises:
        UsageError: a column that is not there, or a condition that cannot be read.
    """
    if not table.width:  # nothing is known of its columns before its first rows are there
        return Found(rows=table, numbers=(), matching=0)
    names = tuple(known(name, table) for name in wanted.columns) or tuple(table.columns)
    kept = _kept(table, wanted)
    last = offset + min(limit, MOST_ROWS)
    page = _ordered(table, kept, wanted, most=last)[offset:last]
    return Found(
        rows=defined(table.select(names)[page]),
        numbers=tuple(numbers.gather(page).to_list()),
        matching=len(kept),
    )


def selected(table: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """All rows that satisfy the condition, in their order: what an export holds. Raises UsageError."""
    if not table.width:
        return table
    names = tuple(known(name, table) for name in wanted.columns) or tuple(table.columns)
    if wanted.where is None and not wanted.sort:
        return defined(table.select(names))
    return defined(table.select(names)[_ordered(table, _kept(table, wanted), wanted)])


def _kept(table: pl.DataFrame, wanted: Wanted) -> pl.Series:
    """Positions in the table of the rows that satisfy the condition, ascending."""
    every = table.select(pl.int_range(pl.len(), dtype=pl.UInt32)).to_series()
    return every if wanted.where is None else every.filter(satisfying(table, wanted.where))


def _ordered(table: pl.DataFrame, kept: pl.Series, wanted: Wanted, *, most: int | None = None) -> pl.Series:
    """These positions in their order; of a long table only the first, ``most`` or more."""
    if not wanted.sort:
        return kept
    keys = [known(name.removeprefix("-"), table, "sort") for name in wanted.sort]
    falling = [_falls(name) for name in wanted.sort]
    ordered = defined(table.select(list(dict.fromkeys(keys)))[kept]).with_columns(kept.alias("\0place"))
    if most is not None:
        ordered = _nearest(ordered, keys[0], falling=falling[0], most=most)
    return ordered.sort(keys, descending=falling, nulls_last=True, maintain_order=True)["\0place"]


def _nearest(rows: pl.DataFrame, key: str, *, falling: bool, most: int) -> pl.DataFrame:
    """The rows that can be among the first ``most``: to sort them all takes thirty times as long.

    They are as many by their first column, and all that are equal to the last of those.
    """
    column = rows[key]
    if not column.dtype.is_numeric() or most >= column.len() - column.null_count():
        return rows
    edge = column.top_k(most).min() if falling else column.bottom_k(most).max()
    return rows.filter(column >= edge if falling else column <= edge)


def _falls(name: str) -> bool:
    """Whether the largest comes first."""
    key = name.removeprefix("-")
    return (key in METRICS and not lowest_is_best(key)) != name.startswith("-")


def satisfying(table: pl.DataFrame, where: str) -> pl.Series:
    """(rows,) whether each satisfies the condition. Raises UsageError."""
    used = _used(where, table)
    try:
        found = defined(table.select(used)).select(pl.sql_expr(where)).to_series()
    except pl.exceptions.PolarsError as error:
        raise UsageError(
            f"the condition {where!r} cannot be read: {str(error).splitlines()[0]}",
            path="where",
            hint=_SPELLING,
        ) from None
    if found.dtype != pl.Boolean or len(found) != table.height:
        raise UsageError(f"{where!r} is no condition", path="where", hint=_SPELLING)
    return found.fill_null(value=False)


def _used(where: str, table: pl.DataFrame) -> list[str]:
    """The columns in a condition. Raises UsageError.

    It may hold columns, numbers, texts, comparisons and words for them, and nothing else.
    """
    if len(where) > LONGEST_CONDITION:
        raise UsageError(
            f"the condition is longer than {LONGEST_CONDITION:,} characters", path="where", hint=_SPELLING
        )
    used: dict[str, None] = {}
    place, name = 0, ""
    while where[place:].strip():
        token = _TOKENS.match(where, place)
        if token is None or (name and token["sign"] == "("):
            shown = where[place : place + 20].strip()
            raise UsageError(
                f"the condition {where!r} cannot be read at {shown!r}", path="where", hint=_SPELLING
            )
        word = token["name"] or ""
        name = "" if word.casefold() in _WORDS else word
        if column := name or (token["quoted"] or "").strip('"'):
            used[known(column, table, "where")] = None
        place = token.end()
    return list(used)


def known(name: str, table: pl.DataFrame, path: str = "columns") -> str:
    """The column's name. Raises UsageError when there is none."""
    if name not in table.columns:
        dotted = path == "where" and any(each.startswith(f"{name}.") for each in table.columns)
        shown = _SPELLING if dotted else did_you_mean(name, table.columns) or _ALL
        hint = LATER if name in JUDGED else shown
        raise UsageError(f"unknown column {name!r}", path=path, hint=hint)
    return name


def label(done: int, total: int | None, *, complete: bool) -> str:
    """What a table says of itself: ``final`` or ``partial 3,120/8,000``; ``?`` until it is planned."""
    if complete:
        return "final"
    return f"partial {done:,}/" + ("?" if total is None else f"{total:,}")


def file_name(name: str, suffix: str, done: int, total: int | None, *, complete: bool) -> str:
    """A file name that is safe anywhere and says when its rows are not all of them."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "rows"
    said = "" if complete else f"-partial-{done}-of-{'unknown' if total is None else total}"
    return f"{plain}{said}.{suffix}"


def plain_rows(frame: pl.DataFrame) -> list[list[object]]:
    """Rows as lists of plain data; dates as YYYY-MM-DD."""
    dates = [name for name, kind in frame.schema.items() if kind == pl.Date]
    return [list(row) for row in frame.with_columns(pl.col(dates).dt.to_string("%Y-%m-%d")).iter_rows()]
