"""Pages of rows: conditions, order, labels, file names."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import UsageError
from treefolio.service.table import (
    LONGEST_CONDITION,
    Found,
    Wanted,
    file_name,
    find,
    known,
    label,
    plain_rows,
    selected,
)

TABLE = pl.DataFrame(
    {
        "hot": [60, 70, 80, 90],
        "c1.window": [5, 5, 10, 10],
        "start": [date(2020, 1, 2)] * 4,
        "sharpe": [0.5, None, 1.5, 0.5],
        "max_drawdown": [0.1, None, 0.4, 0.2],
        "status": ["ok", "failed", "ok", "ok"],
        "reason": [None, "no 'price'", None, None],
    }
)
NUMBERS = pl.Series([10, 11, 22, 23])


def page(*, offset: int = 0, limit: int = 10, **wanted: object) -> Found:
    return find(TABLE, NUMBERS, Wanted(**wanted), offset=offset, limit=limit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sort", "numbers"),
    [
        ((), (10, 11, 22, 23)),
        (("sharpe",), (22, 10, 23, 11)),
        (("-sharpe",), (10, 23, 22, 11)),
        (("max_drawdown",), (10, 23, 22, 11)),
        (("sharpe", "-hot"), (22, 23, 10, 11)),
        (("hot",), (10, 11, 22, 23)),
        (("-c1.window", "max_drawdown"), (23, 22, 10, 11)),
    ],
)
def test_order(sort: tuple[str, ...], numbers: tuple[int, ...]) -> None:
    """A metric's better end first, a minus turns it, ties in row order, rows without a value last."""
    assert page(sort=sort).numbers == numbers


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ("sharpe > 0.4", (10, 22, 23)),
        ("max_drawdown < 0.3 and hot >= 70", (23,)),
        ('"c1.window" = 5', (10, 11)),
        ("status = 'failed' or hot in (80, 90)", (11, 22, 23)),
        ("not (hot between 60 and 80)", (23,)),
        ("sharpe is null", (11,)),
        ("reason = 'no ''price'''", (11,)),
        ("hot * 2 - 1 > 150.5", (22, 23)),
    ],
)
def test_conditions(where: str, numbers: tuple[int, ...]) -> None:
    """Comparisons of columns, numbers and texts."""
    assert page(where=where).numbers == numbers


