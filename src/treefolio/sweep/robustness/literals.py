"""Which number of the tree is a cliff? Every one is moved, alone, by some steps, and the run repeated.

1. `ladder` says what is moved, and where to. Neighbours in the tree share a space, of which only the rows are
   wanted in which one number has left its place: one plan for all, and a row costs what its number reaches.
2. A row is the run of its combination, bit for bit. Row 0 is the strategy as it is.
3. `fragility` ranks them.

All rows share one window. A longer look-back may need a later start than the run had: then the window begins
later, row 0 with it, and that is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.compiled import Prepared, fault
from treefolio.engine.prepare import prepare
from treefolio.engine.question import Question
from treefolio.engine.trading import DONE
from treefolio.graph.build import build
from treefolio.graph.start import structural
from treefolio.indicators import SIGNATURES
from treefolio.metrics import POSITIONS
from treefolio.strategy.tree import Number, Strategy
from treefolio.strategy.validate import validate
from treefolio.strategy.variables import bind
from treefolio.sweep.block import Worker, frame_of
from treefolio.sweep.robustness.fragility import Literals, Moved, Numbers, judged
from treefolio.sweep.robustness.ladder import Ladder, ladders_of
from treefolio.sweep.robustness.spread import NUMBERS
from treefolio.sweep.space import Choices, Space, Value

GROUP = 48
"""Numbers that share a plan: fewer are planned more often, more reach more of the tree in each row."""
VIOLATES = "a constraint of the strategy forbids it"


def perturb(
    strategy: Strategy, question: Question, chosen: Mapping[str, Value], *, steps: int, threads: int = 2
) -> Literals:
    """Moves every number by up to ``steps`` steps to each side, one at a time.

    Args:
        chosen: the values of all variables of the strategy.
        threads: nothing depends on them but the time.

    Raises:
        StrategyError, MissingPrices, WindowError: as a run of it would.
    """
    ladders = ladders_of(strategy, chosen, steps)
    validate(ladders.opened, SIGNATURES)
    groups = _groups(ladders.ladders)
    start, base, rows = "", None, dict[str, list[Moved]]()
    waiting = list(groups)
    while waiting:
        group = waiting[0]
        space = _space(group, ladders.opened, strategy, chosen)
        prepared = _prepared(ladders.opened, space, question)
        first = str(prepared.sessions[0])
        if rows and first != start:
            rows, waiting = {}, list(groups)
        else:
            base, *moved = _rows(group, space, prepared, threads)
            rows |= moved_by(group, moved)
            waiting.pop(0)
        start, question = first, replace(question, start=prepared.sessions[0].item())
    assert base is not None
    ordered = [base, *(point for each in ladders.ladders for point in rows.get(each.id, []))]
    return judged(ladders.ladders, ordered, left_out=ladders.left_out, start=start, steps=steps)


def _groups(ladders: Sequence[Ladder]) -> list[tuple[Ladder, ...]]:
    """At most `GROUP` neighbours of the tree together; the group with the longest window first.

    What a group's numbers do not reach is computed once for all of its rows. The longest window sets the
    common start, which then need not be moved by a later group. Without numbers there is one empty group.
    """
    found = [tuple(ladders[k : k + GROUP]) for k in range(0, len(ladders), GROUP)] or [()]
    return sorted(found, key=lambda group: -max((float(v) for e in group for v in _windows(e)), default=0.0))


def _windows(ladder: Ladder) -> list[Number]:
    return [value for value in ladder.moves.values() if isinstance(value, int)]


def moved_by(group: Sequence[Ladder], rows: Sequence[Moved]) -> dict[str, list[Moved]]:
    """The rows of each ladder, from those of all, one after another."""
    rest = iter(rows)
    return {each.id: [next(rest) for _ in each.moves] for each in group}


def _rows(group: Sequence[Ladder], space: Space, prepared: Prepared, threads: int) -> list[Moved]:
    """The strategy as it is, then each ladder's moves in their order."""
    choices = space.choices(0, space.size)
    kept = space.satisfied(choices)
    kept[0] = True  # as it is, it runs, whatever is forbidden
    numbers, codes = _measured(prepared, choices[kept], threads)
    places = np.cumsum(kept) - 1
    listing = [(0, 0), *((steps, value) for each in group for steps, value in each.moves.items())]
    found: list[Moved] = []
    for row, (steps, value) in enumerate(listing):
        at = int(places[row])
        if not kept[row]:
            found.append(Moved(steps=steps, value=value, metrics=None, reason=VIOLATES))
        elif codes[at] != DONE:
            why = fault(prepared, int(codes[at]), {**space.fixed, **space.assignment(row)}).message
            found.append(Moved(steps=steps, value=value, metrics=None, reason=why, same=row == 0))
        else:
            same = bool(np.array_equal(numbers[at], numbers[0], equal_nan=True))
            found.append(Moved(steps=steps, value=value, metrics=_named(numbers[at]), same=same))
    return found


def _space(
    group: Sequence[Ladder], opened: Strategy, strategy: Strategy, chosen: Mapping[str, Value]
) -> Space:
    """An axis for each number, its own value first; the rows in which at most one is not at its own."""
    axes: dict[str, tuple[Value, ...]] = {each.id: (each.value, *each.moves.values()) for each in group}
    sizes = [len(each.moves) for each in group]
    listed = np.zeros((1 + sum(sizes), len(axes)), np.int64)
    row = 1
    for v, size in enumerate(sizes):
        listed[row : row + size, v] = np.arange(1, size + 1)
        row += size
    fixed = {variable.name: variable.default for variable in opened.variables}
    fixed = {name: value for name, value in {**fixed, **chosen}.items() if name not in axes}
    return Space(axes=axes, fixed=fixed, constraints=strategy.constraints, listed=listed)


def _prepared(opened: Strategy, space: Space, question: Question) -> Prepared:
    partly = bind(opened, space.fixed, SIGNATURES, keep=space.axes)
    return prepare(partly, question, space.axes, space.corners(structural(build(partly).graph)))


def _measured(
    prepared: Prepared, choices: Choices, threads: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """As `Worker.measure`, by several threads.

    Where trading is free, holdings change no number of a row, and are looked at only to say why one failed.
    """
    tracked = prepared.market
    prepared.market = tracked._replace(tracked=not tracked.free)
    frame = frame_of(prepared, NUMBERS)
    parts = np.array_split(choices, max(1, min(threads, len(choices))))
    with ThreadPoolExecutor(len(parts), thread_name_prefix="literals") as pool:
        found = list(pool.map(lambda part: Worker(prepared, frame).measure(part), parts))
    numbers, codes = (np.concatenate(each) for each in zip(*found, strict=True))
    prepared.market = tracked
    failed = np.flatnonzero(codes != DONE)
    if tracked.free and len(failed):
        codes[failed] = Worker(prepared, frame).measure(choices[failed])[1]
    return numbers, codes


def _named(numbers: NDArray[np.float64]) -> Numbers:
    found = {key: float(numbers[POSITIONS[key]]) for key in NUMBERS}
    return {key: None if math.isnan(value) else value for key, value in found.items()}
