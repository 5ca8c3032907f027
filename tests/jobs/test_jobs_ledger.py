"""The ledger without workers: the test takes the chunks itself."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from jobs_cases import OWNER, ROWS, blocked, newcomer, sweep, until
from sqlalchemy import event, text

from treefolio.errors import NoSuchJob, Refused
from treefolio.jobs import requests
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import Chunk, ChunkState, Job, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.ledger.submitting import new, submit
from treefolio.jobs.states import Event, State


def enter(bench: Bench) -> int:
    return bench.enter("here", 1, "0")


def next_task(store: Store) -> tuple[UUID, Work, int] | None:
    """The chunk that a worker would be given now; its task is gone then."""
    with store.engine.begin() as connection:
        found = connection.execute(
            text(
                "delete from procrastinate_jobs where id = (select id from procrastinate_jobs"
                " where status = 'todo' order by priority desc, id limit 1) returning args"
            )
        ).scalar()
    return None if found is None else (UUID(found["job"]), Work(found["work"]), found["number"])


def take(store: Store, bench: Bench, worker: int) -> Chunk:
    """The next chunk, claimed."""
    task = next_task(store)
    assert task is not None
    chunk = bench.claim(worker, *task)
    assert chunk is not None
    return chunk


def planned(store: Store, bench: Bench, snapshot: str, ranges: int = 4, owner: str = OWNER) -> Job:
    """A sweep whose ranges of 10 rows wait."""
    job = store.submit(owner, sweep(snapshot))
    chunk = bench.claim(enter(bench), job.id, Work.PLAN, 0)
    assert chunk is not None
    with store.engine.begin() as connection:
        connection.execute(text("delete from procrastinate_jobs where args ->> 'work' = 'plan'"))
    edges = [(10 * k, 10 * k + 10) for k in range(ranges)]
    assert bench.finish_plan(chunk, 10 * ranges, edges, 0.1)
    return store.get(owner, job.id)


def test_a_job_from_end_to_end(store: Store, bench: Bench, snapshot: str) -> None:
    """Plan, ranges, end; counts and milestones say how far it is."""
    job = store.submit(OWNER, sweep(snapshot))
    assert (job.state, job.kind, job.name, job.rows_total) == (State.QUEUED, "sweep", "Interrupted", ROWS)
    worker = enter(bench)
    plan = take(store, bench, worker)
    assert plan.work is Work.PLAN
    assert store.get(OWNER, job.id).state is State.RUNNING
    assert bench.finish_plan(plan, 20, [(0, 10), (10, 20)], 0.5)
    for number in range(2):
        chunk = take(store, bench, worker)
        assert (chunk.work, chunk.number) == (Work.ROWS, number)
        assert bench.finish_rows(chunk, b"rows", 1.0)
    progress = store.progress(OWNER, job.id)
    assert progress.job.rows_done == progress.job.rows_total == 20
    assert progress.chunks[ChunkState.DONE] == 2
    assert progress.seconds == {"plan": 0.5, "rows": 2.0}
    assert [part.first for part in store.parts(OWNER, job.id)] == [0, 10]
    assert store.contents(OWNER, job.id, [1, 0]) == [b"rows", b"rows"]
    with pytest.raises(NoSuchJob):
        store.contents(OWNER, job.id, [0, 2])
    end = take(store, bench, worker)
    assert end.work is Work.FINISH
    assert next_task(store) is None


def test_final_files_come_with_the_end(store: Store, bench: Bench, snapshot: str, tmp_path) -> None:
    """Files are there when the job is done, in pieces; parts are gone."""
    job = planned(store, bench, snapshot, ranges=1)
    worker = enter(bench)
    assert bench.finish_rows(take(store, bench, worker), b"rows", 1.0)
    (tmp_path / "big").write_bytes(bytes(range(256)) * 40_000)
    (tmp_path / "empty").write_bytes(b"")
    chunk = take(store, bench, worker)
    assert bench.finish_files(chunk, tmp_path, ["big", "empty"], missing=None, seconds=1.0)
    found = store.get(OWNER, job.id)
    assert found.state is State.DONE
    assert found.finished_at is not None
    assert b"".join(store.file(OWNER, job.id, "big")) == bytes(range(256)) * 40_000
    assert [(each.name, each.size) for each in store.files(OWNER, job.id)] == [
        ("big", 10_240_000),
        ("empty", 0),
    ]
    assert store.parts(OWNER, job.id) == []
    kinds = [each.kind for each in store.milestones(OWNER, job.id)]
    assert kinds == ["state", "state", "planned", "rows", "state"]


def test_who_was_silent_too_long_writes_nothing(store: Store, bench: Bench, snapshot: str) -> None:
    """A worker that lost its chunk to another one cannot bring rows, before or after that one does."""
    job = planned(store, bench, snapshot, ranges=2)
    frozen, quick = enter(bench), enter(bench)
    stale = take(store, bench, frozen)
    until(lambda: bench.beat(quick, None) and bench.expire(), "the end of the lease")
    fresh = bench.claim(quick, stale.job, stale.work, stale.number)
    assert fresh is not None
    assert fresh.attempt > stale.attempt
    assert not bench.finish_rows(stale, b"stale", 1.0)
    assert store.parts(OWNER, job.id) == []
    assert bench.finish_rows(fresh, b"fresh", 1.0)
    assert not bench.finish_rows(stale, b"stale", 1.0)
    assert not bench.fail(stale, "late")
    assert not bench.hand_back(stale)
    assert store.contents(OWNER, job.id, [stale.number]) == [b"fresh"]
    assert store.get(OWNER, job.id).rows_done == 10
    assert bench.beat(frozen, stale)[1] is False


def test_a_chunk_that_was_taken_away_and_not_taken_again_is_not_written_either(
    store: Store, bench: Bench, snapshot: str
) -> None:
    """The number of the attempt changes when a chunk is taken away."""
    job = planned(store, bench, snapshot, ranges=1)
    chunk = take(store, bench, enter(bench))
    until(bench.expire, "the end of the lease")
    assert not bench.finish_rows(chunk, b"stale", 1.0)
    assert store.get(OWNER, job.id).rows_done == 0
    assert next_task(store) == (job.id, Work.ROWS, 0)


def test_a_chunk_that_its_worker_does_not_know_of(store: Store, bench: Bench, snapshot: str) -> None:
    """A claim whose answer was lost: the worker beats, and has something else, or nothing."""
    planned(store, bench, snapshot, ranges=2)
    forgetful, mindful = enter(bench), enter(bench)
    lost, kept = take(store, bench, forgetful), take(store, bench, mindful)

    def beat() -> int:
        bench.beat(forgetful, None)
        bench.beat(mindful, kept)
        return bench.expire()

    assert until(beat, "the end of the lease") == 1
    assert not bench.finish_rows(lost, b"rows", 1.0)
    assert beat() == 0
    assert bench.finish_rows(kept, b"rows", 1.0)


def test_only_one_worker_has_a_chunk(store: Store, bench: Bench, snapshot: str) -> None:
    """A task that is there twice finds the chunk taken, or done."""
    planned(store, bench, snapshot, ranges=1)
    chunk = take(store, bench, enter(bench))
    assert bench.claim(enter(bench), chunk.job, chunk.work, chunk.number) is None
    assert bench.finish_rows(chunk, b"rows", 1.0)
    assert bench.claim(enter(bench), chunk.job, chunk.work, chunk.number) is None


def test_a_lost_task_is_put_again(store: Store, bench: Bench, snapshot: str) -> None:
    """Nobody needs to be told: a worker that looks around finds it. Once is enough."""
    job = planned(store, bench, snapshot, ranges=1)
    assert next_task(store) == (job.id, Work.ROWS, 0)
    assert next_task(store) is None
    assert bench.look() == 1
    assert bench.look() == 0
    assert next_task(store) == (job.id, Work.ROWS, 0)


@pytest.mark.parametrize("ranges", [2, 50])
def test_lost_tasks_are_put_again_at_once(store: Store, bench: Bench, snapshot: str, ranges: int) -> None:
    """However many a job has lost, that takes as many statements; all are there, each job's in its order."""
    jobs = [planned(store, bench, snapshot, ranges).id for _ in range(2)]
    with store.engine.begin() as connection:
        connection.execute(text("delete from procrastinate_jobs"))
    said: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    assert bench.look() == 2 * ranges
    assert len(said) < 20
    taken = [next_task(store) for _ in range(2 * ranges)]
    for job in jobs:
        assert [each for each in taken if each and each[0] == job] == [
            (job, Work.ROWS, number) for number in range(ranges)
        ]