@pytest.mark.parametrize(
    "where",
    [
        "shrape > 1",
        '"c9.window" = 10',
        "sharpe >",
        "sharpe",
        "1 = 1",
        "abs(sharpe) > 1",
        "abs (sharpe) > 1",
        '"abs"(sharpe) > 1',
        "hot > (select 1)",
        "sharpe > 1; drop table jobs",
        "status = 'unclosed",
        "hot > 1 -- comment",
        "hot::text = '60'",
        "cast(hot as text) = '60'",
        "status ~ '(a+)+$'",
        "hot > 9999999999999999999999999999999999999999",
        "(" * 5_000 + "hot > 1" + ")" * 5_000,
        "hot > 1 " + "or hot > 1 " * (LONGEST_CONDITION // 10),
        "\0",
        "hot > '",
    ],
)
def test_what_is_no_condition(where: str) -> None:
    """Functions, queries and what cannot be read are refused, with the place."""
    with pytest.raises(UsageError) as caught:
        page(where=where)
    assert caught.value.path in {"where", "columns"}
    assert caught.value.hint


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_refused(where: str) -> None:
    """Nothing else happens."""
    try:
        found = page(where=where)
    except UsageError:
        return
    assert 0 <= found.matching <= TABLE.height


def test_pages_make_up_the_table() -> None:
    """Each row stands on one of them."""
    pages = [page(sort=("sharpe",), offset=offset, limit=3) for offset in (0, 3, 6)]
    assert [each.matching for each in pages] == [4, 4, 4]
    assert sum((each.numbers for each in pages), ()) == page(sort=("sharpe",)).numbers
    assert pl.concat([each.rows for each in pages]).equals(page(sort=("sharpe",)).rows)


@given(
    st.lists(st.tuples(st.none() | st.integers(-2, 2), st.none() | st.integers(-2, 2)), min_size=1),
    st.sampled_from([("sharpe",), ("-sharpe",), ("sharpe", "max_drawdown"), ("-sharpe", "-max_drawdown")]),
    st.integers(0, 20),
    st.integers(1, 20),
)
def test_a_page_of_many(
    rows: list[tuple[int | None, int | None]], sort: tuple[str, ...], offset: int, limit: int
) -> None:
    """Wherever it is cut, it is what a plain sort of all rows gives: ties in row order, nothing last."""
    kinds = {"sharpe": pl.Float64, "max_drawdown": pl.Float64}
    table = pl.DataFrame(rows, schema=kinds, orient="row")
    numbers = pl.int_range(len(rows), eager=True)

    def key(number: int) -> list[tuple[bool, float]]:
        values = dict(zip(kinds, rows[number], strict=True))
        signs = {"sharpe": -1, "-sharpe": 1, "max_drawdown": 1, "-max_drawdown": -1}
        found = [(values[name.removeprefix("-")], signs[name]) for name in sort]
        return [(value is None, sign * (value or 0)) for value, sign in found]

    found = find(table, numbers, Wanted(sort=sort), offset=offset, limit=limit)
    assert list(found.numbers) == sorted(range(len(rows)), key=key)[offset : offset + limit]
    assert found.matching == len(rows)


def test_columns() -> None:
    """Those that are asked for, in that order; an unknown one is refused."""
    assert page(columns=("sharpe", "hot")).rows.columns == ["sharpe", "hot"]
    assert selected(TABLE, Wanted(columns=("hot",), where="sharpe > 1")).to_dict(as_series=False) == {
        "hot": [80]
    }
    for wanted in ({"columns": ("hott",)}, {"sort": ("hott",)}):
        with pytest.raises(UsageError) as caught:
            page(**wanted)
        assert (caught.value.path, caught.value.hint) == (next(iter(wanted)), "Did you mean hot?")


def test_a_dot_without_quotes() -> None:
    """A condition on a handle that is not quoted says how it is written."""
    with pytest.raises(UsageError) as caught:
        known("c1", pl.DataFrame({"c1.window": [7]}), "where")
    assert "need quotes" in str(caught.value.hint)


def test_a_table_without_rows_yet() -> None:
    """Has no columns, and nothing to refuse."""
    empty = find(pl.DataFrame(), pl.Series(dtype=pl.Int64), Wanted(sort=("sharpe",)), offset=0, limit=5)
    assert (empty.matching, empty.numbers, empty.rows.width) == (0, (), 0)
    assert selected(pl.DataFrame(), Wanted(where="sharpe > 1")).is_empty()


def test_plain_rows() -> None:
    """Dates are YYYY-MM-DD, what is undefined is null."""
    assert plain_rows(page(where="hot = 70").rows) == [
        [70, 5, "2020-01-02", None, None, "failed", "no 'price'"]
    ]


def test_labels() -> None:
    """A table says when its rows are not all of them, and so does a file's name, which is safe anywhere."""
    assert label(3120, 8000, complete=False) == "partial 3,120/8,000"
    assert label(0, None, complete=False) == "partial 0/?"
    assert label(8000, 8000, complete=True) == "final"
    assert file_name("Hot or not", "csv", 5, 5, complete=True) == "Hot-or-not.csv"
    assert file_name("../../etc/pässwd\r\n", "csv", 1, 5, complete=False) == "etc-p-sswd-partial-1-of-5.csv"
    assert file_name("=1+1", "parquet", 0, None, complete=False) == "1-1-partial-0-of-unknown.parquet"
    assert file_name("株", "csv", 5, 5, complete=True) == "rows.csv"
