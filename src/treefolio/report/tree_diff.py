"""What changed from one tree to another: the lines of the native text that differ, the rest folded away.

Lines are matched by what they say, whatever their indentation, so a tree that was put into another one is not
all new. Where the indentation did change, the fold says so: nothing is hidden.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from treefolio.report.markup import Html, el, shortened
from treefolio.report.numerals import count
from treefolio.strategy.text import is_json

CONTEXT = 2
"""Unchanged lines that are shown on either side of a change."""
LONGEST = 140
NAMED = 2
"""Groups around a change that are named."""
LARGEST = 40_000
"""Lines of a text; larger ones are not compared line by line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line: ``-`` of the first text, ``+`` of the second, a blank of both, ``…`` for what is folded.

    Attributes:
        at: the position in the second text at which it stands, or would stand.
    """

    mark: str
    text: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDiff:
    """The difference of two texts.

    Attributes:
        added, removed, same: how many lines. lines: None for texts that are too large.
        new: the second text's lines.
    """

    added: int
    removed: int
    same: int
    lines: tuple[Line, ...] | None
    new: tuple[str, ...] = ()


def lines_of(text: str) -> list[str]:
    """A native text by lines; JSON, which stands on one, with a line for each value."""
    return (json.dumps(json.loads(text), indent=1) if is_json(text) else text).splitlines()


def tree_diff(a: str, b: str) -> TreeDiff:
    """What turns the native text ``a`` into ``b``."""
    old, new = lines_of(a), lines_of(b)
    if max(len(old), len(new)) > LARGEST:
        return TreeDiff(added=len(new), removed=len(old), same=0, lines=None)
    left, right = ([line.strip() for line in lines] for lines in (old, new))
    head = _same(left, right)
    tail = _same(left[head:][::-1], right[head:][::-1])
    ends = len(left) - tail, len(right) - tail
    matcher = difflib.SequenceMatcher(None, left[head : ends[0]], right[head : ends[1]])
    blocks = [("equal", 0, head, 0, head)] if head else []
    blocks += [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in matcher.get_opcodes()]
    blocks += [("equal", ends[0], len(left), ends[1], len(right))] if tail else []
    lines = [line for block in blocks for line in _block(block, old, new)]
    added, removed = (sum(line.mark == mark for line in lines) for mark in "+-")
    return TreeDiff(added=added, removed=removed, same=len(new) - added, lines=tuple(lines), new=tuple(new))


def _same(a: Sequence[str], b: Sequence[str]) -> int:
    """How many lines are equal from the beginning on."""
    for k, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return k
    return min(len(a), len(b))


def _block(block: tuple[str, int, int, int, int], old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    tag, i, j, k, m = block
    if tag == "equal":
        yield from _equal(old[i:j], new[k:m], k, last=m == len(new))
        return
    yield from (Line("-", line, k) for line in old[i:j])
    yield from (Line("+", line, k + n) for n, line in enumerate(new[k:m]))


def _equal(old: Sequence[str], new: Sequence[str], at: int, *, last: bool) -> Iterator[Line]:
    """Lines that say the same, from position ``at`` on, in runs of equal shift of their indentation."""
    shifts = [_indent(y) - _indent(x) for x, y in zip(old, new, strict=True)]
    begin = 0
    for k in range(1, len(new) + 1):
        if k == len(new) or shifts[k] != shifts[begin]:
            before = 0 if at + begin == 0 else CONTEXT
            after = 0 if last and k == len(new) else CONTEXT
            yield from _run(new[begin:k], at + begin, shifts[begin], before, after)
            begin = k


def _run(lines: Sequence[str], at: int, shift: int, before: int, after: int) -> Iterator[Line]:
    """A run's ends, which are context, and how many lines are folded between them."""
    moved = f", indented {abs(shift)} {'more' if shift > 0 else 'less'}" if shift else ""
    hidden = len(lines) - before - after
    if hidden <= 1 and not shift:
        yield from (Line(" ", line, at + n) for n, line in enumerate(lines))
        return
    if hidden < 1:
        before, after, hidden = 0, 0, len(lines)
    yield from (Line(" ", line, at + n) for n, line in enumerate(lines[:before]))
    yield Line("…", f"{count(hidden)} unchanged line{'s' if hidden != 1 else ''}{moved}", at + before)
    tail = len(lines) - after
    yield from (Line(" ", line, at + tail + n) for n, line in enumerate(lines[tail:]))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _hunks(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines in groups: each fold by itself, and what stands between two."""
    found: list[list[Line]] = []
    for line in lines:
        if line.mark == "…" or not found or found[-1][0].mark == "…":
            found.append([])
        found[-1].append(line)
    return found


def _hunk_html(hunk: Sequence[Line], new: Sequence[str]) -> Iterator[Html]:
    """A fold, or neighbouring lines, as far to the left as they can stand, under the groups around them."""
    if hunk[0].mark == "…":
        yield el("span", f"… {hunk[0].text}\n", class_="fold")
        return
    groups = inside(new, hunk[0].at)
    if groups:
        yield el("span", f"  in {' › '.join(groups)}\n", class_="fold")
    margin = min((_indent(line.text) for line in hunk if line.text.strip()), default=0)
    for line in hunk:
        yield el("span", f"{line.mark} {shortened(line.text[margin:], LONGEST)}\n", class_=_KINDS[line.mark])


def inside(lines: Sequence[str], at: int) -> list[str]:
    """The names of the `NAMED` innermost groups around the line at this position, the outer ones first."""
    names: list[str] = []
    edge = _indent(lines[at]) if at < len(lines) else 0
    for line in reversed(lines[:at]):
        if len(names) == NAMED or edge == 0:
            break
        depth, text = _indent(line), line.strip()
        if depth < edge or (depth == edge and text.startswith("group: ")):  # which stands beside its "of:"
            edge = depth
            found = _GROUP.match(text)
            if found:
                names.insert(0, shortened(found[1], 60))
    return names


_GROUP = re.compile(r"(?:- )*group: (.*)")
_KINDS = {"-": "del", "+": "add", " ": ""}


def diff_html(found: TreeDiff, most: int) -> Html:
    """The difference as text, at most so many lines of it; what is left out is said."""
    if found.lines is None:
        return el("p", f"A text has more than {count(LARGEST)} lines, too many to compare.", class_="note")
    if not found.added and not found.removed and not any("indented" in line.text for line in found.lines):
        return el("p", "The trees are the same.", class_="note")
    shown = [piece for hunk in _hunks(found.lines[:most]) for piece in _hunk_html(hunk, found.new)]
    left = len(found.lines) - most
    more = el("p", f"And {count(left)} more lines.", class_="note") if left > 0 else None
    return el("div", el("pre", *shown, class_="diff"), more)