def ending(store: Store, bench: Bench, snapshot: str) -> Chunk:
    """The chunk of a sweep, taken, that makes its files."""
    planned(store, bench, snapshot, ranges=1)
    worker = enter(bench)
    assert bench.finish_rows(take(store, bench, worker), b"rows", 1.0)
    chunk = take(store, bench, worker)
    assert chunk.work is Work.FINISH
    return chunk


def test_files_wait_for_what_passes(store: Store, bench: Bench, snapshot: str) -> None:
    """All rows are there, and are not lost for it: it is tried again, after pauses that grow to minutes, and
    the job says what it waits for. None of that counts among the failures; what does not pass still does."""
    chunk = ending(store, bench, snapshot)
    pauses = []
    for _ in range(12):
        assert bench.fail(chunk, "there is no room", passing=True)
        with store.engine.connect() as connection:
            rest = (
                "select extract(epoch from scheduled_at - (select at from events where kind = 'waits'"
                " order by id desc limit 1)) from procrastinate_jobs"
            )
            pauses.append(round(float(connection.execute(text(rest)).scalar_one())))
        chunk = take(store, bench, enter(bench))
    assert pauses == [1, 5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]
    found = store.get(OWNER, chunk.job)
    assert (found.state, found.reason) == (State.RUNNING, "there is no room")
    assert chunk.failures == 0
    assert [each.data for each in store.milestones(OWNER, chunk.job) if each.kind == "waits"] == [
        {"work": "finish", "reason": "there is no room"}
    ] * 12
    assert len(store.parts(OWNER, chunk.job)) == 1
    for _ in range(2):
        assert bench.fail(chunk, "cursed")
        chunk = take(store, bench, enter(bench))
    assert bench.fail(chunk, "cursed")
    found = store.get(OWNER, chunk.job)
    assert (found.state, found.reason) == (State.FAILED, "cursed")


