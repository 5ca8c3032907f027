"""Many who listen to one job: it is measured once for all of them, and nobody is told what was before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import event, text

from service_samples import DEADLINE_SECONDS
from treefolio.errors import DatabaseError, NoSuchJob
from treefolio.jobs import migrations
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.errands import Errands
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.ledger.store import CHANNEL, Store, open_store
from treefolio.jobs.requests import WarmRequest
from treefolio.jobs.states import Event, State
from treefolio.service import models
from treefolio.service import news as telling
from treefolio.service.bell import Bell
from treefolio.service.news import Gauges, News, news
from treefolio.testing.postgres import PostgresServer

OWNER, MANY, STEPS = "ann", 20, 30


@pytest.fixture
def url(server: PostgresServer) -> str:
    return server.database()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = open_store(url)
    migrations.upgrade(made.engine)
    made.enter_user(OWNER)
    yield made
    made.close()


@pytest.fixture
def job(store: Store) -> UUID:
    """A job in one piece that no worker takes."""
    return store.submit(OWNER, WarmRequest(source="yahoo", tickers=("SPY",))).id


@pytest.fixture
def measured(store: Store) -> list[str]:
    """Grows with each measurement."""
    found: list[str] = []

    def hear(*given: object) -> None:
        if "sum(chunks.seconds)" in str(given[2]):
            found.append(str(given[2]))

    event.listen(store.engine, "before_cursor_execute", hear)
    return found


async def admitted() -> None:
    """Nobody logs in."""


def claimed(store: Store, job: UUID) -> Chunk:
    bench = Bench(store.engine, store.settings)
    chunk = bench.claim(bench.enter("tower", 11, "1.0"), job, Work.RUN, 0)
    assert chunk is not None
    return chunk


def worked_on(store: Store, chunk: Chunk) -> None:
    """The job comes far in small steps, and is cancelled."""
    errands = Errands(store.engine)
    for step in range(1, STEPS + 1):
        assert errands.tell_progress(chunk, step, STEPS)
    assert store.ask(OWNER, chunk.job, Event.CANCEL).state is State.CANCELLING
    assert Bench(store.engine, store.settings).hand_back(chunk)


async def told(bell: Bell, gauges: Gauges, job: UUID, after: int = 0) -> list[News]:
    """All that a listener is told, to the end."""
    return [each async for each in news(bell, gauges.of(OWNER, job), after, admitted)]


def test_one_measurement_for_all(
    store: Store, job: UUID, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks at the same time shares it; so do those who wait for the next."""
    monkeypatch.setattr(telling, "_MEASURED_SECONDS", 0.2)

    async def asked() -> None:
        gauges = Gauges(store)
        gauge = gauges.of(OWNER, job)
        for count in (1, 2):
            since = time.monotonic()
            asking = [gauges.of(OWNER, job).progress(since, at_once=False) for _ in range(MANY)]
            found = await asyncio.gather(*asking)
            assert len(measured) == count
            assert {id(each) for each in found} == {id(gauge.found)}
        store.ask(OWNER, job, Event.CANCEL)
        since = time.monotonic()
        asking = [gauge.progress(since, at_once=True) for _ in range(MANY)]
        assert {each.job.state for each in await asyncio.gather(*asking)} == {State.CANCELLED}
        assert len(measured) == 3

    asyncio.run(asked())


def test_of_others_nothing_is_shared(store: Store, job: UUID) -> None:
    """A job of somebody else is a job that there is not; what nobody listens to is forgotten."""
    store.enter_user("bob")

    async def asked() -> None:
        gauges = Gauges(store)
        mine = gauges.of(OWNER, job)
        assert (await mine.progress(time.monotonic(), at_once=True)).job.id == job
        with pytest.raises(NoSuchJob):
            await gauges.of("bob", job).progress(0.0, at_once=True)
        gauges.of(OWNER, UUID(int=1))
        assert gauges.of(OWNER, job) is mine
        assert (OWNER, UUID(int=1)) not in gauges.used

    asyncio.run(asked())


