"""HTML without accidents: everything that is not `Html` already is escaped when it becomes part of a page.

Names of strategies, tickers and variables come from strangers; a ``<script>`` in one of them is text.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

VOID = frozenset({"br", "meta", "wbr"})
"""Elements that have no content and no end tag."""

_CONTROL = {code: "\ufffd" for code in (*range(32), 127) if chr(code) not in "\t\n"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escape(text: str) -> Html:
    """``text`` as HTML, inert in content and in quoted attributes; what UTF-8 cannot hold is replaced."""
    if isinstance(text, Html):
        return text
    clean = text.translate(_CONTROL).encode("utf-8", "replace").decode()
    return Html(html.escape(clean, quote=True))


def el(name: str, /, *children: str | None, **attributes: str) -> Html:
    """One element. Children that are None are left out; a name ``class_`` stands for ``class``."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(v)}"' for key, v in attributes.items())
    if name in VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[str | None], between: str = "") -> Html:
    """The parts one after another, with ``between`` (escaped as well) in between."""
    return Html(escape(between).join(escape(part) for part in parts if part is not None))


def shortened(text: str, most: int) -> str:
    """``text``, cut to ``most`` characters with an ellipsis as the last one."""
    return text if len(text) <= most else text[: most - 1] + "…"


def row(*cells: str, head: str | None = None) -> Html:
    """A table row, with a heading cell in front when given; a cell that is `Html` is one already."""
    first = None if head is None else el("th", head, scope="row")
    return el("tr", first, *(cell if isinstance(cell, Html) else el("td", cell) for cell in cells))


def table(heads: Iterable[str], rows: Iterable[Html], *, kind: str = "") -> Html:
    """A table with a head; it scrolls sideways by itself where the window is too narrow for it."""
    head = el("thead", el("tr", *(el("th", text, scope="col") for text in heads)))
    return el("div", el("table", head, el("tbody", *rows), class_=kind), class_="scroll")


def section(anchor: str, title: str, *parts: str | None, note: str | None = None) -> Html:
    """A part of the page with its heading and, below it, a sentence on how to read it."""
    lead = None if note is None else el("p", note, class_="note")
    return el("section", el("h2", title), lead, *parts, id=anchor)


def legend(entries: Iterable[tuple[str, str]]) -> Html:
    """Colours, by their names in `treefolio.report.style`, and what they stand for."""
    keys = (
        el("li", el("i", style=f"background:var(--{colour})", aria_hidden="true"), text)
        for colour, text in entries
    )
    return el("ul", *keys, class_="legend")
