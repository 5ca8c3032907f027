"""Which of one user's jobs goes first: what the user put first, and single runs before all."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from floor import Floor, planned
from jobs_cases import OWNER, newcomer, sweep, url_of
from sqlalchemy import text

from treefolio.errors import NoSuchJob, Refused
from treefolio.jobs.ledger import tickets
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import RunRequest
from treefolio.jobs.states import ENDED, Event, State


@pytest.fixture
def floor(store: Store, snapshot: str, tmp_path: Path) -> Floor:
    """One worker's worth of claims, for users without limits."""
    store.settings = store.settings.model_copy(update={"limit_running": {}})
    newcomer(store, "bob", snapshot)
    return Floor(store, tmp_path, hands=1)


def run_of(snapshot: str) -> RunRequest:
    """A single run of what `sweep` sweeps."""
    request = sweep(snapshot)
    return RunRequest(strategy=request.strategy, asked=request.asked)


def rest(floor: Floor) -> list[Chunk]:
    """What is done until nothing waits, in order."""
    return list(iter(floor.step, None))


def jobs_of(order: list[Chunk]) -> list[UUID]:
    """Whose chunks they are."""
    return [chunk.job for chunk in order]


def begun(order: list[Chunk]) -> list[UUID]:
    """The jobs as they appear for the first time."""
    return list(dict.fromkeys(jobs_of(order)))


def queue(floor: Floor) -> list[UUID]:
    """Whose chunks wait, the next one first."""
    query = text("select job from chunks where state = 'waiting' order by tag, ticket")
    with floor.store.engine.connect() as connection:
        return list(connection.execute(query).scalars())


def test_a_run_goes_before_what_its_owner_has_waiting(floor: Floor, snapshot: str) -> None:
    """A row that is opened while its sweep goes on is there after the chunk that is under way."""
    job = planned(floor, OWNER, snapshot, 40)
    run = floor.store.submit(OWNER, run_of(snapshot)).id
    assert floor.store.progress(OWNER, run).position == 0
    assert jobs_of(rest(floor)) == [run, *[job] * 41]


def test_a_run_has_no_more_than_its_owners_share(floor: Floor, snapshot: str) -> None:
    """It goes before its owner's other chunks, not before others'."""
    hers = planned(floor, "bob", snapshot, 20)
    his = planned(floor, OWNER, snapshot, 20)
    for _ in range(10):
        floor.step()
    runs = [floor.store.submit(OWNER, run_of(snapshot)).id for _ in range(5)]
    order = jobs_of(rest(floor))
    mine = [job for job in order[:10] if job != hers]
    assert mine == runs
    assert order[:10].count(hers) == 5
    assert his in order[10:]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], [0, 1, 2]),
        ([(2, True)], [2, 0, 1]),
        ([(0, False)], [1, 2, 0]),
        ([(1, True), (2, True)], [2, 1, 0]),
        ([(2, True), (1, True), (2, True)], [2, 1, 0]),
        ([(0, False), (1, False), (0, True)], [0, 2, 1]),
    ],
)
def test_users_put_their_jobs_in_order(
    floor: Floor, snapshot: str, told: list[tuple[int, bool]], expected: list[int]
) -> None:
    """The last word counts; positions say so; all of a job's rows are there before those of the next."""
    jobs = [
        planned(floor, OWNER, snapshot, 3),
        *(floor.store.submit(OWNER, sweep(snapshot)).id for _ in "bc"),
    ]
    for number, first in told:
        floor.store.precede(OWNER, jobs[number], first=first)
    wanted = [jobs[number] for number in expected]
    waiting = [job for job in wanted if floor.store.get(OWNER, job).state is State.QUEUED]
    assert [floor.store.progress(OWNER, job).position for job in waiting] == list(range(len(waiting)))
    order = rest(floor)
    assert begun(order) == wanted
    rows = jobs_of([chunk for chunk in order if chunk.work is Work.ROWS])
    assert rows == sorted(rows, key=wanted.index)


