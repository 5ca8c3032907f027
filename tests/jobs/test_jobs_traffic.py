"""Many workers and readers on one ledger at once: no lock error, no lost update, no range twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from jobs_cases import OWNER, PATIENCE_SECONDS, newcomer, sweep
from sqlalchemy import text

from treefolio.errors import Refused
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.states import ENDED, Event, State

WORKERS, READERS, JOBS, RANGES = 6, 2, 4, 30


def fetched(store: Store) -> tuple[UUID, Work, int] | None:
    """The next task, as Procrastinate hands it out."""
    with store.engine.begin() as connection:
        found = connection.execute(
            text(
                "delete from procrastinate_jobs where id = (select id from procrastinate_jobs where status ="
                " 'todo' order by priority desc, id limit 1 for update skip locked) returning args"
            )
        ).scalar()
    return None if found is None else (UUID(found["job"]), Work(found["work"]), found["number"])


def done_with(bench: Bench, chunk: Chunk, folder: Path) -> bool:
    """Does a chunk as it is done in earnest, but for the work."""
    if chunk.work is Work.PLAN:
        return bench.finish_plan(chunk, RANGES, [(k, k + 1) for k in range(RANGES)], 0.1)
    if chunk.work is Work.ROWS:
        return bench.finish_rows(chunk, b"rows", 0.1)
    return bench.finish_files(chunk, folder, ["file"], missing=None, seconds=0.1)


def test_traffic(store: Store, snapshot: str, tmp_path: Path) -> None:
    """Chunks are finished, handed back and expired while jobs are paused, resumed, read and listed."""
    (tmp_path / "file").write_bytes(b"result")
    bench = Bench(store.engine, store.settings.model_copy(update={"chunk_tries": 1_000}))
    for user in ("bob", "eve"):
        newcomer(store, user, snapshot)
    jobs = {store.submit(owner, sweep(snapshot)).id: owner for owner in (OWNER, OWNER, "bob", "eve")}
    assert len(jobs) == JOBS
    over = threading.Event()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        number = bench.enter("here", seed, "0")
        while not over.is_set():
            bench.beat(number, None)
            task = fetched(store)
            if task is None:
                bench.look()
                over.wait(0.01)
                continue
            chunk = bench.claim(number, *task)
            if chunk is None:
                continue
            bench.beat(number, chunk)
            what = chance.random()
            if what < 0.1:
                bench.hand_back(chunk)
            elif what < 0.2:
                bench.fail(chunk, "by chance")
            elif not done_with(bench, chunk, tmp_path):
                bench.hand_back(chunk)

    def read(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            job, owner = chance.choice(list(jobs.items()))
            progress = store.progress(owner, job)
            assert 0 <= progress.job.rows_done <= RANGES
            store.milestones(owner, job)
            bench.expire()
            if progress.job.state not in ENDED and chance.random() < 0.2:
                with_pause(store, owner, job)
            if all(store.get(who, which).state in ENDED for which, who in jobs.items()):
                over.set()

    def ending(role: Callable[[int], None], seed: int) -> None:
        try:
            role(seed)
        finally:
            over.set()

    with ThreadPoolExecutor(WORKERS + READERS) as pool:
        every = [pool.submit(ending, work, k) for k in range(WORKERS)]
        every += [pool.submit(ending, read, k) for k in range(READERS)]
        over.wait(PATIENCE_SECONDS)
        over.set()
    for each in every:
        each.result()
    for job, owner in jobs.items():
        found = store.get(owner, job)
        assert (found.state, found.rows_done, found.rows_failed) == (State.DONE, RANGES, 0)
        kinds = [each.kind for each in store.milestones(owner, job)]
        assert kinds.count("rows") == RANGES
        assert [each.data["done"] for each in store.milestones(owner, job) if each.kind == "rows"] == list(
            range(1, RANGES + 1)
        )
    assert store.depth() == 0


def with_pause(store: Store, owner: str, job: UUID) -> None:
    """Pauses and resumes a job, unless it has ended meanwhile."""
    for event in (Event.PAUSE, Event.RESUME):
        try:
            store.ask(owner, job, event)
        except Refused:
            assert store.get(owner, job).state in ENDED
