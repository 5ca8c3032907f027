"""CSV that spreadsheets open without harm: text that would be a formula gets an apostrophe before it.

Names of strategies, variables and tickers come from strangers, and ``=HYPERLINK(…)`` in a cell is a program.
Numbers stay numbers, −0.5 included.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from treefolio.sweep.files import write_text

FORMULAS = "^[=+\\-@\\t\\r]"
"""What a spreadsheet would take for a formula at the beginning of a cell."""
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


def safe(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its cells of text, and the names of its columns, made inert."""
    guarded = [_guarded(name) for name, kind in frame.schema.items() if kind in _TEXTS]
    names = {name: f"'{name}" for name in frame.columns if re.match(FORMULAS, name)}
    return frame.with_columns(guarded).rename(names)


def _guarded(name: str) -> pl.Expr:
    """The column of text with an apostrophe before what would be a formula."""
    text = pl.col(name).cast(pl.String)
    return pl.when(text.str.contains(FORMULAS)).then(pl.lit("'") + text).otherwise(text).alias(name)


def to_csv(frame: pl.DataFrame) -> str:
    """The frame as CSV that is safe to open; undefined numbers are empty cells."""
    return safe(frame).write_csv()


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    """Writes the frame as CSV that is safe to open.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, to_csv(frame))