def test_others_notice_nothing(floor: Floor, snapshot: str) -> None:
    """When one user's jobs change places, the others' chunks are where they were, but for ties."""
    mine = [planned(floor, OWNER, snapshot, 10) for _ in range(3)]
    his = planned(floor, "bob", snapshot, 20)
    before = queue(floor)
    floor.store.precede(OWNER, mine[2], first=True)
    after = queue(floor)
    assert [job for job in after if job != his] == [mine[2]] * 10 + [mine[0]] * 10 + [mine[1]] * 10
    places = ([k for k, job in enumerate(order) if job == his] for order in (before, after))
    assert all(abs(was - now) <= 1 for was, now in zip(*places, strict=True))


def test_a_job_that_is_held_is_let_go_first(store: Store, snapshot: str, tmp_path: Path) -> None:
    """It waits until there is room, then it goes before those that were submitted before it."""
    store.settings = store.settings.model_copy(update={"limit_running": {"free": 1}})
    floor = Floor(store, tmp_path, hands=1)
    jobs = [store.submit(OWNER, sweep(snapshot)).id for _ in range(3)]
    last = store.precede(OWNER, jobs[2], first=True)
    assert last.held
    assert [store.progress(OWNER, job).position for job in jobs] == [0, 2, 1]
    assert begun(rest(floor)) == [jobs[0], jobs[2], jobs[1]]


def test_a_paused_job_keeps_its_place(floor: Floor, snapshot: str) -> None:
    """What was put first goes first when it goes on."""
    jobs = [planned(floor, OWNER, snapshot, 5) for _ in range(2)]
    floor.store.precede(OWNER, jobs[1], first=True)
    floor.store.ask(OWNER, jobs[1], Event.PAUSE)
    assert jobs_of([chunk for chunk in (floor.step(), floor.step()) if chunk is not None]) == [jobs[0]] * 2
    floor.store.ask(OWNER, jobs[1], Event.RESUME)
    assert begun(rest(floor)) == [jobs[1], jobs[0]]


def test_what_cannot_be_put_anywhere(floor: Floor, snapshot: str) -> None:
    """A job that has ended, and somebody else's."""
    job = floor.store.submit(OWNER, sweep(snapshot)).id
    with pytest.raises(NoSuchJob):
        floor.store.precede("bob", job, first=True)
    floor.store.ask(OWNER, job, Event.CANCEL)
    with pytest.raises(Refused, match="is cancelled has no place in the queue"):
        floor.store.precede(OWNER, job, first=True)


def test_workers_hear_that_places_changed(floor: Floor, snapshot: str) -> None:
    """Those that asked while chunks changed places were told of none, and would else wait for long."""
    jobs = [planned(floor, OWNER, snapshot, 2) for _ in range(2)]
    with psycopg.connect(url_of(floor.store), autocommit=True) as ear:
        ear.execute(f'LISTEN "{tickets.CHANNEL}"')
        floor.store.precede(OWNER, jobs[1], first=True)
        (heard,) = ear.notifies(timeout=30, stop_after=1)
    assert json.loads(heard.payload)["type"] == "job_inserted"


def test_places_change_while_chunks_are_taken(floor: Floor, snapshot: str) -> None:
    """Neither waits for the other for ever, and every chunk is done once.

    A worker that asks meanwhile may find nothing, and has to ask again.
    """
    jobs = [planned(floor, OWNER, snapshot, 40) for _ in range(3)]

    def take() -> list[Chunk]:
        done: list[Chunk] = []
        while any(floor.store.get(OWNER, job).state not in ENDED for job in jobs):
            done += rest(floor)
        return done

    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(take)
        for turn in itertools.count():
            if taking.done():
                break
            with suppress(Refused):  # it has ended
                floor.store.precede(OWNER, jobs[turn % 3], first=turn % 2 == 0)
    done = taking.result()
    assert turn > 10
    assert len({(chunk.job, chunk.work, chunk.number) for chunk in done}) == len(done) == 3 * 41
