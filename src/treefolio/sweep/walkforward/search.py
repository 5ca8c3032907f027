"""The pass of walk-forward over the space: ranges of rows on threads, and the best row of each window.

Nothing is written on the way, and nothing is kept but the best rows: a search that is stopped leaves nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.trading import DONE
from treefolio.graph.start import starts
from treefolio.sweep.block import track_less
from treefolio.sweep.many import (
    FIRST_RANGE,
    LARGEST_RANGE,
    PART_SECONDS,
    TRIAL_ROWS,
    Planned,
    Progress,
    Stopped,
)
from treefolio.sweep.walkforward.folds import Range
from treefolio.sweep.walkforward.screens import Wish
from treefolio.sweep.walkforward.windows import Best, Choices, Scout, better, make_windows, nothing_yet


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was found among some rows: so many, of which some have no returns, and some were passed over."""

    best: Best
    rows: int
    failed: int
    skipped: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search found.

    Attributes:
        best: of each window.
        failed, skipped: rows that have no returns, and rows that would need a later start than is allowed.
    """

    best: Best
    failed: int
    skipped: int
    seconds: float


class Search:
    """The best row of each window: (windows,) tuples of ranges of places, by one metric."""

    def __init__(self, planned: Planned, windows: Sequence[Sequence[Range]], key: str, wish: Wish) -> None:
        track_less(planned.prepared, {key})
        self.planned = planned
        self.wish = wish
        self.windows = make_windows(planned.prepared, windows, key)
        self.best = self.nothing
        self.failed = self.skipped = self.done = 0
        self._local = threading.local()

    def scout(self) -> Scout:
        """This thread's work space."""
        found: Scout | None = getattr(self._local, "scout", None)
        if found is None:
            found = self._local.scout = Scout(self.planned.prepared, self.windows, self.wish)
        return found

    def estimate(self, threads: int) -> float:
        """Seconds that the whole will take, from some rows that are tried."""
        rows = self.planned.space.choices(0, min(TRIAL_ROWS, self.planned.space.size))
        kept = np.ones(len(rows), np.bool_)
        known, _ = self.scout().look(rows, 0, self.best, kept)
        began = time.perf_counter()
        self.scout().look(rows, 0, known, kept)
        return (time.perf_counter() - began) / len(rows) * self.planned.space.size / threads

    def run(
        self,
        threads: int = 1,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Found:
        """Goes through all rows.

        Raises:
            Stopped: ``stop`` was set.
        """
        stop = stop or threading.Event()
        total, begun, rate = self.planned.space.size, 0, 0.0
        began = time.perf_counter()
        pending: set[Future[Looked]] = set()
        if progress is not None:
            progress(Progress(done=0, total=total, rate=rate))
        with ThreadPoolExecutor(threads, thread_name_prefix="walk") as pool:
            while begun < total or pending:
                while begun < total and len(pending) < threads and not stop.is_set():
                    end = min(total, begun + _size(rate, threads, total - begun))
                    pending.add(pool.submit(self.look, begun, end, self.best))
                    begun = end
                finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in finished:
                    self._keep(future.result())
                    rate = self.done / (time.perf_counter() - began)
                    if progress is not None:
                        progress(Progress(done=self.done, total=total, rate=rate))
                if stop.is_set() and begun < total and not pending:
                    raise Stopped(
                        f"stopped after {self.done:,} of {total:,} combinations",
                        hint="A walk-forward keeps nothing until its end; run it again when you like.",
                    )
        seconds = time.perf_counter() - began
        return Found(best=self.best, failed=self.failed, skipped=self.skipped, seconds=seconds)

    def gathered(self, parts: Iterable[Looked], seconds: float) -> Found:
        """What was found among all rows: of ranges that were looked at anywhere, in whatever order.

        ``seconds``: they took so long.
        """
        best, failed, skipped = self.nothing, 0, 0
        for each in parts:
            best = better(best, each.best, self.wish)
            failed, skipped = failed + each.failed, skipped + each.skipped
        return Found(best=best, failed=failed, skipped=skipped, seconds=seconds)

    @property
    def nothing(self) -> Best:
        """What is known before the first row."""
        return nothing_yet(len(self.windows.years), self.wish)

    def look(self, first: int, last: int, known: Best) -> Looked:
        """What is found among rows [first, last), when so much is known of others."""
        choices = self.planned.space.choices(first, last)
        kept = self._kept(choices)
        best, codes = self.scout().look(choices, first, known, kept)
        return Looked(
            best=best, rows=last - first, failed=int((codes != DONE).sum()), skipped=int((~kept).sum())
        )

    def _kept(self, choices: Choices) -> NDArray[np.bool_]:
        """The combinations that need no later start than is allowed."""
        limit, prepared = self.planned.latest_start, self.planned.prepared
        if limit is None:
            return np.ones(len(choices), np.bool_)
        root = starts(prepared.plan.graph, prepared.panel, prepared.axes, choices).root
        return np.broadcast_to(np.asarray(root) <= limit, len(choices))

    def _keep(self, looked: Looked) -> None:
        self.best = better(self.best, looked.best, self.wish)
        self.done += looked.rows
        self.failed += looked.failed
        self.skipped += looked.skipped


def _size(rate: float, threads: int, left: int) -> int:
    """Rows of the next range: about as long as a part of a sweep."""
    wanted = int(rate / threads * PART_SECONDS) if rate else FIRST_RANGE
    return min(max(wanted, FIRST_RANGE), LARGEST_RANGE, max(1, -(-left // threads)))
