"""What changed from one strategy to another: its tree, part by part, and its text, line by line.

Two trees are walked together from their roots down. Equal parts are known by a number that every distinct
part has, so whatever did not change costs nothing. Where two parts differ:

1. Two comparisons: both are shown.
2. Two of one kind: their own values are compared (`wording.head`), then their parts. Those of a list are
   matched first (`_aligned`): equal ones, then alike ones, then those of one kind; the rest came or went.
3. One is a part of the other: a rule was put around it, or taken away.
4. Anything else: both are shown.

The same change in several places is one change with a count. Nothing recurses on the trees.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from treefolio.formats.desk import Place
from treefolio.report.tree_diff import LARGEST, lines_of
from treefolio.service.strategies.models import Change
from treefolio.service.strategies.wording import cut, head, said, variable, weight
from treefolio.strategy import spelling
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Compare,
    Condition,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    NoneOf,
    Specified,
    Strategy,
    iterate,
    own_fields,
    parts,
)

MOST_CHANGES = 1_000
_CONTEXT = 3
_LISTS = (Equal, Specified, InverseVolatility, Filter, AllOf, AnyOf, NoneOf)
_MOST_MATCHED = 2_000
_MOST_EQUAL = 100_000
"""Parts of a list, and pairs of equal ones in two, that are looked at for the best match; longer lists are
matched in their order, because the time that it takes grows faster than they do."""

Part = tuple[str, Item | None]
"""The label of a part, and the part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change. what: ``changed``, ``added`` or ``removed``. place: of the first of them."""

    what: str
    kind: str
    place: Place
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two parts that stand in the same place."""

    old: Item
    new: Item
    at_old: Place
    at_new: Place


def changes(old: Strategy, new: Strategy) -> tuple[list[Change], bool]:
    """What turns the one strategy into the other, and whether that is all of it (see `MOST_CHANGES`)."""
    first: dict[tuple[str, str, str | None, str | None], Changed] = {}
    counts: dict[tuple[str, str, str | None, str | None], int] = {}
    whole = True
    for each in (*_header(old, new), *_Comparison(old.root, new.root).all()):
        key = (each.what, each.kind, each.before, each.after)
        if key in first or len(first) < MOST_CHANGES:
            first.setdefault(key, each)
            counts[key] = counts.get(key, 0) + 1
        else:
            whole = False
    return [_shown(each, counts[key]) for key, each in first.items()], whole


def text_difference(old: str, new: str) -> str | None:
    """The unified difference of two native texts; None for texts of more than `tree_diff.LARGEST` lines."""
    a, b = lines_of(old), lines_of(new)
    if max(len(a), len(b)) > LARGEST:
        return None
    return "\n".join(difflib.unified_diff(a, b, "older", "newer", n=_CONTEXT, lineterm=""))


def _shown(found: Changed, count: int) -> Change:
    return Change(
        what=found.what,  # type: ignore[arg-type]  # it is one of the three
        kind=found.kind,
        path=str(found.place),
        before=found.before,
        after=found.after,
        count=count,
    )


# What stands around the tree.


def _header(old: Strategy, new: Strategy) -> Iterator[Changed]:
    for kind, before, after in (
        ("name", old.name, new.name),
        ("description", old.description, new.description),
        ("rebalance", _rebalance(old), _rebalance(new)),
        ("empty", old.empty, new.empty),
    ):
        if before != after:
            yield _change(kind, Place(kind), cut(before), cut(after))
    yield from _named("variable", *({each.name: variable(each) for each in s.variables} for s in (old, new)))
    yield from _named(
        "constraint", *({t: t for t in map(spelling.constraint, s.constraints)} for s in (old, new))
    )


def _named(kind: str, old: dict[str, str], new: dict[str, str]) -> Iterator[Changed]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield _change(kind, Place(f"{kind}s").at(name), old.get(name), new.get(name))


def _rebalance(strategy: Strategy) -> str:
    corridor = strategy.rebalance.corridor
    return strategy.rebalance.rule + ("" if corridor is None else f"({spelling.share(corridor)})")


def _change(kind: str, place: Place, before: str | None, after: str | None) -> Changed:
    what = "added" if before is None else "removed" if after is None else "changed"
    return Changed(what=what, kind=kind, place=place, before=before, after=after)


# The tree.


