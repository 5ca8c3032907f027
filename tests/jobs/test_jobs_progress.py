"""Progress of a job, as the ledger measures it: who is at work, what was ready, what waits."""

from __future__ import annotations

import pytest
from jobs_cases import OWNER, sweep
from sqlalchemy import text

from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import Chunk, Job, Progress, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.states import Event, State


@pytest.fixture
def job(store: Store, bench: Bench, snapshot: str) -> Job:
    """A sweep whose four ranges of ten rows wait."""
    made = store.submit(OWNER, sweep(snapshot))
    chunk = claimed(bench, bench.enter("planner", 1, "0"), made, Work.PLAN, 0)
    assert bench.finish_plan(chunk, 40, [(10 * k, 10 * k + 10) for k in range(4)], 0.1)
    return made


def claimed(bench: Bench, worker: int, job: Job, work: Work = Work.ROWS, number: int = 0) -> Chunk:
    chunk = bench.claim(worker, job.id, work, number)
    assert chunk is not None
    return chunk


def progress(store: Store, job: Job) -> Progress:
    return store.progress(OWNER, job.id)


def earlier(store: Store, table: str, column: str, seconds: float) -> None:
    """Moves a moment of the ledger back."""
    with store.engine.begin() as connection:
        connection.execute(
            text(f"update {table} set {column} = {column} - make_interval(secs => :by)"), {"by": seconds}
        )


def test_workers_of_a_job(store: Store, bench: Bench, job: Job) -> None:
    """Who has which rows, since when, and when they were heard last; who has none is not among them."""
    first, second = bench.enter("tower", 11, "1.0"), bench.enter("shed", 12, "1.1")
    bench.enter("idle", 13, "1.1")
    claimed(bench, second, job, number=2)
    claimed(bench, first, job, number=0)
    earlier(store, "workers", "beat", 30.0)
    earlier(store, "chunks", "begun_at", 60.0)
    bench.beat(second, None)
    found = progress(store, job)
    assert found.workers == 2
    assert [(hand.worker, hand.host, hand.pid, hand.version) for hand in found.hands] == [
        (first, "tower", 11, "1.0"),
        (second, "shed", 12, "1.1"),
    ]
    assert [(hand.work, hand.first, hand.last) for hand in found.hands] == [
        (Work.ROWS, 0, 10),
        (Work.ROWS, 20, 30),
    ]
    assert [hand.beat_s >= 30.0 for hand in found.hands] == [True, False]
    assert all(hand.busy_s >= 60.0 for hand in found.hands)


def test_what_was_ready(store: Store, bench: Bench, job: Job) -> None:
    """Ranges whose worker was ready, and those whose worker was not; what nobody knows is neither."""
    worker = bench.enter("tower", 11, "1.0")
    assert (progress(store, job).cache_hits, progress(store, job).cache_misses) == (0, 0)
    for number, warm in enumerate((False, True, True, None)):
        assert bench.finish_rows(claimed(bench, worker, job, number=number), b"rows", 1.0, warm=warm)
    found = progress(store, job)
    assert (found.cache_hits, found.cache_misses) == (2, 1)


def test_what_waits(store: Store, bench: Bench, job: Job, snapshot: str) -> None:
    """Chunks of all jobs that a worker may take: not those under way, nor of a paused job."""
    other = store.submit(OWNER, sweep(snapshot))
    assert progress(store, job).queue == store.depth() == 5
    claimed(bench, bench.enter("tower", 11, "1.0"), job)
    assert progress(store, other).queue == 4
    store.ask(OWNER, other.id, Event.PAUSE)
    assert progress(store, job).queue == 3


def test_a_paused_job_has_no_end_in_sight(store: Store, bench: Bench, job: Job) -> None:
    """Seconds to the end are said while it is worked on."""
    worker = bench.enter("tower", 11, "1.0")
    assert bench.finish_rows(claimed(bench, worker, job), b"rows", 1.0)
    found = progress(store, job)
    assert found.eta_seconds is not None
    low, middle, high = found.eta_seconds
    assert 0 < low <= middle <= high
    assert store.ask(OWNER, job.id, Event.PAUSE).state is State.PAUSED
    assert progress(store, job).eta_seconds is None


@pytest.mark.parametrize(
    ("under_way", "rate"),
    [
        ([(0, 1), (1, 2)], 20 / 2),
        ([(0, 2), (1, 3)], 20 / 3),
        ([(0, 4), (1, 2), (4, 5)], 30 / 5),
        ([(0, 1), (2, 3), (4, 5)], 30 / 5),
        ([(0, 1), (1, 2), (62, 63)], 30 / 3),
        ([(62, 64), (0, 1), (1, 2), (63, 64)], 40 / 4),
    ],
)
def test_a_pause_is_not_in_the_rate(
    store: Store, bench: Bench, job: Job, under_way: list[tuple[int, int]], rate: float
) -> None:
    """Nor the night in which the service was down; the turns of others between two ranges are."""
    worker = bench.enter("tower", 11, "1.0")
    moved = (
        "update chunks set begun_at = timestamptz 'epoch' + make_interval(secs => :begun),"
        " finished_at = timestamptz 'epoch' + make_interval(secs => :finished), seconds = :finished - :begun"
        " where work = 'rows' and number = :number"
    )
    for number, (begun, finished) in enumerate(under_way):
        assert bench.finish_rows(claimed(bench, worker, job, number=number), b"rows", 1.0)
        with store.engine.begin() as connection:
            connection.execute(text(moved), {"begun": begun, "finished": finished, "number": number})
    assert progress(store, job).rate == pytest.approx(rate)
