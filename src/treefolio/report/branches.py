"""Which branches of the tree decided the holdings, on how many sessions, and which never did."""

from __future__ import annotations

from collections.abc import Sequence

from treefolio.report.markup import Html, el, row, section, shortened, table
from treefolio.report.numerals import count, share
from treefolio.report.page import cards
from treefolio.report.usage import Branch, Usage

SHOWN = 200
"""Lines of the tree: its upper levels, which always hang together."""
LISTED = 40
"""Dead branches in their table."""
OPEN = 30
"""A tree of more lines is folded."""
LONGEST = 110
_DEEPEST = 12
"""Levels that are indented."""


def branches_section(usage: Usage) -> Html:
    """How much of the tree was used, the tree with its use, and the largest dead branches."""
    if len(usage.branches) == 1:
        only = el("p", "The tree has no branches: it always decides the same.", class_="note")
        return section("branches", "Branches", only)
    dead = usage.dead
    return section(
        "branches",
        "Branches",
        cards(_totals(usage, dead)),
        _tree(usage),
        _dead(usage, dead),
        note="On how many sessions each branch of the tree got a share of the portfolio. Everything else "
        "may as well not be there: over these sessions it changed nothing.",
    )


def _totals(usage: Usage, dead: Sequence[Branch]) -> list[tuple[str, str, str, str]]:
    idle = sum(each.nodes for each in dead)
    used = len(usage.branches) - len(dead)
    return [
        ("Branches used", "got a share on at least one session", count(used), f"{count(len(dead))} never"),
        ("Nodes", "of the tree, conditions not counted", count(usage.nodes), "in the tree"),
        (
            "In dead branches",
            "nodes that no session reached",
            count(idle),
            f"{share(idle / usage.nodes)} of the nodes",
        ),
        ("Decisions", "sessions on which the tree was looked at", count(usage.sessions), "sessions"),
    ]


def shown(branches: Sequence[Branch], most: int = SHOWN) -> list[int]:
    """The positions of at most so many branches, parents before children.

    Upper levels come first, and within a level what was used most: so whatever is shown has its parent shown.
    """
    order = sorted(range(len(branches)), key=lambda k: (branches[k].level, -branches[k].sessions, k))
    return sorted(order[:most])


def _tree(usage: Usage) -> Html:
    places = shown(usage.branches)
    lines = [_line(usage.branches[k], usage.sessions) for k in places]
    left = len(usage.branches) - len(places)
    rest = [usage.branches[k] for k in set(range(len(usage.branches))) - set(places)]
    most = max((each.sessions for each in rest), default=0)
    more = (
        el(
            "p",
            f"And {count(left)} more branches below these, none used on more than {count(most)} sessions.",
            class_="note",
        )
        if left
        else None
    )
    title = f"The tree: {count(len(places))} of {count(len(usage.branches))} branches, its upper levels"
    head = el("summary", title if left else f"The tree: {count(len(places))} branches")
    body = table(("Branch", "Sessions", "Share", ""), lines, kind="tree grow")
    opened = {"open": "open"} if len(places) <= OPEN else {}
    return el("details", head, body, more, **opened)


def _line(each: Branch, sessions: int) -> Html:
    part = each.sessions / sessions
    bar = el("td", el("span", class_="bar", style=f"width:{100 * part:.1f}%") if each.sessions else "")
    inside = f" ({count(each.nodes)} nodes)" if each.nodes > 1 else ""
    label, text = _said(each)
    cell = el(
        "th",
        el("b", label) if label else None,
        " " if label and text else None,
        text,
        el("span", f"{inside} never", class_="never") if each.nodes else None,
        scope="row",
        style=f"padding-left:{min(each.level, _DEEPEST) * 14}px",
    )
    return el("tr", cell, el("td", count(each.sessions)), el("td", share(part)), bar)


def _said(each: Branch) -> tuple[str, str]:
    """Label and text, shortened together."""
    label = shortened(each.label, LONGEST)
    return label, shortened(each.text, max(24, LONGEST - len(label)))


def _dead(usage: Usage, dead: Sequence[Branch]) -> Html:
    if not dead:
        return el("p", "No branch is dead: each decided something on some session.", class_="note")
    rows = [
        row(count(each.nodes), _place(usage.branches, each), head=" ".join(filter(None, _said(each))))
        for each in dead[:LISTED]
    ]
    more = dead[LISTED:]
    if more:
        rows.append(row(count(sum(each.nodes for each in more)), "", head=f"{count(len(more))} more"))
    title = el("summary", f"{count(len(dead))} dead branches, the largest first")
    listed = table(("Branch", "Nodes", "Inside"), rows, kind="tree where")
    opened = {"open": "open"} if len(dead) <= OPEN else {}
    return el("details", title, listed, **opened)


def _place(branches: Sequence[Branch], each: Branch) -> str:
    """The nearest branch above it, in words."""
    if each.parent < 0:
        return ""
    above = branches[each.parent]
    return shortened(" ".join(filter(None, (above.label, above.text))) or "the root", LONGEST)
