"""Fairness on the real ledger, in the order in which Procrastinate hands tasks out.

Who takes the next chunk does not matter to the order, so these tests take them one after the other; the last
one has workers.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest
from floor import HANDS, RANGES, Floor, planned
from jobs_cases import OWNER, ROWS, newcomer, sweep, until, url_of, workers
from sqlalchemy import text

from treefolio.jobs.ledger.records import Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import Asked, RunRequest
from treefolio.jobs.states import ENDED, State

WEIGHTS = {"eve": 1.0, "bob": 1.0, "zoe": 2.0}
JOBS = 50


def crowd(store: Store, snapshot: str, running: int | None = None) -> dict[UUID, str]:
    """`JOBS` jobs of three users, submitted at once in a random order; returns whose each is."""
    limits = {} if running is None else dict.fromkeys(WEIGHTS, running)
    store.settings = store.settings.model_copy(update={"tiers": WEIGHTS, "limit_running": limits})
    for user in WEIGHTS:
        newcomer(store, user, snapshot, tier=user)
    users = [sorted(WEIGHTS)[k % len(WEIGHTS)] for k in range(JOBS)]
    random.Random(11).shuffle(users)
    return {store.submit(user, sweep(snapshot)).id: user for user in users}


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Of all that was done."""
    return {user: counts[user] / sum(counts.values()) for user in WEIGHTS}


@pytest.mark.parametrize("running", [None, 2], ids=["unlimited", "two at once"])
def test_fifty_jobs_of_three_users(store: Store, snapshot: str, tmp_path: Path, running: int | None) -> None:
    """While all have work, each one's share of finished chunks is within 10 % of the weight; all end."""
    owners = crowd(store, snapshot, running)
    floor = Floor(store, tmp_path)
    chunks_of = {user: sum(owner == user for owner in owners.values()) * (RANGES + 2) for user in WEIGHTS}
    done: Counter[str] = Counter()
    together: dict[str, int] = {}
    while (chunk := floor.step()) is not None:
        done[owners[chunk.job]] += 1
        if all(done[user] < chunks_of[user] - HANDS for user in WEIGHTS):
            together = dict(done)
    assert sum(together.values()) > 250
    for user, share in shares(together).items():
        expected = WEIGHTS[user] / sum(WEIGHTS.values())
        assert abs(share - expected) <= 0.1 * expected, (user, share, expected)
    assert done == chunks_of
    assert {store.get(owner, job).state for job, owner in owners.items()} == {State.DONE}


def test_shares_hold_from_the_beginning(store: Store, snapshot: str, tmp_path: Path) -> None:
    """Nobody has to wait for the others' plans: any hundred chunks in a row are shared like all of them."""
    owners = crowd(store, snapshot)
    floor = Floor(store, tmp_path)
    order = [owners[chunk.job] for chunk in (floor.step() for _ in range(300)) if chunk is not None]
    for begin in range(0, 201, 50):
        window = Counter(order[begin : begin + 100])
        for user, weight in WEIGHTS.items():
            assert abs(window[user] - 25 * weight) <= 5, (begin, window)


def rows_of(floor: Floor, job: UUID, others: UUID) -> tuple[int, int]:
    """How many chunks of two jobs are among the next twenty."""
    found = Counter(chunk.job for chunk in (floor.step() for _ in range(20)) if chunk is not None)
    return found[job], found[others]


def test_the_end_of_a_job_gives_nobody_an_advantage(store: Store, snapshot: str, tmp_path: Path) -> None:
    """Whose job comes while another one's files are made has no more than a share.

    The end of a job stands at the place of its first chunk. Virtual time does not go back there.
    """
    store.settings = store.settings.model_copy(update={"limit_running": {}})
    newcomer(store, "bob", snapshot)
    newcomer(store, "eve", snapshot)
    floor = Floor(store, tmp_path, hands=1)
    early = planned(floor, "bob", snapshot, 40)
    late = planned(floor, "bob", snapshot, 100)
    while store.get("bob", early).rows_done < 40:
        floor.step()
    assert floor.hands
    ending = floor.claim(floor.hands[0])
    assert ending is not None
    assert (ending.job, ending.work) == (early, Work.FINISH)
    newest = planned(floor, "eve", snapshot, 100)
    assert floor.finish(ending)
    his, hers = rows_of(floor, late, newest)
    assert abs(his - hers) <= 2


def test_a_raised_job_makes_no_newcomer_wait(store: Store, snapshot: str, tmp_path: Path) -> None:
    """Its chunks are taken out of their turn, so virtual time does not come to where they stand."""
    store.settings = store.settings.model_copy(update={"limit_running": {}})
    newcomer(store, "bob", snapshot)
    newcomer(store, "eve", snapshot)
    floor = Floor(store, tmp_path, hands=1)
    first = planned(floor, "bob", snapshot, 100)
    raised = planned(floor, "bob", snapshot, 10, priority=1)
    chunk = floor.claim(floor.hands[0])
    assert chunk is not None
    assert chunk.job == raised
    newest = planned(floor, "eve", snapshot, 100)
    assert floor.finish(chunk)
    while store.get("bob", raised).state not in ENDED:
        floor.step()
    his, hers = rows_of(floor, first, newest)
    assert abs(his - hers) <= 2


