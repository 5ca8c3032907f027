"""Tables that fit the window: no number, date or word is broken, and what has no room is left out and said.

A heading may go over several lines at its spaces, dots and underscores, a cell at its spaces. Where that is
not enough, optional columns are left out, the last one first; a table without any is wider than the window.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_BETWEEN = 3
"""Characters from one column to the next."""
_AFTER = re.compile(r"(?<=[ ._])")
_WORDS = re.compile(r"\s+(?!%)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A heading and the cells below it. optional: it may be left out; left: it is flush left."""

    head: str
    cells: Sequence[str]
    optional: bool = False
    left: bool = False

    @property
    def least(self) -> int:
        """The width at which nothing is broken that must not be."""
        words = [*_AFTER.split(self.head), *(word for cell in self.cells for word in _WORDS.split(cell))]
        return max(cell_len(word.rstrip()) for word in words)

    @property
    def broad(self) -> int:
        """The width at which every cell is on one line."""
        return max(self.least, *map(cell_len, self.cells)) if self.cells else self.least

    @property
    def whole(self) -> int:
        """The width at which the heading is, too."""
        return max(self.broad, cell_len(self.head))


def print_table(console: Console, columns: Sequence[Column], all_in: str = "") -> None:
    """Prints the columns that there is room for, and which are left out. all_in: what has all of them."""
    kept, out = list(columns), list[str]()
    while _total([each.least for each in kept]) > console.width and any(each.optional for each in kept):
        last = max(k for k, each in enumerate(kept) if each.optional)
        out.insert(0, kept.pop(last).head)
    _print(console, kept)
    if out:
        needed = _total([each.least for each in columns])
        said = f"Left out for lack of room: {', '.join(out)}; a window {needed} wide shows them"
        console.print(Text(f"{said}, {all_in} has all columns." if all_in else f"{said}."))


def _print(console: Console, columns: Sequence[Column]) -> None:
    widths = _widths(columns, console.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, width in zip(columns, widths, strict=True):
        head = Text(_broken(column.head, width))
        table.add_column(head, justify="left" if column.left else "right", width=width)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(Text, cells))
    console.width = max(console.width, _total(widths))
    console.print(table)


def _widths(columns: Sequence[Column], room: int) -> list[int]:
    """As wide as need be; what room there is goes to cells first, then to headings."""
    widths = [each.least for each in columns]
    for wished in ([each.broad for each in columns], [each.whole for each in columns]):
        for k, wish in enumerate(wished):
            widths[k] += max(0, min(wish - widths[k], room - _total(widths)))
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _BETWEEN * len(widths)


def _broken(head: str, width: int) -> str:
    """The heading on as many lines as it needs."""
    lines = [""]
    for piece in _AFTER.split(head):
        if lines[-1] and cell_len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
