"""Limits by tier: more jobs than may be under way wait, everything else over a limit is refused."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from jobs_cases import OWNER, ROWS, newcomer, sweep, until
from sqlalchemy import text

from treefolio.errors import OverLimit
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.limits import Limit
from treefolio.jobs.ledger.records import Chunk, ChunkState, Job, Usage, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import Asked, RunRequest
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import Event, State


def bound(store: Store, **limits: int) -> None:
    """The limits of users of the tier ``free``; none of all others."""
    every = {f"limit_{limit}": {} for limit in Limit}
    some = {f"limit_{name}": {"free": most} for name, most in limits.items()}
    store.settings = store.settings.model_copy(update=every | some)


def run(snapshot: str) -> RunRequest:
    return RunRequest(strategy="tree: [SPY]\n", asked=Asked(snapshot=snapshot))


def submitted(store: Store, snapshot: str, count: int, owner: str = OWNER) -> list[Job]:
    return [store.submit(owner, run(snapshot)) for _ in range(count)]


def held(store: Store, jobs: list[Job]) -> list[bool]:
    return [store.get(job.owner, job.id).held for job in jobs]


def begin(store: Store, job: Job) -> Chunk:
    """The job's chunk, claimed; its task is gone then."""
    bench = Bench(store.engine, store.settings)
    with store.engine.begin() as connection:
        query = "delete from procrastinate_jobs where args ->> 'job' = :job"
        connection.execute(text(query), {"job": str(job.id)})
    chunk = bench.claim(bench.enter("here", 1, "0"), job.id, Work.RUN, 0)
    assert chunk is not None
    return chunk


def end(store: Store, job: Job) -> None:
    """Has the job fail."""
    assert Bench(store.engine, store.settings).fail(begin(store, job), "enough", for_good=True)


def waiting(store: Store) -> set[UUID]:
    """Jobs that have a task in the queue."""
    with store.engine.connect() as connection:
        query = text("select (args ->> 'job')::uuid from procrastinate_jobs where status = 'todo'")
        return set(connection.execute(query).scalars())


# Jobs under way.


def test_more_jobs_wait(store: Store, snapshot: str) -> None:
    """They are queued and held, nobody can claim them, and they are let go one by one, oldest first."""
    bound(store, running=2)
    jobs = submitted(store, snapshot, 5)
    assert held(store, jobs) == [False, False, True, True, True]
    assert {store.get(OWNER, job.id).state for job in jobs} == {State.QUEUED}
    assert waiting(store) == {jobs[0].id, jobs[1].id}
    bench = Bench(store.engine, store.settings)
    assert bench.claim(bench.enter("here", 1, "0"), jobs[2].id, Work.RUN, 0) is None
    end(store, jobs[1])
    assert held(store, jobs) == [False, False, False, True, True]
    store.ask(OWNER, jobs[0].id, Event.CANCEL)
    assert held(store, jobs) == [False, False, False, False, True]
    assert waiting(store) == {jobs[2].id, jobs[3].id}


def test_looking_around_lets_nobody_go(store: Store, snapshot: str) -> None:
    """A held job has no task, and that is not a task that was lost."""
    bound(store, running=1)
    jobs = submitted(store, snapshot, 2)
    assert Bench(store.engine, store.settings).look() == 0
    assert held(store, jobs) == [False, True]
    assert waiting(store) == {jobs[0].id}


def test_a_paused_job_makes_room(store: Store, snapshot: str) -> None:
    """It is not under way; when it goes on it may have to wait itself."""
    bound(store, running=1)
    jobs = submitted(store, snapshot, 2)
    store.ask(OWNER, jobs[0].id, Event.PAUSE)
    assert held(store, jobs) == [False, False]
    assert store.ask(OWNER, jobs[0].id, Event.RESUME).state is State.QUEUED
    assert held(store, jobs) == [True, False]
    end(store, jobs[1])
    assert held(store, jobs) == [False, False]
    assert waiting(store) == {jobs[0].id}