class _Comparison:
    """Two trees and the numbers of their parts: equal parts, and only they, have the same one."""

    def __init__(self, old: Item, new: Item) -> None:
        self.numbers: dict[int, int] = {}
        known: dict[tuple[object, ...], int] = {}
        for item in (*reversed(list(iterate(old))), *reversed(list(iterate(new)))):
            if id(item) not in self.numbers:
                inner = tuple(self.number(part) for _, part in parts(item))
                key = (type(item), inner, own_fields(item))
                self.numbers[id(item)] = known.setdefault(key, len(known))
        root = Place("root")
        self.stack = [Pair(old=old, new=new, at_old=_at(root, old), at_new=_at(root, new))]

    def number(self, item: Item | None) -> int | None:
        """Of a part; None of a branch that there is not."""
        return None if item is None else self.numbers[id(item)]

    def all(self) -> Iterator[Changed]:
        """Every change, from the roots down."""
        while self.stack:
            pair = self.stack.pop()
            if self.number(pair.old) != self.number(pair.new):
                below: list[Pair] = []
                yield from self._differing(pair, below)
                self.stack.extend(reversed(below))

    def _differing(self, pair: Pair, below: list[Pair]) -> Iterator[Changed]:
        """The changes of two items themselves; the parts that are still to be compared go to ``below``."""
        old, new = pair.old, pair.new
        kind = "condition" if isinstance(new, Condition) else "branch"
        if type(old) is not type(new):
            if self._within(old, new):
                yield _change(kind, pair.at_new, None, f"{said(new)}, around {said(old)}")
            elif self._within(new, old):
                yield _change(kind, pair.at_old, f"{said(old)}, around {said(new)}", None)
            else:
                yield _change(kind, pair.at_new, said(old), said(new))
        elif isinstance(old, Compare):
            yield _change(kind, pair.at_new, said(old), said(new))
        else:
            (of, before), (_, after) = head(old), head(new)
            if before != after:
                yield _change(of, pair.at_new, before, after)
            yield from self._parts(pair, below)

    def _parts(self, pair: Pair, below: list[Pair]) -> Iterator[Changed]:
        old, new = parts(pair.old), parts(pair.new)
        matched = self._matched(old, new) if isinstance(pair.old, _LISTS) else _by_label(old, new)
        for i, j in matched:
            if i is None or j is None:
                alone = (pair.old, old, pair.at_old, i) if j is None else (pair.new, new, pair.at_new, j)
                yield _alone(*alone, came=i is None)  # type: ignore[arg-type]  # one of the two is a position
                continue
            before, after = weight(pair.old, i), weight(pair.new, j)
            if before != after:
                yield _change("weight", pair.at_new.at(new[j][0]), before, after)
            (was_at, was), (now_at, now) = old[i], new[j]
            if was is not None and now is not None:
                places = _at(pair.at_old.at(was_at), was), _at(pair.at_new.at(now_at), now)
                below.append(Pair(old=was, new=now, at_old=places[0], at_new=places[1]))
            elif was is not now:
                yield _change("branch", pair.at_new.at(now_at), said(was), said(now))

    def _matched(self, old: Sequence[Part], new: Sequence[Part]) -> Iterator[tuple[int | None, int | None]]:
        """Positions of the parts of two lists that belong together, and of those that stand alone."""

        def alike(item: Item) -> Hashable:
            if isinstance(item, Group):
                return Group, item.name
            return (If, self.number(item.condition)) if isinstance(item, If) else id(item)

        keys: tuple[Callable[[Item], Hashable], ...] = (self.number, alike, type)
        left, right = ([part for _, part in each if part is not None] for each in (old, new))
        return _aligned(left, right, (0, len(left)), (0, len(right)), keys)

    def _within(self, item: Item, other: Item) -> bool:
        """The item is a part of the other one."""
        wanted = self.number(item)
        return any(self.number(part) == wanted for part in iterate(other))


def _aligned(
    old: Sequence[Item],
    new: Sequence[Item],
    left: tuple[int, int],
    right: tuple[int, int],
    keys: Sequence[Callable[[Item], Hashable]],
) -> Iterator[tuple[int | None, int | None]]:
    """Positions that belong together: by the first key, and what that leaves between them by the next one."""
    if not keys or left[0] == left[1] or right[0] == right[1]:
        yield from ((i, None) for i in range(*left))
        yield from ((None, j) for j in range(*right))
        return
    a, b = [keys[0](each) for each in old[slice(*left)]], [keys[0](each) for each in new[slice(*right)]]
    for same, i, j, k, m in _blocks(a, b):
        ours, theirs = (left[0] + i, left[0] + j), (right[0] + k, right[0] + m)
        if same:
            yield from zip(range(*ours), range(*theirs), strict=True)
        else:
            yield from _aligned(old, new, ours, theirs, keys[1:])


def _blocks(a: Sequence[Hashable], b: Sequence[Hashable]) -> Iterator[tuple[bool, int, int, int, int]]:
    """Blocks of two lists that are the same, and those between them."""
    ends = min(len(a), len(b))
    begin = next((k for k in range(ends) if a[k] != b[k]), ends)
    tail = next((k for k in range(ends - begin) if a[-1 - k] != b[-1 - k]), ends - begin)
    i, k = len(a) - tail, len(b) - tail
    yield True, 0, begin, 0, begin
    middle, other = a[begin:i], b[begin:k]
    if _matchable(middle, other):
        matcher = difflib.SequenceMatcher(None, middle, other, autojunk=False)
        for tag, *span in matcher.get_opcodes():
            yield tag == "equal", *(begin + each for each in span)  # type: ignore[misc]  # there are four
    else:
        both = begin + min(len(middle), len(other))
        yield True, begin, both, begin, both
        yield False, both, i, both, k
    yield True, i, len(a), k, len(b)


def _matchable(a: Sequence[Hashable], b: Sequence[Hashable]) -> bool:
    there = Counter(b)
    return max(len(a), len(b)) <= _MOST_MATCHED and sum(there[each] for each in a) <= _MOST_EQUAL


def _by_label(old: Sequence[Part], new: Sequence[Part]) -> Iterator[tuple[int | None, int | None]]:
    there = {label: position for position, (label, _) in enumerate(old)}
    now = {label: position for position, (label, _) in enumerate(new)}
    for label in dict.fromkeys((*there, *now)):
        yield there.get(label), now.get(label)


def _alone(item: Item, among: Sequence[Part], place: Place, position: int, *, came: bool) -> Changed:
    """A part that only one of the two items has, with its weight."""
    label, part = among[position]
    kind = "condition" if isinstance(part, Condition) else "ticker" if isinstance(part, Asset) else "branch"
    share = weight(item, position)
    text = said(part) if share is None else f"{share}: {said(part)}"
    where = place.at(label) if part is None else _at(place.at(label), part)
    return _change(kind, where, None if came else text, text if came else None)


def _at(place: Place, item: Item) -> Place:
    """A group's name stands behind its label, as `tree.walk` words it."""
    return replace(place, label=f'{place.label} "{item.name}"') if isinstance(item, Group) else place
