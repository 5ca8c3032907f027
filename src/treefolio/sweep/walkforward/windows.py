"""The best row of every window, from one pass over the space: the kernel of walk-forward.

A combination is executed and traded once. While its daily returns are in cache the wanted metric is measured
on each window's slice of them, by the kernel that measures runs (`metrics.measure`), so a window's number is
what a run over exactly those returns has. Of all that, the best row of each window is kept, and nothing else:
memory depends on the windows, not on the rows.

1. `make_windows` works out what `measure` needs of each window, in flat arrays.
2. `best_rows` goes through combinations. Where a screen (`screens`) tells that a row is worse than the
   best so far, it is not measured: twenty windows then cost little more than one.
3. `Scout` is one thread's work space; it returns `Best`, and `better` merges two of them. Of equal rows the
   first is the best, so neither threads nor ranges change anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.compiled import Prepared
from treefolio.engine.holdings import Holdings
from treefolio.engine.portfolios import Store
from treefolio.engine.program import Floats, Ints, Program, State
from treefolio.engine.simulate import Rules
from treefolio.engine.trading import DONE, Desk, Market
from treefolio.kernels import inner, kernel
from treefolio.metrics import GROUP_OF, METRICS, Frame, Marks, frame, measure
from treefolio.metrics.marks import Rival
from treefolio.sweep.block import FULL, Worker, lexicographic, trade_row
from treefolio.sweep.lengths import Dates
from treefolio.sweep.walkforward.folds import Range
from treefolio.sweep.walkforward.screens import (
    NONE,
    Prefixes,
    Wish,
    add_up,
    is_worse,
    make_prefixes,
    proxy_of,
)

Choices = NDArray[np.int64]
_Item = TypeVar("_Item", bound=np.generic)


class Windows(NamedTuple):
    """W windows, as kernels take them: window k has the entries ``at[k]`` to ``at[k + 1]`` of flat arrays.

    Attributes:
        ranges: (all ranges, 2) of places, by ``ranges_at``.
        months, quarter_ends, year_ends: of `Marks`, by ``months_at``; the first has one more per window.
        trailing, long, long_years: (W, …) of `Marks`. years: (W,). starts: (W, 2) of the month, of the year.
        rival: returns of the benchmark, by ``rival_at``. rival_sums: (W, 7) the other fields of `Rival`.
    """

    ranges: Ints
    ranges_at: Ints
    months: Ints
    quarter_ends: Ints
    year_ends: Ints
    months_at: Ints
    trailing: Ints
    long: Ints
    long_years: Floats
    years: Floats
    starts: Ints
    rival: Floats
    rival_at: Ints
    rival_sums: Floats
    order: bool
    calendar: bool


class Best(NamedTuple):
    """For each of W windows: the best value (±∞: none yet), its row (−1: none), and how many have no value.

    ``proxies`` are what the screen compares, of the best rows; NaN where it cannot tell.
    """

    values: Floats
    rows: Ints
    proxies: Floats
    undefined: Ints


class Buffers(NamedTuple):
    """One thread's room to measure in. ``unknown`` is the activity of a window: nothing is known of it."""

    sums: Prefixes
    joined: Floats
    scratch: Floats
    unknown: Floats
    out: Floats


def window_frame(
    sessions: Dates, benchmark: Floats | None, places: Sequence[Range], wanted: set[str] | None = None
) -> Frame:
    """The frame of the returns at some places: their sessions, after the one before the first of them.

    Args:
        sessions: (n + 1,) of the run. benchmark: (n + 1,) its value on them.
    """
    kept = np.concatenate([np.arange(each.first, each.last) for each in places])
    days = np.concatenate((sessions[kept[:1]], sessions[kept + 1]))
    return frame(days, None if benchmark is None else benchmark[kept + 1] / benchmark[kept] - 1.0, wanted)


