"""Jobs that ask for much, or have many chunks: what is read of them, and how their parts are joined."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_cases import OWNER, ROWS, STABLE, panel, statements, sweep

from treefolio.jobs import joining
from treefolio.jobs.conclusion import conclude_sweep
from treefolio.jobs.joining import joined
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import Chunk, Figures, Job, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.states import Event, State
from treefolio.jobs.workshop import spaces
from treefolio.jobs.workshop.cutting import LARGEST, MOST, ranges
from treefolio.jobs.workshop.spaces import Ending, Part, SweepReady
from treefolio.sweep import rows

RANGES = 6
Ends = Callable[[Bench, Chunk], bool]


@pytest.fixture
def job(store: Store, bench: Bench, snapshot: str) -> Job:
    """A sweep whose ranges of ten rows wait."""
    made = store.submit(OWNER, sweep(snapshot))
    edges = [(10 * k, 10 * k + 10) for k in range(RANGES)]
    assert bench.finish_plan(claimed(bench, made, Work.PLAN), 10 * RANGES, edges, 0.1)
    return made


def claimed(bench: Bench, job: Job, work: Work = Work.ROWS, number: int = 0) -> Chunk:
    chunk = bench.claim(bench.enter("tower", 11, "1.0"), job.id, work, number)
    assert chunk is not None
    return chunk


def brought(bench: Bench, chunk: Chunk) -> bool:
    return bench.finish_rows(chunk, b"rows", 1.0)


def given_up(bench: Bench, chunk: Chunk) -> bool:
    return bench.fail(chunk, "cursed", for_good=True)


# What was asked.


def test_what_was_asked_is_read_for_who_needs_it(store: Store, bench: Bench, snapshot: str) -> None:
    """Which is who begins with the job: a request may have 20 MB, and a page has 500 jobs."""
    with statements(store) as said:
        job = store.submit(OWNER, sweep(snapshot))
        store.list(OWNER)
        store.progress(OWNER, job.id)
        store.precede(OWNER, job.id, first=True)
        store.prioritise(job.id, 1)
        assert bench.finish_plan(claimed(bench, job, Work.PLAN), 20, [(0, 10), (10, 20)], 0.1)
        assert brought(bench, claimed(bench, job))
        assert bench.hand_back(claimed(bench, job, number=1))
        assert given_up(bench, claimed(bench, job, number=1))
        bench.look()
        bench.expire()
        store.ask(OWNER, job.id, Event.CANCEL)
        assert store.get(OWNER, job.id).state is State.CANCELLED
        store.milestones(OWNER, job.id)
        store.remove(OWNER, job.id)
    assert not [each for each in said if "jobs.request" in each]
    again = store.submit(OWNER, sweep(snapshot))
    with statements(store) as said:
        order = store.order(OWNER, again.id)
    assert [each for each in said if "jobs.request" in each]
    assert (order.owner, order.snapshot, order.at) == (OWNER, snapshot, again.created_at)


# The end.


def looks(said: list[str]) -> int:
    """How often all chunks of a job were looked through."""
    return sum("count(" in each and "FROM chunks" in each for each in said)


@pytest.mark.parametrize("last", [brought, given_up])
def test_chunks_are_looked_through_once(store: Store, bench: Bench, job: Job, last: Ends) -> None:
    """When the last range is done, or given up, comes the end; ranges before it count themselves alone."""
    ends: list[Ends] = [brought, given_up, brought, given_up, brought, last]
    with statements(store) as said:
        for number, end in enumerate(ends[:-1]):
            assert end(bench, claimed(bench, job, number=number))
    assert looks(said) == 0
    chunk = claimed(bench, job, number=RANGES - 1)
    with statements(store) as said:
        assert last(bench, chunk)
    assert looks(said) == 1
    assert claimed(bench, job, Work.FINISH).work is Work.FINISH


@pytest.mark.parametrize("last", [brought, given_up])
def test_the_end_of_a_job_that_is_being_paused(store: Store, bench: Bench, job: Job, last: Ends) -> None:
    """Its last range may end then: the files are made when it goes on."""
    for number in range(RANGES - 1):
        assert brought(bench, claimed(bench, job, number=number))
    chunk = claimed(bench, job, number=RANGES - 1)
    assert store.ask(OWNER, job.id, Event.PAUSE).state is State.PAUSING
    assert last(bench, chunk)
    assert store.get(OWNER, job.id).state is State.PAUSED
    assert bench.claim(chunk.worker or 0, job.id, Work.FINISH, 0) is None
    assert store.ask(OWNER, job.id, Event.RESUME).state is State.QUEUED
    assert claimed(bench, job, Work.FINISH).work is Work.FINISH


def test_a_range_that_is_tried_again_is_not_the_end(store: Store, bench: Bench, job: Job) -> None:
    """It counts when it is done, once."""
    for number in range(RANGES - 1):
        assert brought(bench, claimed(bench, job, number=number))
    worker = bench.enter("shed", 12, "1.0")
    assert bench.fail(claimed(bench, job, number=RANGES - 1), "cursed")
    assert bench.hand_back(claimed(bench, job, number=RANGES - 1))
    assert bench.claim(worker, job.id, Work.FINISH, 0) is None
    chunk = claimed(bench, job, number=RANGES - 1)
    assert brought(bench, chunk)
    assert not brought(bench, chunk)
    assert store.get(OWNER, job.id).rows_done == 10 * RANGES
    assert bench.claim(worker, job.id, Work.FINISH, 0) is not None


# How many chunks there are.


@pytest.mark.parametrize(
    ("size", "each", "count"),
    [
        (MOST, 1, MOST),
        (MOST + 1, 1, MOST),
        (1_000_000, 3, MOST),
        (1_000_000, 64, 15_625),
        (MOST * LARGEST, LARGEST, MOST),
        (MOST * LARGEST + 1, 5, MOST + 1),
    ],
)
def test_a_job_has_so_many_chunks(size: int, each: int, count: int) -> None:
    """They become longer instead, as far as workers have memory; lengths differ by a row at most."""
    found = ranges(size, each)
    assert len(found) == count
    assert [first for first, _ in found] == [0, *(last for _, last in found[:-1])]
    assert found[-1][1] == size
    lengths = {last - first for first, last in found}
    assert max(lengths) <= min(LARGEST, min(lengths) + 1)


# Parts that are joined.


@given(lengths=st.lists(st.integers(0, 9), max_size=60), wanted=st.integers(1, 30), most=st.integers(1, 9))
def test_parts_are_joined(lengths: list[int], wanted: int, most: int) -> None:
    """All of them in their order; each list touches, and ends when it has enough, or the next does not touch.

    Every fourth range is not there.
    """
    edges = [sum(lengths[:k]) for k in range(len(lengths) + 1)]
    parts = [Part(*edge, b"") for k, edge in enumerate(pairwise(edges)) if k % 4]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "MOST", most)
        found = list(joined(parts, wanted))
    assert [part for run in found for part in run] == parts
    for run, after in pairwise([*found, []]):
        assert all(one.last == next_one.first for one, next_one in pairwise(run))
        assert run[-1].first - run[0].first < wanted
        assert len(run) <= most
        enough = run[-1].last - run[0].first >= wanted or len(run) == most
        assert not after or enough or after[0].first != run[-1].last


def test_the_end_of_many_parts(
    tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Makes few files of them, and the same bytes as the library does."""
    seen: list[str] = []

    def concluded(*given: object) -> None:
        folder = given[2]
        assert isinstance(folder, Path)
        seen.extend(sorted(path.name for path in (folder / rows.PARTS).iterdir()))
        conclude_sweep(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(joining, "MOST", 40)
    monkeypatch.setattr(spaces, "conclude_sweep", concluded)
    prices = panel()
    ready = SweepReady(sweep(prices.content_hash), prices)
    cut = ranges(ROWS, 10)
    assert len(cut) == 151
    ending = Ending(
        parts=(Part(first, last, ready.range(first, last, lambda: True)) for first, last in cut),
        failed=[],
        figures=Figures(execution=1.0, plan=0.1, span=1.0, chunks=len(cut)),
        folder=tmp_path,
        home=tmp_path / "home",
    )
    folder = ready.conclude(ending)
    assert len(seen) == 4
    assert {name: (folder / name).read_bytes() for name in STABLE} == expected