def test_a_job_that_is_being_paused_has_its_room_still(store: Store, snapshot: str) -> None:
    """Until its chunk has come to its end; resumed before, it just goes on."""
    bound(store, running=1)
    jobs = submitted(store, snapshot, 2)
    chunk = begin(store, jobs[0])
    assert store.ask(OWNER, jobs[0].id, Event.PAUSE).state is State.PAUSING
    assert held(store, jobs) == [False, True]
    assert store.ask(OWNER, jobs[0].id, Event.RESUME).state is State.RUNNING
    assert held(store, jobs) == [False, True]
    assert store.ask(OWNER, jobs[0].id, Event.PAUSE).state is State.PAUSING
    assert Bench(store.engine, store.settings).hand_back(chunk)
    assert store.get(OWNER, jobs[0].id).state is State.PAUSED
    assert held(store, jobs) == [False, False]


def test_a_held_job_can_be_paused_and_cancelled(store: Store, snapshot: str) -> None:
    """Then it is held no longer, and takes nobody's room."""
    bound(store, running=1)
    jobs = submitted(store, snapshot, 4)
    assert store.ask(OWNER, jobs[1].id, Event.PAUSE).state is State.PAUSED
    assert store.ask(OWNER, jobs[2].id, Event.CANCEL).state is State.CANCELLED
    assert held(store, jobs) == [False, False, False, True]
    end(store, jobs[0])
    assert held(store, jobs) == [False, False, False, False]
    assert waiting(store) == {jobs[3].id}


def test_a_raised_job_does_not_wait_for_others(store: Store, snapshot: str) -> None:
    """An administrator who raises a job has it begin; one who lowers it does not."""
    bound(store, running=1)
    jobs = submitted(store, snapshot, 3)
    store.prioritise(jobs[1].id, -1)
    assert held(store, jobs) == [False, True, True]
    store.prioritise(jobs[2].id, 1)
    assert held(store, jobs) == [False, True, False]
    assert waiting(store) == {jobs[0].id, jobs[2].id}
    store.ask(OWNER, jobs[2].id, Event.PAUSE)
    store.ask(OWNER, jobs[2].id, Event.RESUME)
    assert held(store, jobs) == [False, True, False]


def test_limits_are_each_users_own(store: Store, snapshot: str) -> None:
    """Others have their own, and a tier that is not named has none."""
    bound(store, running=1)
    newcomer(store, "bob", snapshot)
    newcomer(store, "eve", snapshot, tier="house")
    assert held(store, submitted(store, snapshot, 2)) == [False, True]
    assert held(store, submitted(store, snapshot, 2, "bob")) == [False, True]
    assert held(store, submitted(store, snapshot, 5, "eve")) == [False] * 5


def test_who_was_passed_over_is_found_by_looking(store: Store, snapshot: str) -> None:
    """While somebody else has a held job's row, it is not let go; a worker that looks around does it."""
    bound(store, running=1)
    jobs = submitted(store, snapshot, 2)
    with store.engine.begin() as connection:
        connection.execute(text("select 1 from jobs where id = :id for update"), {"id": jobs[1].id})
        end(store, jobs[0])
        assert held(store, jobs) == [False, True]
    Bench(store.engine, store.settings).look()
    assert held(store, jobs) == [False, False]


