"""What the charts' routes answer. Numbers are rounded to nine digits where there are thousands of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from treefolio.service.models import Answer

How = Literal["best", "mean", "median", "worst", "count"]
Value = int | float | str
_ROWS: dict[str, Any] = {
    "label": "partial 3,120/8,000",
    "complete": False,
    "rows_done": 3120,
    "rows_total": 8000,
    "matching": 3120,
}


class Chart(Answer):
    """What all of them say of the rows that they are made of."""

    label: str = Field(description="`final`, or `partial 3,120/8,000`: these are the rows so far.")
    complete: bool
    rows_done: int
    rows_total: int | None
    matching: int = Field(description="Rows that satisfy the condition.")


class Axis(Answer):
    """A variable's values: numbers ascending, words in the order of the rows."""

    variable: str
    values: list[Value]


class HeatMap(Chart):
    """Two variables, and a metric in each cell of their values."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_ROWS,
                "x": {"variable": "hot", "values": [60, 70]},
                "y": {"variable": "window", "values": [5, 10, 20]},
                "metric": "sharpe",
                "how": "best",
                "values": [[1.1, 1.31], [0.9, None], [1.2, 1.25]],
                "numbers": [[17, 42], [3, None], [88, 91]],
            }
        }
    )
    x: Axis
    y: Axis
    metric: str
    how: How
    values: list[list[float | None]] = Field(description="A line for each value of y; null: no row.")
    numbers: list[list[int | None]] = Field(
        description="The row with the best value in each cell: its number opens it as a run."
    )


class Marginal(Answer):
    """A variable's values, in the order of an axis, and for each what its rows come to."""

    variable: str
    values: list[Value]
    count: list[int] = Field(description="Rows in which the metric is defined.")
    mean: list[float | None]
    quartiles: list[list[float | None]] = Field(description="Of each value three: 25 %, 50 %, 75 %.")
    best: list[float | None]
    numbers: list[int | None] = Field(description="The row with the best.")


class Marginals(Chart):
    """What each variable does to a metric, all others together."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_ROWS,
                "metric": "sharpe",
                "variables": [
                    {
                        "variable": "hot",
                        "values": [60, 70],
                        "count": [1560, 1560],
                        "mean": [0.81, 0.93],
                        "quartiles": [[0.7, 0.8, 0.9], [0.8, 0.9, 1.1]],
                        "best": [1.2, 1.31],
                        "numbers": [17, 42],
                    }
                ],
            }
        }
    )
    metric: str
    variables: list[Marginal]


class Histogram(Chart):
    """How a metric is spread."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_ROWS,
                "metric": "sharpe",
                "edges": [0.0, 0.5, 1.0, 1.5],
                "counts": [40, 2900, 175],
                "undefined": 5,
                "below": 0,
                "above": 0,
            }
        }
    )
    metric: str
    edges: list[float] = Field(description="One more than counts; all finite. None without a value.")
    counts: list[int] = Field(description="A bin has its lower edge, and the last one its upper edge too.")
    undefined: int = Field(description="Matching rows in which the metric has no value.")
    below: int = Field(description="Values that are too far down to be drawn.")
    above: int = Field(description="Values that are too far up to be drawn.")


class Aim(Answer):
    """A metric, and its better end."""

    name: str
    better: Literal["high", "low"]


class Pareto(Chart):
    """The rows that no other row beats by being better in something, and worse in nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_ROWS,
                "metrics": [
                    {"name": "annualized_return", "better": "high"},
                    {"name": "max_drawdown", "better": "low"},
                ],
                "variables": ["hot"],
                "size": 2,
                "numbers": [42, 17],
                "points": [[0.41, 0.33], [0.29, 0.18]],
                "values": [[70], [60]],
            }
        }
    )
    metrics: list[Aim]
    variables: list[str]
    size: int = Field(description="Rows of the front; of a very large one the first are here.")
    numbers: list[int] = Field(description="Its rows, the best in the first metric first.")
    points: list[list[float]] = Field(description="Of each row, the metrics.")
    values: list[list[Value]] = Field(description="Of each row, the variables.")


class Spread(Answer):
    """A metric over the rows that are ok; `best` and `worst` where one end is better."""

    best: float | None
    worst: float | None
    min: float | None
    max: float | None
    mean: float | None
    quartiles: list[float | None]
    defined: int


class Summary(Chart):
    """How many rows are well, and how some metrics are spread."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_ROWS,
                "status": {"ok": 3115, "failed": 0, "skipped": 5},
                "metrics": {
                    "sharpe": {
                        "best": 1.31,
                        "worst": -0.2,
                        "min": -0.2,
                        "max": 1.31,
                        "mean": 0.8,
                        "quartiles": [0.6, 0.82, 0.97],
                        "defined": 3115,
                    }
                },
            }
        }
    )
    status: dict[str, int]
    metrics: dict[str, Spread]
