"""Tables whose rows say what they mean, below their names, where a phone has room for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from treefolio.report.markup import Html, el, table

Row = tuple[str, str, Sequence[str]]
"""A name, what it means, and its cells."""


def explained(heads: Sequence[str], rows: Iterable[Row]) -> Html:
    """A table with a heading for each cell; that of the names is empty."""
    return table(("", *heads), (_row(*each) for each in rows), kind="pairs")


def _row(name: str, meaning: str, cells: Sequence[str]) -> Html:
    below = (el("br"), el("span", meaning, class_="soft", style="font-size:13px")) if meaning else ()
    return el("tr", el("th", name, *below, scope="row"), *(el("td", cell) for cell in cells))
