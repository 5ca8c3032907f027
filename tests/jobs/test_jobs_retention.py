"""What is kept and for whom: prices by owner, jobs that are removed, what a purge leaves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jobs_cases import OWNER, blocked, newcomer, sweep, until
from sqlalchemy import text

from treefolio.errors import NoSuchJob, Refused
from treefolio.jobs.ledger import retention
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import HOUSE, Job, Work
from treefolio.jobs.ledger.retention import Removed
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import Asked, PurgeRequest, RunRequest
from treefolio.jobs.states import Event, State

TABLES = ("jobs", "chunks", "parts", "files", "events")


def run(store: Store, snapshot: str, owner: str = OWNER) -> Job:
    return store.submit(owner, RunRequest(strategy="tree: [SPY]\n", asked=Asked(snapshot=snapshot)))


def done(store: Store, job: Job, folder: Path) -> None:
    """The job has its result."""
    bench = Bench(store.engine, store.settings)
    chunk = bench.claim(bench.enter("here", 1, "0"), job.id, Work.RUN, 0)
    assert chunk is not None
    (folder / "file").write_bytes(b"result")
    assert bench.finish_files(chunk, folder, ["file"], missing=None, seconds=0.1)


def tidied(store: Store, *, keep_days: int | None = None) -> Removed:
    settings = store.settings.model_copy(update={"keep_days": keep_days})
    with store.engine.begin() as connection:
        return retention.tidy(connection, settings)


def age(store: Store, *columns: str, days: int) -> None:
    """Makes moments of a column older."""
    with store.engine.begin() as connection:
        for column in columns:
            table, _, name = column.partition(".")
            connection.execute(text(f"update {table} set {name} = {name} - interval '{days} days'"))


def sizes(store: Store) -> dict[str, int]:
    with store.engine.connect() as connection:
        return {
            table: connection.execute(text(f"select count(*) from {table}")).scalar_one() for table in TABLES
        }


# Whose prices are whose.


def test_prices_are_their_owners(store: Store, snapshot: str) -> None:
    """Somebody who has not brought them has them not, and cannot use their hash; the content is kept once."""
    store.enter_user("bob")
    assert store.has_snapshot(OWNER, snapshot)
    assert not store.has_snapshot("bob", snapshot)
    with pytest.raises(NoSuchJob):
        store.snapshot("bob", snapshot)
    with pytest.raises(Refused) as theirs:
        run(store, snapshot, "bob")
    with pytest.raises(Refused) as nobodys:
        run(store, "0" * 64, "bob")
    assert theirs.value.message.replace(snapshot, "") == nobodys.value.message.replace("0" * 64, "")
    newcomer(store, "bob", snapshot)
    assert store.has_snapshot("bob", snapshot)
    with store.engine.connect() as connection:
        assert connection.execute(text("select count(*) from snapshots")).scalar_one() == 1
    run(store, snapshot, "bob")


# Removing.


def test_a_job_that_has_ended_is_removed(store: Store, snapshot: str, tmp_path: Path) -> None:
    """All of it is gone, and its key may be used again; other jobs are untouched."""
    other = run(store, snapshot)
    before = sizes(store)
    job = store.submit(OWNER, sweep(snapshot), key="k")
    store.ask(OWNER, job.id, Event.CANCEL)
    assert store.remove(OWNER, job.id).name == "Interrupted"
    assert sizes(store) == before
    assert store.get(OWNER, other.id).state is State.QUEUED
    assert store.submit(OWNER, sweep(snapshot), key="k").id != job.id
    done(store, other, tmp_path)
    store.remove(OWNER, other.id)
    assert sizes(store)["files"] == 0


def test_what_cannot_be_removed(store: Store, snapshot: str) -> None:
    """A job that has not ended, one of somebody else, one that there is not."""
    job = run(store, snapshot)
    store.enter_user("bob")
    with pytest.raises(Refused) as caught:
        store.remove(OWNER, job.id)
    assert "ancel" in (caught.value.hint or "")
    store.ask(OWNER, job.id, Event.CANCEL)
    with pytest.raises(NoSuchJob):
        store.remove("bob", job.id)
    store.remove(OWNER, job.id)
    with pytest.raises(NoSuchJob):
        store.remove(OWNER, job.id)


# The purge.


def test_old_jobs_go_when_that_is_set(store: Store, snapshot: str, tmp_path: Path) -> None:
    """Those that ended so many days ago, with their results; never one that has not ended."""
    old, waiting = run(store, snapshot), run(store, snapshot)
    done(store, old, tmp_path)
    age(store, "jobs.created_at", "jobs.finished_at", days=31)
    new = run(store, snapshot)
    done(store, new, tmp_path)
    assert tidied(store) == Removed(jobs=0, snapshots=0)
    assert tidied(store, keep_days=32) == Removed(jobs=0, snapshots=0)
    assert tidied(store, keep_days=30) == Removed(jobs=1, snapshots=0)
    assert {job.id for job in store.list(OWNER)} == {new.id, waiting.id}
    assert sizes(store)["files"] == 1


def test_the_services_own_jobs_go_after_a_week(store: Store) -> None:
    """Whatever is set."""
    store.enter_user(HOUSE, tier=HOUSE)
    job = store.submit(HOUSE, PurgeRequest())
    store.ask(HOUSE, job.id, Event.CANCEL)
    age(store, "jobs.finished_at", days=6)
    assert tidied(store).jobs == 0
    age(store, "jobs.finished_at", days=2)
    assert tidied(store).jobs == 1


def test_prices_that_nobody_needs_go(store: Store, snapshot: str) -> None:
    """A day after they were brought last, when no job of their owner has them any more."""
    newcomer(store, "bob", snapshot)
    job = run(store, snapshot)
    assert tidied(store).snapshots == 0
    age(store, "snapshot_owners.made", days=2)
    assert tidied(store).snapshots == 0
    assert store.has_snapshot(OWNER, snapshot)
    assert not store.has_snapshot("bob", snapshot)
    store.ask(OWNER, job.id, Event.CANCEL)
    assert tidied(store).snapshots == 0
    store.remove(OWNER, job.id)
    assert tidied(store).snapshots == 1
    assert not store.has_snapshot(OWNER, snapshot)
    with pytest.raises(Refused):
        run(store, snapshot)


def test_prices_that_are_brought_again_stay(store: Store, snapshot: str) -> None:
    """Bringing them counts anew."""
    content = store.snapshot(OWNER, snapshot)
    age(store, "snapshot_owners.made", days=2)
    store.put_snapshot(OWNER, snapshot, content)
    assert tidied(store).snapshots == 0
    assert store.snapshot(OWNER, snapshot) == content


def test_days_gone_by_are_forgotten(store: Store, snapshot: str) -> None:
    """What was submitted on a day is known for some weeks."""
    run(store, snapshot)
    age(store, "usage_days.day", days=30)
    tidied(store)
    with store.engine.begin() as connection:
        assert connection.execute(text("select count(*) from usage_days")).scalar_one() == 1
        connection.execute(text("update usage_days set day = day - 20"))
    tidied(store)
    with store.engine.connect() as connection:
        assert connection.execute(text("select count(*) from usage_days")).scalar_one() == 0


def test_a_purge_meets_submissions(store: Store, snapshot: str) -> None:
    """Either the prices are there or the job is refused: nothing breaks between the two."""
    content = store.snapshot(OWNER, snapshot)
    over = threading.Event()

    def purge() -> None:
        while not over.is_set():
            age(store, "snapshot_owners.made", days=2)
            tidied(store)

    def submit() -> None:
        for _ in range(15):
            store.put_snapshot(OWNER, snapshot, content)
            try:
                job = run(store, snapshot)
            except Refused:
                continue
            store.ask(OWNER, job.id, Event.CANCEL)
            store.remove(OWNER, job.id)
        over.set()

    threads = [threading.Thread(target=role) for role in (purge, submit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.put_snapshot(OWNER, snapshot, content)
    assert store.snapshot(OWNER, snapshot) == content


def test_a_purge_meets_an_old_key(store: Store, snapshot: str) -> None:
    """Who submits a job again while it is being purged has it still: neither waits for the other for ever."""
    old = store.submit(OWNER, sweep(snapshot), key="k")
    store.ask(OWNER, old.id, Event.CANCEL)
    age(store, "jobs.finished_at", days=31)
    with ThreadPoolExecutor(2) as pool:
        with store.engine.begin() as connection:  # both look at whose prices there are: there they are held
            connection.execute(text("lock table snapshot_owners in access exclusive mode"))
            again = pool.submit(store.submit, OWNER, sweep(snapshot), key="k")
            until(lambda: again.done() or blocked(store) == 1, "the submission")
            purge = pool.submit(tidied, store, keep_days=30)
            until(lambda: purge.done() or blocked(store) == 2 - again.done(), "the purge")
        assert again.result().id == old.id
        assert purge.result() == Removed(jobs=1, snapshots=0)
    assert store.submit(OWNER, sweep(snapshot), key="k").id != old.id
