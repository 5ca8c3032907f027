"""The page of indicators, made from the table: `markdown` is what ``docs/indicators.md`` holds.

``python -m treefolio.indicators.docs > docs/indicators.md`` writes it anew; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from treefolio.indicators.rows import INDICATORS
from treefolio.indicators.table import Indicator
from treefolio.strategy.signature import Parameter

EXAMPLE_WINDOW = 20
"""Stands in for a window without a default where look-backs are shown."""

HEAD = """\
# Indicators

Made from the table in `treefolio.indicators`; do not edit it here.

An indicator at a session sees prices up to and including that session's close. Each unbroken stretch of
prices is computed from its own beginning: after a gap, averages with a memory are seeded anew.

*First value* is the number of sessions before the first value on a series that starts there. *Settles* is
the number of sessions after it until the seed weighs less than one millionth; a start with less history
behind it is warned about. Both are given for the parameters shown. *On a branch* says whether the indicator
can be taken of a branch's own value series, which starts at 1.0; one whose *unit* is a price then depends on
that start.

Moving averages by `matype`, as in TA-Lib: 0 SMA, 1 EMA, 2 WMA, 3 DEMA, 4 TEMA, 5 TRIMA, 6 KAMA, 7 MAMA, 8 T3.
On a branch there are 0 and 1.
"""


def markdown() -> str:
    """The whole page, ending in a newline."""
    rows = INDICATORS.values()
    overview = ["| indicator | meaning | unit | inputs | on a branch |", "|---|---|---|---|---|"]
    overview += [f"| {' | '.join(_cells(row))} |" for row in rows]
    return "\n".join([HEAD, *overview, "", *("\n".join(_section(row)) for row in rows)])


def _cells(row: Indicator) -> tuple[str, ...]:
    return f"[{row.name}](#{row.name})", row.label, row.unit, ", ".join(row.inputs), _on_branch(row)


def _section(row: Indicator) -> Iterator[str]:
    shown = [EXAMPLE_WINDOW if p.default is None else p.default for p in row.parameters]
    yield f"## {row.name}\n"
    yield f"{row.label}: `{_call(row)}`\n"
    yield f"* {row.formula}."
    yield f"* Unit: {row.unit}. Needs {', '.join(row.inputs)}. On a branch: {_on_branch(row)}."
    yield (
        f"* First value after {row.lookback_sessions(*shown)} sessions, "
        f"settles in {row.settle_sessions(*shown)}{_with(row, shown)}."
    )
    yield f"* Numbers: {row.source}."
    yield from _names(row)
    yield ""


def _with(row: Indicator, shown: list[int | float]) -> str:
    pairs = [f"{p.name} {value}" for p, value in zip(row.parameters, shown, strict=True)]
    return f" ({', '.join(pairs)})" if pairs else ""


def _names(row: Indicator) -> Iterator[str]:
    dialects = (("Composer", row.composer), ("QuantMage", row.quantmage), ("elements", row.elements))
    named = [f"{dialect} `{'`, `'.join(names)}`" for dialect, names in dialects if names]
    if named:
        yield f"* Called {'; '.join(named)}."
    if row.percent:
        yield "* Composer and QuantMage state it in percent; imports divide by 100."


def _call(row: Indicator) -> str:
    return f"{row.name}({', '.join(['TICKER', *map(_parameter, row.parameters)])})"


def _parameter(parameter: Parameter) -> str:
    return parameter.name if parameter.default is None else f"{parameter.name}={parameter.default}"


def _on_branch(row: Indicator) -> str:
    if row.branch_code is None:
        return "no"
    return "yes, matype 0 and 1" if any(p.name == "matype" for p in row.parameters) else "yes"


if __name__ == "__main__":
    sys.stdout.write(markdown())