def test_files_that_wait_and_a_job_that_is_not_wanted(store: Store, bench: Bench, snapshot: str) -> None:
    """It can be paused, resumed and cancelled between two tries."""
    chunk = ending(store, bench, snapshot)
    assert bench.fail(chunk, "there is no room", passing=True)
    assert store.ask(OWNER, chunk.job, Event.PAUSE).state is State.PAUSED
    assert bench.look() == 0
    store.ask(OWNER, chunk.job, Event.RESUME)
    chunk = take(store, bench, enter(bench))
    store.ask(OWNER, chunk.job, Event.CANCEL)
    assert bench.fail(chunk, "there is no room", passing=True)
    found = store.get(OWNER, chunk.job)
    assert (found.state, found.reason) == (State.CANCELLED, None)
    assert next_task(store) is None


def test_ranges_do_not_wait_for_what_passes(store: Store, bench: Bench, snapshot: str) -> None:
    """They are given up like others, and the job goes on to its end without them."""
    planned(store, bench, snapshot, ranges=2)
    worker = enter(bench)
    for _ in range(3):
        assert bench.fail(take(store, bench, worker), "there is no room", passing=True)
    assert take(store, bench, worker).number == 1


def test_three_failures_are_enough(store: Store, bench: Bench, snapshot: str) -> None:
    """The range is given up with its reason, and the job goes on to its end."""
    job = planned(store, bench, snapshot, ranges=2)
    worker = enter(bench)
    for _ in range(3):
        chunk = take(store, bench, worker)
        assert chunk.number == 0
        assert bench.fail(chunk, "cursed")
    found = store.get(OWNER, job.id)
    assert (found.state, found.rows_done, found.rows_failed) == (State.RUNNING, 10, 10)
    assert [each.reason for each in bench.given_up(job.id)] == ["cursed"]
    assert bench.finish_rows(take(store, bench, worker), b"rows", 1.0)
    assert take(store, bench, worker).work is Work.FINISH