def make_windows(prepared: Prepared, windows: Sequence[Sequence[Range]], key: str) -> Windows:
    """What `best_rows` takes of the windows, each some ranges of places, to measure one metric on them."""
    benchmark = prepared.benchmark if GROUP_OF[key] == "benchmark" else None
    marks = [window_frame(prepared.sessions, benchmark, places, {key}).marks for places in windows]
    rivals = [each.rival for each in marks]
    return Windows(
        ranges=np.array([tuple(each) for places in windows for each in places], np.int64),
        ranges_at=_ends(windows),
        months=_fixed(np.concatenate([each.months for each in marks])),
        quarter_ends=_fixed(np.concatenate([each.quarter_ends for each in marks])),
        year_ends=_fixed(np.concatenate([each.year_ends for each in marks])),
        months_at=_ends([each.quarter_ends for each in marks]),
        trailing=_fixed(np.array([each.trailing for each in marks])),
        long=_fixed(np.array([each.long for each in marks])),
        long_years=_fixed(np.array([each.long_years for each in marks])),
        years=np.array([each.years for each in marks]),
        starts=np.array([(each.month_start, each.year_start) for each in marks], np.int64),
        rival=_fixed(np.concatenate([each.returns for each in rivals])),
        rival_at=_ends([each.returns for each in rivals]),
        rival_sums=np.array([tuple(each)[1:] for each in rivals], np.float64),
        order=marks[0].order,
        calendar=marks[0].calendar,
    )


def _fixed(values: NDArray[_Item]) -> NDArray[_Item]:
    """``values``, made read-only, as a frame's arrays are: `measure` is compiled for those."""
    values.flags.writeable = False
    return values


def _ends(parts: Sequence[Sized]) -> Ints:
    """Where each part begins in all of them joined, and where the last one ends."""
    return np.concatenate(([0], np.cumsum([len(part) for part in parts]))).astype(np.int64)


@inner
def marks_of(windows: Windows, k: int) -> Marks:
    """The marks of one window."""
    first, last = windows.months_at[k], windows.months_at[k + 1]
    sums = windows.rival_sums[k]
    rival = Rival(
        windows.rival[windows.rival_at[k] : windows.rival_at[k + 1]],
        sums[0],
        sums[1],
        sums[2],
        int(sums[3]),
        sums[4],
        int(sums[5]),
        sums[6],
    )
    return Marks(
        windows.months[first + k : last + k + 1],
        windows.quarter_ends[first:last],
        windows.year_ends[first:last],
        windows.trailing[k],
        windows.long[k],
        windows.long_years[k],
        windows.years[k],
        windows.starts[k, 0],
        windows.starts[k, 1],
        rival,
        windows.order,
        windows.calendar,
    )


@inner
def window_value(returns: Floats, windows: Windows, k: int, place: int, buffers: Buffers) -> float:
    """The metric of one window, measured; NaN where it is undefined."""
    begin, end = windows.ranges_at[k], windows.ranges_at[k + 1]
    part = returns[windows.ranges[begin, 0] : windows.ranges[begin, 1]]
    if end > begin + 1:
        count = 0
        for j in range(begin, end):
            for i in range(windows.ranges[j, 0], windows.ranges[j, 1]):
                buffers.joined[count] = returns[i]
                count += 1
        part = buffers.joined[:count]
    measure(part, buffers.unknown, marks_of(windows, k), buffers.scratch, buffers.out)
    return float(buffers.out[place])


@inner
def compare(returns: Floats, row: int, windows: Windows, wish: Wish, best: Best, buffers: Buffers) -> None:
    """Takes one row into account."""
    proxy = math.nan
    if wish.screen != NONE:
        add_up(returns, wish.screen, buffers.sums)
    for k in range(best.rows.shape[0]):
        if wish.screen != NONE:
            ranges = windows.ranges[windows.ranges_at[k] : windows.ranges_at[k + 1]]
            proxy = proxy_of(ranges, wish, buffers.sums)
            if best.rows[k] >= 0 and is_worse(
                ranges, wish, best.values[k], best.proxies[k], proxy, buffers.sums
            ):
                continue
        value = window_value(returns, windows, k, wish.place, buffers)
        if value != value:
            best.undefined[k] += 1
            continue
        gain = wish.sign * (value - best.values[k])
        if best.rows[k] < 0 or gain > 0.0 or (gain == 0.0 and row < best.rows[k]):
            best.values[k] = value
            best.rows[k] = row
            best.proxies[k] = proxy