def test_a_measurement_that_fails(store: Store, job: UUID, measured: list[str]) -> None:
    """Leaves nothing old behind."""

    async def asked() -> None:
        gauge = Gauges(store).of(OWNER, job)
        await gauge.progress(0.0, at_once=True)
        since = time.monotonic()
        for name, other in (("chunks", "away"), ("away", "chunks")):
            with store.engine.begin() as connection:
                connection.execute(text(f"alter table {name} rename to {other}"))
            if other == "away":
                with pytest.raises(DatabaseError):
                    await gauge.progress(since, at_once=True)
        measured.clear()
        assert (await gauge.progress(since, at_once=True)).job.id == job
        assert len(measured) == 1

    asyncio.run(asked())


def test_nobody_is_told_what_was_before(
    url: str, store: Store, job: UUID, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has all milestones; progress is never behind those that were told, and the end is the end."""
    monkeypatch.setattr(telling, "_APART_SECONDS", 0.001)
    monkeypatch.setattr(telling, "_MEASURED_SECONDS", 0.1)
    chunk = claimed(store, job)

    async def listened() -> list[list[News]]:
        bell, gauges = Bell(url, CHANNEL), Gauges(store)
        ringing = asyncio.create_task(bell.listen())
        listeners = [asyncio.create_task(told(bell, gauges, job)) for _ in range(MANY)]
        await asyncio.to_thread(worked_on, store, chunk)
        found = await asyncio.wait_for(asyncio.gather(*listeners), DEADLINE_SECONDS)
        ringing.cancel()
        return found

    found = asyncio.run(listened())
    numbers = {each.id for each in store.milestones(OWNER, job)}
    for heard in found:
        assert {each.id for each in heard} - {None} == numbers
        done = 0
        for each in heard:
            if isinstance(each.data, models.Event) and each.event == "rows":
                done = each.data.data["done"]
            if isinstance(each.data, models.Progress):
                assert each.data.job.rows_done >= done
        *_, last, end = heard
        assert isinstance(last.data, models.Progress)
        assert isinstance(end.data, models.End)
        assert (last.data.job.state, end.data.state) == (State.CANCELLED, State.CANCELLED)
    assert len(measured) < sum(each.event == "progress" for heard in found for each in heard)


def test_a_client_that_knows_more_than_happened(
    url: str, store: Store, job: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was restored from a backup, say: it is told how far the job is, and the end."""
    monkeypatch.setattr(telling, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(telling, "_MEASURED_SECONDS", 0.05)

    async def listened() -> list[News]:
        hearing = news(Bell(url, CHANNEL), Gauges(store).of(OWNER, job), 10**9, admitted)
        first = await anext(hearing)
        await asyncio.to_thread(store.ask, OWNER, job, Event.CANCEL)
        return [first, *[each async for each in hearing]]

    heard = asyncio.run(asyncio.wait_for(listened(), DEADLINE_SECONDS))
    assert [each.event for each in heard] == ["progress", "progress", "end"]


def test_a_long_past(url: str, store: Store, job: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told some milestones at a time, without a pause between them, from where a client was on."""
    monkeypatch.setattr(telling, "_PAGE", 4)
    monkeypatch.setattr(telling, "_MEASURED_SECONDS", 3_600.0)
    worked_on(store, claimed(store, job))
    numbers = [each.id for each in store.milestones(OWNER, job)]

    async def listened(after: int) -> list[News]:
        return await told(Bell(url, CHANNEL), Gauges(store), job, after)

    for after in (0, *numbers[5:7], numbers[-1]):
        heard = asyncio.run(listened(after))
        assert [each.id for each in heard if each.id is not None] == [n for n in numbers if n > after]
        assert [each.event for each in heard[-2:]] == ["progress", "end"]
