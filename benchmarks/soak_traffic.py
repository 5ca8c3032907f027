"""Sixteen workers' worth of chunks and twenty readers on one ledger: no lock error, no lost update."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from soak_parts import Row, prices, require, sweep
from sqlalchemy import text

from treefolio.errors import Refused
from treefolio.jobs import migrations
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import SweepRequest
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import ENDED, Event, State
from treefolio.market import snapshots
from treefolio.market.panel import Panel
from treefolio.testing.postgres import PostgresServer

WORKERS, READERS, USERS = 16, 20, 3
RANGES = 60
END_SECONDS = 300.0
_FETCH = text(
    "delete from procrastinate_jobs where id = (select id from procrastinate_jobs where status = 'todo'"
    " order by priority desc, id limit 1 for update skip locked) returning args"
)
_MOMENT_SECONDS = 0.01


@dataclass
class House:
    """The ledger, and what goes on there."""

    store: Store
    bench: Bench
    request: SweepRequest
    folder: Path
    until: float
    jobs: dict[UUID, str] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def submit(self, owner: str) -> None:
        """A new job of this user."""
        made = self.store.submit(owner, self.request).id
        with self.lock:
            self.jobs[made] = owner

    def known(self) -> list[tuple[UUID, str]]:
        """All jobs, the oldest first."""
        with self.lock:
            return list(self.jobs.items())

    def count(self, what: str) -> None:
        """Takes note."""
        with self.lock:
            self.done[what] += 1


def traffic(folder: Path, seconds: float, seed: int) -> list[Row]:
    """Works and reads for so long, then until all jobs have ended. Raises Broken."""
    (folder / "file").write_bytes(b"result")
    with PostgresServer() as server:
        settings = JobSettings(
            home=folder, beat_s=0.5, lease_s=5.0, chunk_tries=10**6, tiers={"unlimited": 1.0}
        )
        store = Store(engine_of(server.database(), connections=WORKERS + READERS), settings)
        migrations.upgrade(store.engine)
        house = opened(store, settings, folder, seconds)
        try:
            with ThreadPoolExecutor(WORKERS + READERS) as pool:
                every = [pool.submit(ending, house, work, seed + k) for k in range(WORKERS)]
                every += [pool.submit(ending, house, read, seed + 100 + k) for k in range(READERS)]
            errors = [error for each in every if (error := each.exception()) is not None]
            require(not errors, f"{len(errors)} threads failed, the first with {errors[:1]!r}")
            check(house)
        finally:
            store.close()
    said = ", ".join(f"{count:,} {what}" for what, count in sorted(house.done.items()))
    return [
        (f"{WORKERS} workers and {READERS} readers on one ledger for {seconds:g} s", said),
        (f"jobs of {RANGES} ranges, each range counted once; deadlocks, errors", f"{len(house.jobs)}; 0, 0"),
    ]


def opened(store: Store, settings: JobSettings, folder: Path, seconds: float) -> House:
    """Users with their prices and a job each."""
    panel: Panel = prices()
    name = snapshots.keep(panel, folder)
    content = snapshots.find(name, folder).read_bytes()
    house = House(
        store=store,
        bench=Bench(store.engine, settings),
        request=sweep(panel, RANGES),
        folder=folder,
        until=time.monotonic() + seconds,
    )
    for user in range(USERS):
        store.enter_user(f"user-{user}", tier="unlimited")
        store.put_snapshot(f"user-{user}", name, content)
        house.submit(f"user-{user}")
    return house


def ending(house: House, role: object, seed: int) -> None:
    """Plays a role to its end; when one fails, all end."""
    try:
        role(house, random.Random(seed))  # type: ignore[operator]
    except BaseException:
        house.over.set()
        raise


def work(house: House, dice: random.Random) -> None:
    """A worker, but for the work: it takes chunks, and finishes, fails, hands back or forgets them."""
    number = house.bench.enter("here", dice.randrange(10**6), "0")
    while not house.over.is_set():
        house.bench.beat(number, None)
        chunk = taken(house, number)
        if chunk is None:
            house.bench.expire()
            house.bench.look()
            house.over.wait(_MOMENT_SECONDS)
            continue
        house.bench.beat(number, chunk)
        what = dice.random()
        if what < 0.05:
            house.bench.hand_back(chunk)
            house.count("handed back")
        elif what < 0.1:
            house.bench.fail(chunk, "by chance")
            house.count("failed")
        elif what < 0.11:
            house.bench.leave(number)
            number = house.bench.enter("here", dice.randrange(10**6), "0")
            house.count("left behind")
        elif finished(house, chunk):
            house.count("finished")
        else:
            house.bench.hand_back(chunk)


def taken(house: House, number: int) -> Chunk | None:
    """The next chunk, as Procrastinate hands it out."""
    with house.store.engine.begin() as connection:
        found = connection.execute(_FETCH).scalar()
    if found is None:
        return None
    return house.bench.claim(number, UUID(found["job"]), Work(found["work"]), found["number"])


def finished(house: House, chunk: Chunk) -> bool:
    """Brings what came of a chunk, as it is done in earnest."""
    if chunk.work is Work.PLAN:
        return house.bench.finish_plan(chunk, RANGES, [(k, k + 1) for k in range(RANGES)], 0.1)
    if chunk.work is Work.ROWS:
        return house.bench.finish_rows(chunk, b"rows" * 1_000, 0.1)
    return house.bench.finish_files(chunk, house.folder, ["file"], missing=None, seconds=0.1)


def read(house: House, dice: random.Random) -> None:
    """Somebody who looks at jobs, pauses some, and submits another one when all have ended."""
    while not house.over.is_set():
        known = house.known()
        job, owner = dice.choice(known[-2 * USERS :])
        progress = house.store.progress(owner, job)
        require(
            0 <= progress.job.rows_done <= RANGES, f"{progress.job.rows_done} of {RANGES} ranges are done"
        )
        house.store.milestones(owner, job)
        house.store.list(owner)
        house.count("read")
        if progress.job.state not in ENDED and dice.random() < 0.02:
            pause(house, owner, job)
        if progress.job.state in ENDED:
            again(house, owner)


def again(house: House, owner: str) -> None:
    """Another job of this user, when time is left; else, when all have ended, it is over."""
    late = time.monotonic() >= house.until
    running = [job for job, who in house.known() if house.store.get(who, job).state not in ENDED]
    if late and not running:
        house.over.set()
    elif not late and len(running) < USERS:
        house.submit(owner)
    require(time.monotonic() < house.until + END_SECONDS, f"{len(running)} jobs do not end")


def pause(house: House, owner: str, job: UUID) -> None:
    """Pauses and resumes a job, unless it has ended meanwhile."""
    for event in (Event.PAUSE, Event.RESUME):
        try:
            house.store.ask(owner, job, event)
        except Refused:
            require(house.store.get(owner, job).state in ENDED, f"{event} was refused")
    house.count("paused")


def check(house: House) -> None:
    """Every job is done, and each of its ranges was counted once, in order. Raises Broken."""
    for job, owner in house.known():
        found = house.store.get(owner, job)
        counts = (found.state, found.rows_done, found.rows_failed)
        require(counts == (State.DONE, RANGES, 0), f"job {job}: {counts}")
        said = [
            each.data["done"]
            for each in house.store.milestones(owner, job, limit=10**6)
            if each.kind == "rows"
        ]
        require(said == list(range(1, RANGES + 1)), f"ranges of job {job} were counted {len(said)} times")
    require(house.store.depth() == 0, "chunks are left")
    with house.store.engine.connect() as connection:
        query = "select deadlocks from pg_stat_database where datname = current_database()"
        deadlocks = connection.execute(text(query)).scalar_one()
    require(deadlocks == 0, f"{deadlocks} deadlocks")