@kernel
def best_rows(
    program: Program,
    state: State,
    holdings: Holdings,
    store: Store,
    market: Market,
    rules: Rules,
    desk: Desk,
    windows: Windows,
    wish: Wish,
    best: Best,
    buffers: Buffers,
    nest: Ints,
    choices: Choices,
    encoded: Floats,
    order: Ints,
    first_row: int,
    root: int,
    corridor: int,
    bad: Ints,
) -> int:
    """Takes combinations into account; returns how many of ``order`` were done before the store was full.

    Args:
        first_row: the row's number of the first of ``choices``.
        best: what is known so far; it is written to.
        bad: (rows,) DONE, or why a row has no returns, as `trade_root` says.
    """
    for done in range(order.shape[0]):
        j = order[done]
        bad[j] = trade_row(
            program, state, holdings, store, market, rules, desk, nest, choices[j], encoded, root, corridor
        )
        if bad[j] == FULL:
            return done
        if bad[j] == DONE:
            compare(desk.returns, first_row + j, windows, wish, best, buffers)
    return order.shape[0]


def nothing_yet(count: int, wish: Wish) -> Best:
    """What is known before the first row, for so many windows."""
    return Best(
        values=np.full(count, -wish.sign * np.inf),
        rows=np.full(count, -1, np.int64),
        proxies=np.full(count, np.nan),
        undefined=np.zeros(count, np.int64),
    )


def better(one: Best, other: Best, wish: Wish) -> Best:
    """The better row of each window, the first of equals; counts of undefined rows are added."""
    ahead = wish.sign * other.values > wish.sign * one.values
    earlier = (other.values == one.values) & (other.rows < one.rows)
    found = (other.rows >= 0) & ((one.rows < 0) | ahead | earlier)
    return Best(
        values=np.where(found, other.values, one.values),
        rows=np.where(found, other.rows, one.rows),
        proxies=np.where(found, other.proxies, one.proxies),
        undefined=one.undefined + other.undefined,
    )


class Scout:
    """One thread's work space to look for the best row of each window."""

    def __init__(self, prepared: Prepared, windows: Windows, wish: Wish) -> None:
        self.windows = windows
        self.wish = wish
        self.worker = Worker(prepared, frame(prepared.sessions))
        count = len(prepared.sessions) - 1
        self.buffers = Buffers(
            sums=make_prefixes(count),
            joined=np.zeros(count),
            scratch=np.zeros(self.worker.frame.scratch_size),
            unknown=np.full(6, np.nan),
            out=np.empty(len(METRICS)),
        )

    def look(
        self, choices: Choices, first_row: int, known: Best, kept: NDArray[np.bool_]
    ) -> tuple[Best, Ints]:
        """The best rows among these, where they are no worse than what is known, and the rows' codes.

        Args:
            choices: (rows, axes) of consecutive rows, the first of which is row ``first_row``.
            known: the best so far, so that much can be passed over.
            kept: (rows,) those that count; the others keep the code DONE.

        Returns a `Best` whose undefined rows are those among these alone.
        """
        best = Best(
            known.values.copy(), known.rows.copy(), known.proxies.copy(), np.zeros_like(known.undefined)
        )
        bad = np.full(len(choices), DONE, np.int64)
        worker, prepared = self.worker, self.worker.prepared
        machine = worker.machine
        order = lexicographic(choices, prepared.tables.main.nest)
        order = order[kept[order]]
        positions = np.ascontiguousarray(choices)
        while len(order):
            done = best_rows(
                machine.program,
                machine.state,
                machine.holdings,
                machine.store,
                prepared.market,
                prepared.rules,
                machine.desk,
                self.windows,
                self.wish,
                best,
                self.buffers,
                prepared.tables.main.nest,
                positions,
                worker.encoded,
                order,
                first_row,
                prepared.plan.graph.root,
                worker.corridor,
                bad,
            )
            order = order[done:]
            if len(order):
                machine.make_room(progress=done > 0)
        return best, bad

    def returns(self, choice: Choices) -> Floats | None:
        """(n,) the daily returns of one combination ((1, axes)); None when it has none."""
        everything = np.ones(1, np.bool_)
        _, bad = self.look(choice, 0, nothing_yet(len(self.windows.years), self.wish), everything)
        return self.worker.machine.desk.returns.copy() if bad[0] == DONE else None
