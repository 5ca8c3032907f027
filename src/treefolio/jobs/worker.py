"""A worker: a process that takes one chunk at a time, until it is told to stop.

1. The main thread runs Procrastinate's worker, which calls `Worker.take` on another thread for each chunk.
2. `Worker.take` claims the chunk, has the `Workshop` do it, and says when it failed.
3. A third thread beats: it tells the ledger that the worker is there. More often than that it asks whether
   the worker's chunk is still wanted.
4. A fourth one keeps house: it looks for chunks whose worker is gone, and submits what is due on the agenda.
   That may wait for what another process has locked; no beat does.

A chunk that is not wanted any more, or takes too long, stops at the next block of rows. One that does not
even stop costs the process: its chunk is given back, and the process begins anew under the same number. So
does a chunk that stops and leaves a step behind that cannot be stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from uuid import UUID

import procrastinate
import psycopg

from treefolio.errors import DatabaseError, NoRoom, OutputError, SourceAway, TreefolioError
from treefolio.jobs.admission import admitted
from treefolio.jobs.chunks import Halted, LeftBehind, Workshop
from treefolio.jobs.folders import sweep_up
from treefolio.jobs.ledger.agenda import Agenda
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.database import engine_of, name_of
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.ledger.tickets import QUEUE
from treefolio.jobs.queue import app_of
from treefolio.jobs.settings import JobSettings

log = logging.getLogger(__name__)

GRACE_SECONDS = 3.0
"""What a chunk under way may still take when the worker is told to end; then it is handed back."""
DEAF_SECONDS = 5.0
"""A chunk that does not stop within as long costs the process."""
LAST_SECONDS = 10.0
"""A worker that is told to end has ended after as long, whatever it waits for."""
ASK_SECONDS = 0.5
"""A worker that has a chunk asks so often whether it is still wanted."""
_ENDING = (signal.SIGTERM, signal.SIGINT)
_AGAIN_SECONDS = 0.5
_MOMENT_SECONDS = 0.02
_FAILED = "chunk failed, %s %s of job %s"
_AGAIN = (OutputError, DatabaseError, SourceAway)
"""Errors that may be gone at the next attempt …"""
_PASSING = (NoRoom, DatabaseError)
"""… and those that are gone some time."""


@dataclass(slots=True)
class Hand:
    """The chunk that a worker has, and why it shall not go on with it."""

    chunk: Chunk
    began: float
    unwanted: float | None = None
    overdue: float | None = None


def work(url: str, settings: JobSettings) -> None:
    """A worker on this process's main thread, until SIGTERM or Ctrl-C. Raises DatabaseError."""
    with heeding() as told:
        admitted(url)
        logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it would say a line for each chunk
        logging.getLogger("psycopg.pool").setLevel(
            logging.ERROR
        )  # a database that is away is said here, once
        sweep_up(settings.home)
        name = name_of(socket.gethostname(), os.getpid())
        engine = engine_of(url, connections=4, transaction_s=settings.transaction_s, name=name)
        bench = Bench(engine, settings)
        try:
            Worker(url, bench, Workshop(bench, settings), settings).serve(told)
        finally:
            engine.dispose()


