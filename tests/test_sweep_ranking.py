"""The best rows: their order, ties, conditions, and what is refused."""

from __future__ import annotations

import polars as pl
import pytest

from treefolio.errors import UsageError
from treefolio.sweep.ranking import top

ROWS = pl.LazyFrame(
    {
        "k": [0, 1, 2, 3, 4, 5, 6],
        "fund": ["A", "B", "A", "B", "A", "B", "A"],
        "c12.window": [10, 10, 20, 20, 10, 20, 10],
        "sharpe": [1.0, 2.0, None, 2.0, 0.5, 9.0, 1.0],
        "max_drawdown": [0.3, 0.1, 0.2, None, 0.1, 0.0, 0.4],
        "status": ["ok", "ok", "ok", "ok", "ok", "failed", "ok"],
    },
    schema_overrides={"sharpe": pl.Float64},
)


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("sharpe", [1, 3, 0, 6, 4, 2]),
        ("-sharpe", [4, 0, 6, 1, 3, 2]),
        ("max_drawdown", [1, 4, 2, 0, 6, 3]),  # its better end is the low one
        ("-max_drawdown", [6, 0, 2, 1, 4, 3]),
        ("c12.window", [2, 3, 0, 1, 4, 6]),
        ("-c12.window", [0, 1, 4, 6, 2, 3]),
    ],
)
def test_best_first_ties_in_row_order_undefined_last(by: str, order: list[int]) -> None:
    """Rows that failed are not ranked."""
    assert top(ROWS, by=by)["k"].to_list() == order
    assert top(ROWS, by=by, n=2)["k"].to_list() == order[:2]


def test_many_ties_stay_in_row_order() -> None:
    """Also where sorting happens on several threads."""
    size = 50_000
    rows = pl.LazyFrame({"k": range(size), "sharpe": [float(k % 3) for k in range(size)], "status": "ok"})
    assert top(rows, by="sharpe", n=1_000)["k"].to_list() == list(range(2, 3_000, 3))
    assert top(rows, by="-sharpe", n=1_000)["k"].to_list() == list(range(0, 3_000, 3))


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ("max_drawdown < 0.3", [1, 4, 2]),
        ("max_drawdown < 0.3 and fund = 'A'", [4, 2]),
        ('"c12.window" = 20', [3, 2]),
        ("fund in ('B')", [1, 3]),
        ("sharpe is null", [2]),
        ("sharpe > 100", []),
        ("k = 5", []),  # it failed
    ],
)
def test_conditions_choose_rows(where: str, order: list[int]) -> None:
    """Before the ranking; null satisfies no comparison."""
    assert top(ROWS, by="sharpe", where=where)["k"].to_list() == order


@pytest.mark.parametrize(
    "where",
    [
        "sharpe >",
        "sharpp > 1",
        "c12.window = 10",
        "sharpe",
        "sharpe + 1",
        "fund > 1",
        "'yes'",
        "drop table rows",
        "cast(fund as int) > 1",
        "nonsense(sharpe) > 1",
        "sharpe > (select max(sharpe) from self)",
    ],
)
def test_a_condition_that_cannot_be_read_is_refused(where: str) -> None:
    """With the condition, and how to write one."""
    with pytest.raises(UsageError) as caught:
        top(ROWS, by="sharpe", where=where)
    assert where in caught.value.message
    assert caught.value.hint is not None
    assert "\n" not in caught.value.message


def test_a_condition_on_an_unknown_column_offers_the_nearest() -> None:
    """Without a list of all the columns there are."""
    with pytest.raises(UsageError) as caught:
        top(ROWS, by="sharpe", where="max_drawdwn < 0.3")
    assert caught.value.message == "the condition 'max_drawdwn < 0.3' names an unknown column, 'max_drawdwn'"
    assert caught.value.hint == "Did you mean max_drawdown?"


@pytest.mark.parametrize(
    ("by", "message", "hint"),
    [
        ("sharp", "unknown column 'sharp'", "Did you mean sharpe?"),
        ("-sharpp", "unknown column 'sharpp'", "Did you mean sharpe?"),
        ("fund", "fund is no number", "--by sharpe"),
        ("", "unknown column ''", "--by sharpe"),
    ],
)
def test_a_column_that_cannot_rank_is_refused(by: str, message: str, hint: str) -> None:
    """By name, with one that can."""
    with pytest.raises(UsageError) as caught:
        top(ROWS, by=by)
    assert caught.value.message == message
    assert hint in str(caught.value.hint)
