"""What is done with a chunk: plan a space, compute a range of its rows, make its files, or a whole job.

A `Workshop` belongs to one worker and has one chunk at a time. It keeps what it prepared for the last jobs.
Between blocks of rows, and while a long step goes on, it looks whether it shall go on. What kinds of jobs do
is in `treefolio.jobs.workshop`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from uuid import UUID

from treefolio.errors import DatabaseError
from treefolio.jobs import folders, panels, requests
from treefolio.jobs.conclusion import conclude_run
from treefolio.jobs.keyring import Keyring
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.errands import Errands, Order
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.panels import panel_of
from treefolio.jobs.requests import Backtest, OnPrices, Request, RunRequest
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.vault import Vault
from treefolio.jobs.workshop import data, prices
from treefolio.jobs.workshop.attending import GoOn, Halted, LeftBehind, attended
from treefolio.jobs.workshop.cutting import LARGEST, ranges, speed
from treefolio.jobs.workshop.spaces import Ending, Part, Ready, make_ready
from treefolio.market.panel import Panel
from treefolio.market.store import Told
from treefolio.market.supply import Supplied
from treefolio.sweep import files

__all__ = ["GoOn", "Halted", "LeftBehind", "Ready", "Workshop", "ranges"]

log = logging.getLogger(__name__)

KEPT_JOBS = 2
RETRY_SECONDS = 0.25
"""Between two tries to bring a result to a database that is away."""
SHORTEST_SECONDS = 60.0
"""Work on prices is not stopped before, however short chunks are: it would come no further."""
TOLD_SECONDS = 0.5
"""A job in one piece says no more often how far it is."""

Make = Callable[[Path, Event], None]
"""Makes the files of a job in a folder that is not there yet, until it is told to stop."""


class Workshop:
    """Does chunks, one at a time."""

    def __init__(
        self, bench: Bench, settings: JobSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.bench = bench
        self.clock = clock
        self.errands = Errands(bench.engine)
        self.vault = Vault(bench.engine, Keyring(settings))
        self.settings = settings
        self._ready: OrderedDict[UUID, Ready] = OrderedDict()

    def do(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Does the chunk and keeps what came of it. False: the attempt is not valid any more.

        Raises:
            Halted: ``go_on`` said no. TreefolioError: it cannot be done.
        """
        return {
            Work.PLAN: self.plan,
            Work.ROWS: self.rows,
            Work.FINISH: self.finish,
            Work.RUN: self.run,
        }[chunk.work](chunk, go_on)

    def plan(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Cuts a space into ranges that take about as long as the settings say."""
        began = time.perf_counter()
        ready = self.ready(chunk, go_on)
        wanted = int(self.settings.chunk_seconds * attended(lambda _: speed(ready), go_on))
        shared = -(-ready.size // (2 * max(1, self.bench.alive())))
        found = ranges(ready.size, min(wanted, shared, LARGEST))
        seconds = time.perf_counter() - began
        return keep(lambda: self.bench.finish_plan(chunk, ready.size, found, seconds), go_on)

    def rows(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Computes a range."""
        warm = chunk.job in self._ready
        ready = self.ready(chunk, go_on)
        began = time.perf_counter()
        content = self.range(ready, chunk, go_on)
        seconds = time.perf_counter() - began
        return keep(lambda: self.bench.finish_rows(chunk, content, seconds, warm=warm), go_on)

    def range(self, ready: Ready, chunk: Chunk, go_on: GoOn) -> bytes:
        """The bytes of a range."""
        return ready.range(chunk.first, chunk.last, go_on)

    def finish(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Makes the files of a job whose ranges are done."""
        ready = self.ready(chunk, go_on)
        began = time.perf_counter()
        failed = self.bench.given_up(chunk.job)
        with folders.passing(self.settings.home) as folder:
            ending = Ending(
                parts=self.parts(chunk.job),
                failed=failed,
                figures=self.bench.figures(chunk.job),
                folder=folder,
                home=self.settings.home,
            )
            made = attended(lambda _: ready.conclude(ending), go_on)
            return self.kept(chunk, made, began, missing_of(failed), go_on)

    def parts(self, job: UUID) -> Iterator[Part]:
        """The ranges of a job that are done, by row."""
        for number, first, last in self.bench.parts(job):
            yield Part(first, last, self.bench.part(job, number))

    def run(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Does a job in one piece, and makes its files."""
        order, request = self.order(chunk.job)
        if not go_on():
            raise Halted
        if isinstance(request, Backtest):
            make = self.backtest(*self.priced(chunk, order, request, go_on))
        else:
            make = self.errand(chunk, order, request)
        began = time.perf_counter()
        with folders.passing(self.settings.home) as folder:
            out = folder / "out"
            attended(lambda stop: make(out, stop), go_on)
            return self.kept(chunk, out, began, None, go_on)

    @staticmethod
    def backtest(request: Backtest, panel: Panel) -> Make:
        """Makes a backtest and its files."""
        assert isinstance(request, RunRequest)  # the others are cut into ranges
        return lambda out, _: conclude_run(requests.run(request, panel), request, out)

    def errand(self, chunk: Chunk, order: Order, request: OnPrices) -> Make:
        """Works on the prices of the service, and says how far that is."""
        settings = prices.settings_of(request.source, order.owner, chunk.job, self.vault, self.settings.home)

        def make(out: Path, stop: Event) -> None:
            with files.explained(out):
                out.mkdir()
            errand = data.Errand(
                settings=settings,
                files=self.settings.flat_files,
                tickers=lambda: self.errands.tickers(order.owner),
                asked_at=order.at,
                told=self.telling(chunk, stop),
                stop=stop,
            )
            data.done(request, errand, out)

        return make

    def telling(self, chunk: Chunk, stop: Event) -> Told:
        """Tells the ledger how far a job in one piece is; stops one whose attempt is not valid any more."""
        spoken, pace = -TOLD_SECONDS, self.pacing(stop)

        def tell(done: int, total: int) -> None:
            nonlocal spoken
            pace(done, total)
            if done < total and time.monotonic() - spoken < TOLD_SECONDS:
                return
            spoken = time.monotonic()
            with contextlib.suppress(DatabaseError):  # it is only news
                if not self.errands.tell_progress(chunk, done, total):
                    stop.set()

        return tell

    def pacing(self, stop: Event) -> Told:
        """Stops what fetches for long, before that is too long: the next attempt goes on where it ended."""
        began, most = self.clock(), max(SHORTEST_SECONDS, self.settings.chunk_timeout_s / 2)

        def tell(done: int, total: int) -> None:
            if done < total and self.clock() - began > most:
                stop.set()

        return tell

    def kept(self, chunk: Chunk, folder: Path, began: float, missing: str | None, go_on: GoOn) -> bool:
        """Keeps all files of a folder as the job's."""
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        seconds = time.perf_counter() - began
        return keep(
            lambda: self.bench.finish_files(chunk, folder, names, missing=missing, seconds=seconds), go_on
        )

    def ready(self, chunk: Chunk, go_on: GoOn) -> Ready:
        """What is needed to compute rows of a job; that of the last jobs is there still."""
        found = self._ready.pop(chunk.job, None)
        if found is None:
            order, request = self.order(chunk.job)
            assert isinstance(request, Backtest)
            priced, panel = self.priced(chunk, order, request, go_on)
            while len(self._ready) >= KEPT_JOBS:
                self._ready.popitem(last=False)
            found = attended(lambda _: make_ready(priced, panel), go_on)
        self._ready[chunk.job] = found
        if not go_on():
            raise Halted
        return found

    def order(self, job: UUID) -> tuple[Order, Request]:
        """What is to be done for a job."""
        found = self.errands.order(job)
        return found, requests.from_json(found.request)

    def priced(self, chunk: Chunk, order: Order, request: Backtest, go_on: GoOn) -> tuple[Backtest, Panel]:
        """The request on its prices, and these: if they are not there, they are fetched, once for the job."""
        name = order.snapshot or self.fetch(chunk, order, request, go_on)
        return requests.on(request, name), panel_of(name, self.bench, self.settings)

    def fetch(self, chunk: Chunk, order: Order, request: Backtest, go_on: GoOn) -> str:
        """Fetches the prices of a job and fixes it to them; returns their hash."""
        assert request.asked.fetch is not None  # there is no snapshot
        source = request.asked.fetch.source
        settings = prices.settings_of(source, order.owner, chunk.job, self.vault, self.settings.home)

        def get(stop: Event) -> tuple[Supplied, bytes]:
            found = prices.fetched(request, order, settings, self.pacing(stop), stop)
            return found, panels.kept(found.panel, self.settings)

        supplied, content = attended(get, go_on)
        name, counts, notes = supplied.panel.content_hash, supplied.counts, supplied.notes
        fixed = keep(
            lambda: self.errands.fix_prices(chunk, name, content, requests=counts["requests"], notes=notes),
            go_on,
        )
        if not fixed:
            raise Halted
        return name


def keep(action: Callable[[], bool], go_on: GoOn) -> bool:
    """Brings a result to the ledger, as soon as the database is there.

    Raises:
        DatabaseError: it is not there, and this worker shall not wait any longer.
    """
    told = False
    while True:
        try:
            return action()
        except DatabaseError as error:
            if not go_on():
                raise
            if not told:
                facts = {"action": "chunk.waits", "reason": error.message}
                log.warning("a result of this worker waits for the database", extra=facts)
            told = True
            time.sleep(RETRY_SECONDS)


def missing_of(failed: Sequence[Chunk]) -> str | None:
    """What a partial job lacks, in words."""
    if not failed:
        return None
    count = sum(each.last - each.first for each in failed)
    return f"{count:,} rows could not be computed: {failed[0].reason}"