@contextmanager
def heeding() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set: a worker that is told to end as it begins ends in order, too."""
    told = threading.Event()

    def tell(*_: object) -> None:
        if not told.is_set():
            told.set()
            _end_at_last()

    before = {number: signal.signal(number, tell) for number in _ENDING}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)  # see `Worker._begin_anew`
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_at_last() -> None:
    """Ends this process after `LAST_SECONDS`, whatever it waits for."""
    last = threading.Timer(LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()


class Worker:
    """See the module."""

    def __init__(self, url: str, bench: Bench, workshop: Workshop, settings: JobSettings) -> None:
        self.url = url
        self.bench = bench
        self.agenda = Agenda(bench.engine, settings)
        self.workshop = workshop
        self.settings = settings
        self.number: int | None = None
        self.hand: Hand | None = None
        self.ending: float | None = None
        self.ended = threading.Event()
        self.spoken = self.steady = time.monotonic()

    def serve(self, told: threading.Event) -> None:
        """Takes chunks until SIGTERM or Ctrl-C, or not at all when one of them has come already."""
        beating = threading.Thread(target=self._live_or_die, name="beat", daemon=True)
        beating.start()
        threading.Thread(target=self.keep_house, name="house", daemon=True).start()
        try:
            asyncio.run(self._serve(told))
        finally:
            self.ended.set()
            beating.join()
            if self.number is not None:
                with contextlib.suppress(DatabaseError):
                    self.bench.leave(self.number)

    async def _serve(self, told: threading.Event) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            if self.ending is None:
                self.ending = time.monotonic()
                _end_at_last()
            stop.set()

        for number in _ENDING:
            loop.add_signal_handler(number, end)
        if told.is_set():
            end()
        loop.set_exception_handler(overheard)
        while not stop.is_set():
            queueing = asyncio.create_task(self._queue())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((queueing, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            await self._leave_queue(queueing)
            if not stop.is_set():
                log.warning(
                    "this worker has lost the queue, and comes back to it", extra={"action": "worker.waits"}
                )
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _AGAIN_SECONDS)

    async def _leave_queue(self, queueing: asyncio.Task[None]) -> None:
        """Ends the queue. While there is no chunk it is told again: told as it begins, it may not hear it."""
        queueing.cancel()
        while not (await asyncio.wait((queueing,), timeout=_AGAIN_SECONDS))[0]:
            if self.hand is None:
                queueing.cancel()
        with contextlib.suppress(
            asyncio.CancelledError, procrastinate.exceptions.ConnectorException, psycopg.Error, OSError
        ):
            await queueing

    async def _queue(self) -> None:
        """Procrastinate's worker; it ends when the database goes away."""
        while self.number is None:
            await asyncio.sleep(_MOMENT_SECONDS)
        app = app_of(self.url, self.take)
        async with app.open_async():
            await app.run_worker_async(
                queues=[QUEUE],
                concurrency=1,
                fetch_job_polling_interval=self.settings.look_s,
                delete_jobs="always",
                install_signal_handlers=False,
                update_heartbeat_interval=self.settings.beat_s,
                stalled_worker_timeout=self.settings.lease_s,
            )

    # One chunk.

    def take(self, job: UUID, work: Work, number: int) -> None:
        """Claims a chunk and does it."""
        if self.number is None or self.ending is not None:
            return
        chunk = self.bench.claim(self.number, job, work, number)
        if chunk is None:
            return
        self.hand = hand = Hand(chunk, time.monotonic())
        about = (work, number, job)
        facts = {"job": str(job), "work": work, "number": number, "attempt": chunk.attempt}
        try:
            if not self.workshop.do(chunk, self.go_on):
                self.bench.hand_back(chunk)
            elif work is not Work.ROWS:
                log.info("done", extra={"action": f"job.{work}", **facts})
        except Halted as halted:
            self._let_go(hand)
            if isinstance(halted, LeftBehind):
                self._begin_anew(hand)
        except TreefolioError as error:
            log.warning(_FAILED, *about, extra={"action": "chunk.failed", "reason": error.message, **facts})
            again, passing = isinstance(error, _AGAIN), isinstance(error, _PASSING)
            self.bench.fail(chunk, said(error), for_good=not again, passing=passing)
        except Exception as error:  # whatever it is, the job must not wait for it for ever
            log.exception(_FAILED, *about, extra={"action": "chunk.failed", **facts})
            self.bench.fail(chunk, f"{type(error).__name__}: {error}")
        finally:
            self.hand = None

    def go_on(self) -> bool:
        """The chunk under way is still wanted, and has time."""
        hand = self.hand
        if hand is None or hand.unwanted is not None or hand.overdue is not None:
            return False
        return self.ending is None or time.monotonic() < self.ending + GRACE_SECONDS

    def too_long(self) -> str:
        """Why a chunk was abandoned."""
        return f"it took longer than {self.settings.chunk_timeout_s:g} s"

    # The beat.

    def _live_or_die(self) -> None:
        """Beats; a worker that cannot beat ends, so that whoever keeps it alive starts it again."""
        try:
            self.beat()
        except BaseException:
            log.exception(
                "this worker cannot say that it is alive, and ends", extra={"action": "worker.dies"}
            )
            os._exit(1)

    def beat(self) -> None:
        """Beats until the worker has ended; a database that is away is waited for."""
        lost = False
        while True:
            began = time.monotonic()
            try:
                self._beat()
                if began - self.spoken >= self.settings.lease_s:
                    self.steady = began
                self.spoken, lost = began, False
            except DatabaseError as error:
                if not lost:
                    log.warning(
                        "no database for this worker, which waits",
                        extra={"action": "worker.no_database", "reason": error.message},
                    )
                lost = True
            self._hurry()
            if self._ended_before(time.monotonic() + self.settings.beat_s):
                return

    def _ended_before(self, moment: float) -> bool:
        """Waits until then, and asks meanwhile for the chunk; says whether the worker has ended."""
        while (left := moment - time.monotonic()) > ASK_SECONDS:
            if self.ended.wait(ASK_SECONDS):
                return True
            self._ask()
        return self.ended.wait(max(left, 0.0))

    def _ask(self) -> None:
        """Learns whether the chunk under way is still wanted: it is not when its job is cancelled."""
        hand = self.hand
        if hand is not None and hand.unwanted is None:
            with contextlib.suppress(DatabaseError):  # the beat says so
                if not self.bench.wanted(hand.chunk):
                    hand.unwanted = time.monotonic()
        self._hurry()

    def keep_house(self) -> None:
        """Looks for what lacks a worker, and submits what is due, until the worker has ended."""
        while not self.ended.wait(self.settings.look_s):
            for chore in (self._look, self.agenda.fire):
                try:
                    chore()
                except DatabaseError:
                    continue  # the beat says so
                except Exception:  # the next time it is to be done still
                    log.exception("this worker cannot keep house", extra={"action": "worker.house"})

    def _look(self) -> None:
        """Sees to chunks without a worker. After a silence all shall speak first: others were silent, too."""
        now = time.monotonic()
        heard = now - self.spoken < self.settings.lease_s
        if heard and now - self.steady >= self.settings.look_s:
            self.bench.expire()
        self.bench.look()

    def _beat(self) -> None:
        hand = self.hand
        known = False
        if self.number is not None:
            known, wanted = self.bench.beat(self.number, None if hand is None else hand.chunk)
            if hand is not None and not wanted:
                hand.unwanted = hand.unwanted or time.monotonic()
        if not known:
            self.number = self.bench.enter(socket.gethostname(), os.getpid(), version("treefolio"))

    def _hurry(self) -> None:
        """Stops a chunk that takes too long; ends one that does not stop, and the process with it."""
        hand, now = self.hand, time.monotonic()
        if hand is None:
            return
        if hand.overdue is None and now - hand.began > self.settings.chunk_timeout_s:
            hand.overdue = now
        since = hand.unwanted if hand.unwanted is not None else hand.overdue
        if self.ending is not None:
            since = min(since or now, self.ending + GRACE_SECONDS)
        if since is None or now - since < DEAF_SECONDS or self.hand is not hand:
            return
        with contextlib.suppress(DatabaseError):
            self._let_go(hand)
        self._begin_anew(hand)

    def _let_go(self, hand: Hand) -> None:
        """The chunk is somebody else's from now on; one that took too long has failed."""
        if hand.overdue is not None:
            self.bench.fail(hand.chunk, self.too_long())
        else:
            self.bench.hand_back(hand.chunk)

    def _begin_anew(self, hand: Hand) -> None:
        """Ends all that goes on in this process: it is replaced, or ends if it was told to."""
        if self.number is not None:
            with contextlib.suppress(DatabaseError):
                self.bench.leave(self.number)
        log.warning(
            "this worker begins anew: its chunk of job %s does not stop",
            hand.chunk.job,
            extra={"action": "worker.anew", "job": str(hand.chunk.job)},
        )
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # the new process is born so: they wait for it
        if self.ending is not None:
            os._exit(0)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # no thread can be stopped


def overheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Notes what went wrong in a task of Procrastinate that nobody waits for.

    Mostly a ticket that was taken back while this worker was silent, and cannot be marked done: the ledger
    has seen to its chunk.
    """
    del loop
    error = context.get("exception")
    expected = isinstance(error, procrastinate.exceptions.ConnectorException)
    reason = f"{type(error).__name__}: {error.__cause__ or error}" if error else context.get("message", "")
    level = logging.DEBUG if expected else logging.WARNING
    log.log(
        level,
        "a task of the queue went wrong",
        extra={"action": "worker.queue", "reason": " ".join(reason.split())},
    )


def said(error: TreefolioError) -> str:
    """An error in one line."""
    return " ".join(str(error).replace("\n  at ", ", at ").replace("\n", ". ").split())