def test_what_would_fail_again_is_not_tried_again(store: Store, bench: Bench, snapshot: str) -> None:
    """A sweep that cannot be planned fails at once, and says why."""
    job = store.submit(OWNER, sweep(snapshot))
    assert bench.fail(take(store, bench, enter(bench)), "no prices of TQQQ", for_good=True)
    found = store.get(OWNER, job.id)
    assert (found.state, found.reason) == (State.FAILED, "no prices of TQQQ")
    assert next_task(store) is None


def test_pause_and_resume(store: Store, bench: Bench, snapshot: str) -> None:
    """What is under way ends, nothing else begins, and nothing is lost."""
    job = planned(store, bench, snapshot, ranges=3)
    worker = enter(bench)
    chunk = take(store, bench, worker)
    assert store.ask(OWNER, job.id, Event.PAUSE).state is State.PAUSING
    assert next_task(store) is None
    assert bench.claim(worker, job.id, Work.ROWS, 1) is None
    assert bench.beat(worker, chunk) == (True, True)
    assert bench.finish_rows(chunk, b"rows", 1.0)
    assert store.get(OWNER, job.id).state is State.PAUSED
    assert bench.look() == 0
    assert store.ask(OWNER, job.id, Event.RESUME).state is State.QUEUED
    assert take(store, bench, worker).number == 1
    assert store.get(OWNER, job.id).state is State.RUNNING


def test_cancel(store: Store, bench: Bench, snapshot: str) -> None:
    """The worker learns at its next beat; when it lets go the job is cancelled, and its parts are gone."""
    job = planned(store, bench, snapshot, ranges=3)
    worker = enter(bench)
    assert bench.finish_rows(take(store, bench, worker), b"rows", 1.0)
    chunk = take(store, bench, worker)
    assert store.ask(OWNER, job.id, Event.CANCEL).state is State.CANCELLING
    assert bench.beat(worker, chunk) == (True, False)
    assert not bench.finish_rows(chunk, b"rows", 1.0)
    assert bench.hand_back(chunk)
    assert store.get(OWNER, job.id).state is State.CANCELLED
    assert store.parts(OWNER, job.id) == []
    assert next_task(store) is None
    with pytest.raises(Refused):
        store.ask(OWNER, job.id, Event.RESUME)


def test_a_job_that_nobody_began_is_cancelled_at_once(store: Store, snapshot: str) -> None:
    """There is nobody to wait for."""
    job = store.submit(OWNER, sweep(snapshot))
    assert store.ask(OWNER, job.id, Event.CANCEL).state is State.CANCELLED
    assert next_task(store) is None
    assert store.depth() == 0


def test_a_key_submits_once(store: Store, snapshot: str) -> None:
    """The same request with the same key is the same job; another one is refused."""
    job = store.submit(OWNER, sweep(snapshot), key="k")
    assert store.submit(OWNER, sweep(snapshot), key="k").id == job.id
    assert store.count(OWNER) == 1
    with pytest.raises(Refused) as caught:
        store.submit(OWNER, sweep(snapshot, reality=3), key="k")
    assert str(job.id) in caught.value.message
    newcomer(store, "bob", snapshot)
    assert store.submit("bob", sweep(snapshot), key="k").id != job.id


def test_a_key_that_is_being_used(store: Store, snapshot: str) -> None:
    """Who comes second waits for the first, and has its job."""
    with ThreadPoolExecutor(1) as pool:
        with store.engine.begin() as connection:
            first = submit(connection, store.settings, OWNER, new(sweep(snapshot)), "k")
            second = pool.submit(store.submit, OWNER, sweep(snapshot), key="k")
            until(lambda: second.done() or blocked(store), "the second")
        assert second.result().id == first.id
    assert store.count(OWNER) == 1


