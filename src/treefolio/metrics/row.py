"""What one row of the table of metrics says. The rows are in ``rows_*.py``, the table in `table`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["fraction", "ratio", "sessions", "count", "probability"]
Better = Literal["high", "low"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number about a run.

    Attributes:
        key: the name in every file, column and reply.
        label: as shown to people.
        unit: fraction (0.1 is 10 %), ratio (no unit), sessions, count, probability (0–1).
        convention: exactly what is meant, in one line. r: the n daily returns; N = n + 1 sessions.
        oracle: the function of another library that gives the same number, or ``differs: `` and how the
            libraries' numbers differ, or ``definition: `` and where the definition is from.
        better: whether a higher or a lower value is better; None where neither is.
        composer: what Composer's backtest response calls it, where it has it.
    """

    key: str
    label: str
    unit: Unit
    convention: str
    oracle: str
    better: Better | None = None
    composer: str | None = None