def test_jobs_that_end_and_come_at_once(store: Store, snapshot: str) -> None:
    """However submissions and endings meet, all end, and never are more under way than may be."""
    bound(store, running=2)
    bench = Bench(store.engine, store.settings)
    over = threading.Event()
    seen: list[int] = []

    def submit() -> None:
        submitted(store, snapshot, 8)

    def work() -> None:
        worker = bench.enter("here", 1, "0")
        while not over.is_set():
            bench.beat(worker, None)
            for job in waiting(store):
                chunk = bench.claim(worker, job, Work.RUN, 0)
                if chunk is not None:
                    bench.fail(chunk, "enough", for_good=True)
            with store.engine.connect() as connection:
                count = "select count(*) from jobs where not held and state in ('queued', 'running')"
                seen.append(connection.execute(text(count)).scalar_one())
            if store.count(OWNER, states={State.FAILED}) == 24:
                over.set()

    threads = [threading.Thread(target=role) for role in (submit, submit, submit, work, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen) <= 2
    assert store.count(OWNER) == 24


# What is refused.


def test_combinations_of_a_job(store: Store, snapshot: str) -> None:
    """They are counted without the prices, before there is a job."""
    bound(store, combinations=ROWS - 1)
    with pytest.raises(OverLimit) as caught:
        store.submit(OWNER, sweep(snapshot))
    error = caught.value
    assert (error.limit, error.used, error.most) == ("combinations", ROWS, ROWS - 1)
    assert "--sample N" in (error.hint or "")
    assert error.free_in_seconds is None
    assert store.count(OWNER) == 0
    bound(store, combinations=ROWS)
    store.submit(OWNER, sweep(snapshot))


def test_combinations_of_a_day(store: Store, snapshot: str) -> None:
    """They are free again at midnight; the same key counts once, and what is refused does not count."""
    bound(store, combinations_a_day=2 * ROWS)
    first = store.submit(OWNER, sweep(snapshot), key="k")
    assert store.submit(OWNER, sweep(snapshot), key="k").id == first.id
    store.submit(OWNER, sweep(snapshot))
    with pytest.raises(OverLimit) as caught:
        store.submit(OWNER, run(snapshot))
    error = caught.value
    assert (error.limit, error.used, error.most) == ("combinations_a_day", 2 * ROWS, 2 * ROWS)
    assert error.free_in_seconds is not None
    assert 0 < error.free_in_seconds <= 86_401
    newcomer(store, "bob", snapshot)
    store.submit("bob", sweep(snapshot))
    with store.engine.begin() as connection:
        connection.execute(text("update usage_days set day = day - 1"))
    store.submit(OWNER, run(snapshot))
    assert store.usage(OWNER)[Limit.DAY] == Usage(used=1, most=2 * ROWS)


def test_a_job_larger_than_a_day(store: Store, snapshot: str) -> None:
    """Waiting would not help, so nothing says when it is free."""
    bound(store, combinations_a_day=ROWS - 1)
    with pytest.raises(OverLimit) as caught:
        store.submit(OWNER, sweep(snapshot))
    assert caught.value.free_in_seconds is None
    assert store.usage(OWNER)[Limit.DAY] == Usage(used=0, most=ROWS - 1)


def test_a_job_that_is_removed_has_counted(store: Store, snapshot: str) -> None:
    """Else a day had no end."""
    bound(store, combinations_a_day=1)
    (job,) = submitted(store, snapshot, 1)
    end(store, job)
    store.remove(OWNER, job.id)
    with pytest.raises(OverLimit):
        store.submit(OWNER, run(snapshot))


def test_days_are_counted_at_once(store: Store, snapshot: str) -> None:
    """Of ten submissions that meet, as many are taken as there is room for."""
    bound(store, combinations_a_day=4)
    refused: list[OverLimit] = []

    def submit() -> None:
        try:
            store.submit(OWNER, run(snapshot))
        except OverLimit as error:
            refused.append(error)

    threads = [threading.Thread(target=submit) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count(OWNER) == 4
    assert len(refused) == 6


def test_megabytes(store: Store, snapshot: str, bench: Bench) -> None:
    """Prices and results count; prices that are there already need no room; removing makes some."""
    size = len(store.snapshot(OWNER, snapshot))
    bound(store, megabytes=-(-size // 1_000_000) + 1)
    content = store.snapshot(OWNER, snapshot)
    with pytest.raises(OverLimit) as caught:
        store.put_snapshot(OWNER, "f" * 64, content + bytes(2_000_000))
    assert caught.value.limit == "megabytes"
    assert not store.has_snapshot(OWNER, "f" * 64)
    job = store.submit(OWNER, sweep(snapshot))
    bound(store)
    plan = bench.claim(bench.enter("here", 1, "0"), job.id, Work.PLAN, 0)
    assert plan is not None
    assert bench.finish_plan(plan, 10, [(0, 10)], 0.1)
    rows = bench.claim(bench.enter("here", 1, "0"), job.id, Work.ROWS, 0)
    assert rows is not None
    assert bench.finish_rows(rows, bytes(3_000_000), 0.1)
    bound(store, megabytes=3)
    store.put_snapshot(OWNER, snapshot, content)
    with pytest.raises(OverLimit) as caught:
        store.submit(OWNER, run(snapshot))
    assert (caught.value.used, caught.value.most) == (round((size + 3_000_000) / 1e6), 3)
    assert store.usage(OWNER)[Limit.MEGABYTES].used == -(-(size + 3_000_000) // 1_000_000)
    store.ask(OWNER, job.id, Event.CANCEL)
    store.remove(OWNER, job.id)
    bound(store, megabytes=-(-size // 1_000_000) + 1)
    store.submit(OWNER, run(snapshot))


def test_megabytes_are_counted_at_once(store: Store, snapshot: str) -> None:
    """Of four uploads that meet, as many are taken as there is room for."""
    size = len(store.snapshot(OWNER, snapshot))
    bound(store, megabytes=-(-size // 1_000_000) + 2)
    refused: list[OverLimit] = []
    together = threading.Barrier(4)

    def upload(name: str) -> None:
        together.wait()
        try:
            store.put_snapshot(OWNER, name, bytes(1_000_000))
        except OverLimit as error:
            refused.append(error)

    threads = [threading.Thread(target=upload, args=(letter * 64,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(store.has_snapshot(OWNER, letter * 64) for letter in "abcd") == 2
    assert len(refused) == 2


def test_usage(store: Store, snapshot: str) -> None:
    """All limits, with what is used of them; a user without limits sees what is used."""
    store.settings = JobSettings(home=store.settings.home)
    submitted(store, snapshot, 3)
    usage = store.usage(OWNER)
    assert set(usage) == set(Limit)
    assert usage[Limit.RUNNING] == Usage(used=2, most=2)
    assert usage[Limit.COMBINATIONS] == Usage(used=None, most=20_000)
    assert usage[Limit.DAY] == Usage(used=3, most=100_000)
    assert usage[Limit.SCHEDULES] == Usage(used=0, most=3)
    store.enter_user(OWNER, tier="local")
    assert {each.most for each in store.usage(OWNER).values()} == {None}


# Tries.


def test_a_chunk_that_failed_rests(store: Store, bench: Bench, snapshot: str) -> None:
    """It is tried again after a pause, longer each time, and looking around does not hasten it."""
    bench.settings = store.settings.model_copy(update={"chunk_pauses_s": (100.0, 500.0), "chunk_tries": 4})
    (job,) = submitted(store, snapshot, 1)

    def pause() -> float | None:
        query = "select extract(epoch from scheduled_at - now()) from procrastinate_jobs"
        with store.engine.connect() as connection:
            found = connection.execute(text(query)).scalar_one()
        return None if found is None else float(found)

    for low, high in ((90, 100), (490, 500), (490, 500)):
        assert bench.fail(begin(store, job), "away")
        found = pause()
        assert found is not None
        assert low < found <= high
        assert bench.look() == 0
        assert bench.expire() == 0
    chunk = begin(store, job)
    assert bench.hand_back(chunk)
    assert pause() is None
    store.settings = bench.settings
    assert store.progress(OWNER, job.id).chunks[ChunkState.WAITING] == 0
    until(lambda: bench.fail(begin(store, job), "away"), "the last try")
    assert store.get(OWNER, job.id).state is State.FAILED