def test_prices_must_be_there(store: Store) -> None:
    """A job without its prices is refused before it is one."""
    with pytest.raises(Refused) as caught:
        store.submit(OWNER, sweep("0" * 64))
    assert "pload" in (caught.value.hint or "")


def test_jobs_of_others_are_not_there(store: Store, bench: Bench, snapshot: str) -> None:
    """Whatever is asked about a job of somebody else, the answer is that of a job that there is not."""
    job = planned(store, bench, snapshot)
    store.enter_user("bob")
    asked = [
        store.get,
        store.order,
        lambda who, which: store.ask(who, which, Event.CANCEL),
        store.progress,
        store.milestones,
        store.parts,
        lambda who, which: store.contents(who, which, [0]),
        store.files,
        lambda who, which: store.file(who, which, "rows.parquet"),
    ]
    for ask in asked:
        with pytest.raises(NoSuchJob) as theirs:
            ask("bob", job.id)
        nothing = uuid4()
        with pytest.raises(NoSuchJob) as nobodys:
            ask("bob", nothing)
        assert theirs.value.message.replace(str(job.id), "") == nobodys.value.message.replace(
            str(nothing), ""
        )
    assert store.list("bob") == []
    assert store.get(OWNER, job.id).state is State.RUNNING


def test_users_have_their_shares(store: Store, bench: Bench, snapshot: str) -> None:
    """While all have chunks waiting, each one's share of those taken is within 10 % of the weight's."""
    tiers = {"one": 1.0, "two": 2.0, "three": 3.0}
    store.settings = store.settings.model_copy(update={"tiers": tiers})
    owners = {}
    for user in tiers:
        newcomer(store, user, snapshot, tier=user)
        owners[planned(store, Bench(store.engine, store.settings), snapshot, 60, user).id] = user
    worker = enter(bench)
    taken: Counter[str] = Counter()
    for _ in range(60):
        chunk = take(store, bench, worker)
        taken[owners[chunk.job]] += 1
        assert bench.finish_rows(chunk, b"", 1.0)
    for user, weight in tiers.items():
        assert abs(taken[user] / 60 - weight / 6) <= 0.1 * weight / 6 + 1 / 60


def test_who_cancels_is_not_behind_for_what_was_never_done(store: Store, bench: Bench, snapshot: str) -> None:
    """The place in virtual time of chunks that are taken back is free again."""
    newcomer(store, "bob", snapshot)
    planned(store, bench, snapshot, ranges=40, owner="bob")
    job = planned(store, bench, snapshot, ranges=40)
    store.ask(OWNER, job.id, Event.CANCEL)
    again = store.submit(OWNER, sweep(snapshot))
    worker = enter(bench)
    assert again.id in {take(store, bench, worker).job for _ in range(3)}


def test_an_administrator_raises_a_job(store: Store, bench: Bench, snapshot: str) -> None:
    """It is taken before those that waited longer."""
    planned(store, bench, snapshot, ranges=5)
    later = planned(store, bench, snapshot, ranges=5)
    store.prioritise(later.id, 1)
    assert take(store, bench, enter(bench)).job == later.id


def test_where_a_job_stands(store: Store, bench: Bench, snapshot: str) -> None:
    """A job that waits says how many will begin before it; one that has begun says nothing."""
    first, second = (store.submit(OWNER, sweep(snapshot)) for _ in range(2))
    assert store.progress(OWNER, first.id).position == 0
    assert store.progress(OWNER, second.id).position == 1
    take(store, bench, enter(bench))
    assert store.progress(OWNER, first.id).position is None
    assert store.progress(OWNER, second.id).position == 0


def test_requests_are_kept_as_they_are(store: Store, snapshot: str) -> None:
    """The order of variables and the type of numbers survive the database."""
    vary = {"slow": "16:100:12", "hot": [70.0, 1e20], "window": "5:24:1"}
    request = sweep(snapshot, vary=vary)
    job = store.submit(OWNER, request)
    found = requests.from_json(store.order(OWNER, job.id).request)
    assert found == request
    assert list(found.vary) == ["slow", "hot", "window"]  # type: ignore[union-attr]
    assert all(isinstance(value, float) for value in found.vary["hot"])  # type: ignore[union-attr]
