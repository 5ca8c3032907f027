"""Workers without processes: chunks in the order in which Procrastinate hands tasks out."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from jobs_cases import sweep
from sqlalchemy import text

from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.ledger.store import Store

RANGES = 8
HANDS = 4


class Floor:
    """Some workers' worth of claims: a chunk is under way in each hand, and the oldest is done first."""

    def __init__(self, store: Store, folder: Path, hands: int = HANDS) -> None:
        self.store = store
        self.bench = Bench(store.engine, store.settings)
        self.folder = folder
        (folder / "file").write_bytes(b"result")
        self.hands = [self.bench.enter("here", number, "0") for number in range(hands)]
        self.under_way: list[tuple[int, Chunk]] = []

    def claim(self, hand: int) -> Chunk | None:
        """The chunk that Procrastinate would give this worker now."""
        while (task := fetched(self.store)) is not None:
            chunk = self.bench.claim(hand, *task)
            if chunk is not None:
                return chunk
        return None

    def step(self) -> Chunk | None:
        """A free hand takes a chunk; when none is free, the oldest chunk is done. Returns what is done."""
        while self.hands and (chunk := self.claim(self.hands[0])) is not None:
            self.under_way.append((self.hands.pop(0), chunk))
        if not self.under_way:
            return None
        hand, chunk = self.under_way.pop(0)
        self.hands.append(hand)
        assert self.finish(chunk)
        return chunk

    def finish(self, chunk: Chunk) -> bool:
        """Does a chunk as it is done in earnest, but for the work."""
        if chunk.work is Work.PLAN:
            return self.bench.finish_plan(chunk, RANGES, [(k, k + 1) for k in range(RANGES)], 0.1)
        if chunk.work is Work.ROWS:
            return self.bench.finish_rows(chunk, b"rows", 0.1)
        return self.bench.finish_files(chunk, self.folder, ["file"], missing=None, seconds=0.1)


def fetched(store: Store) -> tuple[UUID, Work, int] | None:
    """The task that Procrastinate's own function gives; it is gone then."""
    with store.engine.begin() as connection:
        worker = connection.execute(text("select worker_id from procrastinate_register_worker_v1()")).scalar()
        found = connection.execute(
            text("select id, args from procrastinate_fetch_job_v2('{chunks}'::varchar[], :worker)"),
            {"worker": worker},
        ).one()
        if found.id is None:
            return None
        connection.execute(text("delete from procrastinate_jobs where id = :id"), {"id": found.id})
        connection.execute(text("delete from procrastinate_workers where id = :id"), {"id": worker})
    return UUID(found.args["job"]), Work(found.args["work"]), found.args["number"]


def planned(floor: Floor, owner: str, snapshot: str, ranges: int, *, priority: int = 0) -> UUID:
    """A job whose ranges wait."""
    job = floor.store.submit(owner, sweep(snapshot)).id
    floor.store.prioritise(job, priority)
    chunk = floor.bench.claim(floor.hands[0], job, Work.PLAN, 0)
    assert chunk is not None
    assert floor.bench.finish_plan(chunk, ranges, [(k, k + 1) for k in range(ranges)], 0.1)
    return job