def test_a_raised_job_stays_before_others_when_it_is_tried_again(
    store: Store, snapshot: str, tmp_path: Path
) -> None:
    """A chunk that was handed back, or whose task was lost, has the job's priority still."""
    newcomer(store, "bob", snapshot)
    floor = Floor(store, tmp_path, hands=1)
    planned(floor, "bob", snapshot, 10)
    raised = planned(floor, OWNER, snapshot, 10)
    store.prioritise(raised, 1)
    chunk = floor.claim(floor.hands[0])
    assert chunk is not None
    assert chunk.job == raised
    assert floor.bench.hand_back(chunk)
    again = floor.claim(floor.hands[0])
    assert again is not None
    assert (again.job, again.number) == (raised, chunk.number)
    assert floor.bench.hand_back(again)
    with store.engine.begin() as connection:
        connection.execute(text("delete from procrastinate_jobs"))
    assert floor.bench.look() == 20
    last = floor.claim(floor.hands[0])
    assert last is not None
    assert last.job == raised


def test_where_jobs_of_several_users_stand(store: Store, snapshot: str, tmp_path: Path) -> None:
    """The position counts jobs that will begin before it; they do begin in that order."""
    store.settings = store.settings.model_copy(update={"limit_running": {"free": 2}})
    newcomer(store, "bob", snapshot)
    newcomer(store, "eve", snapshot)
    users = ["bob", "bob", "bob", "eve", "bob", "eve"]
    jobs = [(user, store.submit(user, sweep(snapshot)).id) for user in users]
    positions = {job: store.progress(user, job).position for user, job in jobs}
    assert [positions[job] for _, job in jobs] == [0, 2, 4, 1, 5, 3]
    assert [store.get(user, job).held for user, job in jobs] == [False, False, True, False, True, False]
    floor = Floor(store, tmp_path, hands=1)
    begun: list[UUID] = []
    while (chunk := floor.step()) is not None:
        if chunk.job not in begun:
            begun.append(chunk.job)
    assert begun == sorted(positions, key=lambda job: positions[job] or 0)


def test_when_a_job_will_probably_begin(store: Store, snapshot: str, tmp_path: Path) -> None:
    """Chunks before it, times what a chunk takes, over the workers that are there."""
    newcomer(store, "bob", snapshot)
    floor = Floor(store, tmp_path, hands=2)
    planned(floor, "bob", snapshot, 30)
    for _ in range(10):
        floor.step()
    mine = store.submit(OWNER, sweep(snapshot)).id
    newcomer(store, "eve", snapshot)
    hers = store.submit("eve", sweep(snapshot)).id
    first, second = store.progress(OWNER, mine), store.progress("eve", hers)
    assert first.starts_in_seconds is not None
    assert second.starts_in_seconds is not None
    assert 0 <= first.starts_in_seconds < second.starts_in_seconds <= 30 * 0.1 / 2


@pytest.mark.parametrize("most", [10, 1])
def test_sweeps_before_it_that_are_not_cut_yet(
    store: Store, snapshot: str, tmp_path: Path, most: int
) -> None:
    """Count with all rows that they will have, as ranges of late; also those that are held."""
    store.settings = store.settings.model_copy(update={"limit_running": {"free": most}})
    floor = Floor(store, tmp_path, hands=1)
    planned(floor, OWNER, snapshot, 30)
    for _ in range(10):
        floor.step()
    second, third = (store.submit(OWNER, sweep(snapshot)).id for _ in "ab")
    run = store.submit(OWNER, RunRequest(strategy="tree: [SPY]\n", asked=Asked(snapshot=snapshot))).id
    assert store.get(OWNER, third).held is (most == 1)
    found = {job: store.progress(OWNER, job).starts_in_seconds for job in (second, third, run)}
    assert found[run] == 0
    of_the_first = 20 * 0.1
    assert found[second] == pytest.approx(of_the_first, abs=0.25)
    assert found[third] == pytest.approx(of_the_first + ROWS * 0.1, abs=0.25)


def test_nothing_is_known_of_what_was_never_seen(store: Store, snapshot: str, tmp_path: Path) -> None:
    """While no range was computed, nobody can say how long one takes."""
    floor = Floor(store, tmp_path, hands=1)
    jobs = [store.submit(OWNER, sweep(snapshot)).id for _ in "ab"]
    chunk = floor.claim(floor.hands[0])
    assert chunk is not None
    assert store.progress(OWNER, jobs[1]).starts_in_seconds is None
    assert floor.finish(chunk)
    assert store.get(OWNER, jobs[1]).rows_total == ROWS


def test_with_workers(store: Store, snapshot: str, tmp_path: Path) -> None:
    """Two users with a sweep each, on real workers: while both have ranges, neither is far ahead."""
    newcomer(store, "bob", snapshot)
    few = sweep(snapshot, vary={"window": "5:64:1", "slow": "30:59:1"}, fix={"hot": 70})
    owners = {store.submit(owner, few).id: owner for owner in (OWNER, "bob")}
    with workers(url_of(store), tmp_path) as house:
        for _ in range(2):
            house.start(TREEFOLIO_CHUNK_SECONDS="0.02")
        for job, owner in owners.items():
            until(lambda job=job, owner=owner: store.get(owner, job).state in ENDED, "the end")
    assert {store.get(owner, job).state for job, owner in owners.items()} == {State.DONE}
    with store.engine.connect() as connection:
        begun = connection.execute(
            text(
                "select job, begun_at > (select max(finished_at) from chunks where work = 'plan') as together"
                " from chunks where work = 'rows' order by begun_at, tag"
            )
        ).all()
    order = [owners[row.job] for row in begun if row.together]
    assert len(order) > 20
    ahead = Counter[str]()
    for user in order[: 2 * min(Counter(order).values())]:
        ahead[user] += 1
        assert abs(ahead[OWNER] - ahead["bob"]) <= 4
