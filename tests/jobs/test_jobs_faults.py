"""What is around the workers goes wrong: disk, database, network, cache, clock. Work pauses and goes on.

Nothing here is measured against a clock: files are the library's bytes, or the job says what was wrong.
"""

from __future__ import annotations

import ast
import datetime as dt
import io
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import polars as pl
import pytest
from cable import Cable
from jobs_cases import (
    OWNER,
    STABLE,
    ended,
    files_of,
    sweep,
    until,
    url_of,
    workers,
)
from sqlalchemy import text

import treefolio.jobs
from treefolio.jobs.chunks import Workshop
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import ChunkState, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import Asked, Fetch, SweepRequest
from treefolio.jobs.states import Event, State
from treefolio.jobs.worker import Worker
from treefolio.sweep.warm import warm
from treefolio.testing.redis import RedisServer
from treefolio.testing.vendors.alpaca_wire import KEY, SECRET, AlpacaWire
from treefolio.testing.vendors.served import made_up
from treefolio.testing.vendors.server import VendorServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and signals of Linux")

LEASE_SECONDS = 1.5


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


def whole(store: Store, job: UUID, expected: dict[str, bytes]) -> None:
    """The job is done, and its files are the library's."""
    assert ended(store, job).state is State.DONE
    files = files_of(store, job)
    assert {name: files[name] for name in STABLE} == expected


def asked(store: Store, query: str, **values: object) -> object:
    """One value from the database."""
    with store.engine.connect() as connection:
        return connection.execute(text(query), values).scalar()


# ---- the disk


def limit_files(process: subprocess.Popen[bytes], size: int) -> None:
    """No file of this process may become larger: it is as if its disk were full."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def with_rows(store: Store, job: UUID) -> bool:
    return store.get(OWNER, job).rows_done > 0


def tries(store: Store, job: UUID) -> int:
    """How often somebody has tried in vain to make the job's files."""
    return sum(each.kind == "waits" for each in store.milestones(OWNER, job))


def test_a_full_disk_and_then_room(
    store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """What needs the disk when all rows are there is tried until there is room, more often than anything else
    may fail, and the job says what it waits for; nothing half-written stays."""
    job = store.submit(OWNER, sweep(snapshot)).id
    with workers(url_of(store), tmp_path) as house:
        process = house.start()
        until(lambda: with_rows(store, job), "the first rows")
        limit_files(process, 20_000)
        until(lambda: tries(store, job) > store.settings.chunk_tries + 1, "more tries than three")
        found = store.get(OWNER, job)
        assert found.state is State.RUNNING
        assert found.rows_done == found.rows_total
        assert "the system allows no more to be written" in (found.reason or "")
        assert files_of(store, job) == {}
        limit_files(process, resource.RLIM_INFINITY)
        whole(store, job, expected)
    assert store.get(OWNER, job).reason is None
    assert asked(store, "select sum(failures + lost) from chunks where job = :job", job=job) == 0
    assert [each.name for each in (tmp_path / "home-0" / "work").iterdir()] == ["snapshots"]


def test_a_full_disk(store: Store, snapshot: str, tmp_path: Path) -> None:
    """Whoever does not want to wait for room cancels the job; it ends, and has no files."""
    job = store.submit(OWNER, sweep(snapshot)).id
    with workers(url_of(store), tmp_path) as house:
        process = house.start()
        until(lambda: with_rows(store, job), "the first rows")
        limit_files(process, 20_000)
        until(lambda: tries(store, job), "a try")
        store.ask(OWNER, job, Event.CANCEL)
        found = ended(store, job)
    assert (found.state, found.reason) == (State.CANCELLED, None)
    assert files_of(store, job) == {}
    assert [each.name for each in (tmp_path / "home-0" / "work").iterdir()] == ["snapshots"]


def test_files_that_can_never_be_made(store: Store, snapshot: str) -> None:
    """What is wrong with more than the room is not waited for: the third try fails the job, and says why."""
    store.settings = store.settings.model_copy(update={"chunk_pauses_s": (0.01,)})
    bench = Bench(store.engine, store.settings)
    worker = Worker(url_of(store), bench, Workshop(bench, store.settings), store.settings)
    worker.number = bench.enter("tower", 1, "0")
    job = store.submit(OWNER, sweep(snapshot)).id
    worker.take(job, Work.PLAN, 0)
    for number in range(store.progress(OWNER, job).chunks[ChunkState.WAITING]):
        worker.take(job, Work.ROWS, number)
    lacking_a_column(store, job)
    for tries in range(1, store.settings.chunk_tries + 1):
        assert store.get(OWNER, job).state is State.RUNNING
        worker.take(job, Work.FINISH, 0)
        assert (
            asked(store, "select failures from chunks where job = :job and work = 'finish'", job=job) == tries
        )
    found = store.get(OWNER, job)
    assert found.state is State.FAILED
    assert "Another version began this sweep" in (found.reason or "")


def lacking_a_column(store: Store, job: UUID) -> None:
    """As if a version that knew less had made the job's rows."""
    with store.engine.begin() as connection:
        query = text("select number, content from parts where job = :job")
        for number, content in connection.execute(query, {"job": job}).all():
            frame = pl.read_parquet(bytes(content))
            hidden = next(name for name in frame.columns if name.startswith("."))
            written = io.BytesIO()
            frame.drop(hidden).write_parquet(written)
            values = {"job": job, "number": number, "content": written.getvalue()}
            change = "update parts set content = :content where job = :job and number = :number"
            connection.execute(text(change), values)


# ---- the database


@contextmanager
def full(store: Store, table: str) -> Iterator[None]:
    """Within, the database has no room for rows of a table, and says so as it does."""
    with store.engine.begin() as connection:
        connection.execute(
            text(
                "create function no_room() returns trigger language plpgsql as $$ begin raise exception"
                " 'could not extend file' using errcode = '53100', hint = 'Check free disk space.'; end $$"
            )
        )
        connection.execute(
            text(f"create trigger no_room before insert on {table} execute function no_room()")
        )
    yield
    with store.engine.begin() as connection:
        connection.execute(text("drop function no_room cascade"))


@pytest.mark.parametrize("table", ["parts", "files"])
def test_a_full_database(
    store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path, table: str
) -> None:
    """Who brings a result waits until there is room for it; no attempt has failed."""
    job = store.submit(OWNER, sweep(snapshot)).id
    work = "rows" if table == "parts" else "finish"
    with workers(url_of(store), tmp_path) as house:
        with full(store, table):
            house.start()
            query = "select count(*) from chunks where job = :job and work = :work and state = 'taken'"
            until(lambda: asked(store, query, job=job, work=work), "a chunk that has no room")
            log = tmp_path / "worker-0.log"
            until(lambda: "waits for the database" in log.read_text(encoding="utf-8"), "word of it")
            assert asked(store, f"select count(*) from {table} where job = :job", job=job) == 0
        whole(store, job, expected)
    assert asked(store, "select sum(failures + lost) from chunks where job = :job", job=job) == 0


def test_the_network_is_cut(store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path) -> None:
    """First it holds what is said, then connections break and none can be made, then it is well."""
    parts = urlsplit(url_of(store))
    (folder,) = parse_qs(parts.query)["host"]
    job = store.submit(OWNER, sweep(snapshot)).id
    with Cable(f"{folder}/.s.PGSQL.5432") as cable:
        url = f"postgresql://postgres:@127.0.0.1:{cable.port}{parts.path}"
        with workers(url, tmp_path) as house:
            house.start()
            until(lambda: with_rows(store, job), "the first rows")
            cable.held.set()
            silent = "select min(now() - beat) > make_interval(secs => :lease) from workers"
            until(lambda: asked(store, silent, lease=LEASE_SECONDS), "silence")
            cable.cut.set()
            cable.held.clear()
            until(lambda: "no database" in (tmp_path / "worker-0.log").read_text(encoding="utf-8"), "word")
            assert store.get(OWNER, job).state is State.RUNNING
            cable.cut.clear()
            whole(store, job, expected)


# ---- the cache


def test_redis_goes(store: Store, tmp_path: Path) -> None:
    """A job whose prices are there does not notice; one that fetches some does so without the cache."""
    served = made_up(("SPY", "BIL"), dt.date(2023, 1, 3), dt.date(2024, 12, 31))
    tree = "name: Fetched\nvariables: {hot: 70}\ntree: {if: 'rsi(SPY, 5) > $hot', then: BIL, else: SPY}\n"
    request = SweepRequest(strategy=tree, asked=Asked(fetch=Fetch(source="alpaca")), vary={"hot": "60:79:1"})
    with (
        RedisServer() as redis,
        VendorServer(AlpacaWire(served), per_minute=10_000) as vendor,
        workers(url_of(store), tmp_path) as house,
    ):
        house.start(
            APCA_API_KEY_ID=KEY,
            APCA_API_SECRET_KEY=SECRET,
            TREEFOLIO_ALPACA_DATA_URL=vendor.url,
            TREEFOLIO_REDIS_URL=redis.url,
        )
        job = store.submit(OWNER, request).id
        until(lambda: store.get(OWNER, job).snapshot, "its prices")
        with redis.client() as client:
            assert client.dbsize() > 0
        redis.kill()
        first = ended(store, job)
        other = ended(store, store.submit(OWNER, request).id)
    assert (first.state, other.state) == (State.DONE, State.DONE)
    assert first.snapshot == other.snapshot
    files, again = files_of(store, first.id), files_of(store, other.id)
    assert files["rows.parquet"] == again["rows.parquet"]


# ---- the clock

WALL = ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today", "datetime.today")


def test_no_clock_but_the_database_s() -> None:
    """Code of jobs never asks this machine what time it is; how long something took is no such question."""
    code = sorted(Path(treefolio.jobs.__file__).parent.rglob("*.py"))
    nodes = ((path, node) for path in code for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    said = ((path, ast.unparse(node)) for path, node in nodes if isinstance(node, ast.Attribute))
    asking = [f"{path.name}: {words}" for path, words in said if words.endswith(WALL)]
    assert asking == []


SHIFTED = """\
import time
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + {0}
time.time_ns = lambda: real_ns() + {0} * 10**9
"""


def test_workers_with_other_clocks(
    store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """One is a year ahead, one a year behind: nothing is taken from either."""
    job = store.submit(OWNER, sweep(snapshot)).id
    with workers(url_of(store), tmp_path) as house:
        for name, seconds in (("ahead", 31_536_000), ("behind", -31_536_000)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "sitecustomize.py").write_text(SHIFTED.format(seconds), encoding="utf-8")
            house.start(PYTHONPATH=str(tmp_path / name), TREEFOLIO_LEASE_S="30")
        whole(store, job, expected)
    assert asked(store, "select sum(failures + lost) from chunks where job = :job", job=job) == 0
    assert asked(store, "select count(*) from workers") == 2


def test_the_database_s_clock_goes_back(store: Store, snapshot: str) -> None:
    """Signs of life from the future: nothing is taken at once, and after a lease from who is gone alone."""
    bench = Bench(store.engine, store.settings)
    jobs = [store.submit(OWNER, sweep(snapshot)).id for _ in range(2)]
    gone, there = (bench.enter("here", number, "0") for number in range(2))
    lost = bench.claim(gone, jobs[0], Work.PLAN, 0)
    kept = bench.claim(there, jobs[1], Work.PLAN, 0)
    assert lost is not None
    assert kept is not None
    bench.beat(gone, lost)
    bench.beat(there, kept)
    with store.engine.begin() as connection:
        connection.execute(text("update workers set beat = beat + interval '1 hour'"))
    assert bench.expire() == 0
    assert asked(store, "select count(*) from workers where beat > now()") == 0
    with store.engine.begin() as connection:
        connection.execute(text("update workers set beat = beat - interval '10 seconds'"))
    bench.beat(there, kept)
    assert bench.expire() == 1
    assert bench.claim(there, jobs[0], Work.PLAN, 0) is not None
    assert bench.beat(there, kept) == (True, True)


def test_pauses_that_began_under_another_clock(store: Store, snapshot: str) -> None:
    """A task that rests for years is taken at once, when the clock is right again; one that rests for as long
    as it may goes on resting."""
    bench = Bench(store.engine, store.settings)
    worker = bench.enter("here", 1, "0")
    astray, well = (store.submit(OWNER, sweep(snapshot)).id for _ in range(2))
    for job in (astray, well):
        chunk = bench.claim(worker, job, Work.PLAN, 0)
        assert chunk is not None
        with store.engine.begin() as connection:
            connection.execute(
                text("delete from procrastinate_jobs where args ->> 'job' = :job"), {"job": str(job)}
            )
        assert bench.fail(chunk, "away")
    due = "select scheduled_at from procrastinate_jobs where args ->> 'job' = :job"
    with store.engine.begin() as connection:
        ahead = "update procrastinate_jobs set scheduled_at = scheduled_at + make_interval(secs => :s)"
        ours = ahead + " where args ->> 'job' = :job"
        connection.execute(text(ours), {"s": 30 * 365 * 86_400, "job": str(astray)})
        connection.execute(text(ours), {"s": 200, "job": str(well)})
    before = asked(store, due, job=str(well))
    assert bench.look() == 0
    assert asked(store, due, job=str(astray)) is None
    assert asked(store, due, job=str(well)) == before is not None


def test_workers_that_ended_under_another_clock(store: Store, snapshot: str) -> None:
    """Their last signs of life are from the future: what they had is free all the same."""
    bench = Bench(store.engine, store.settings)
    fetched, claimed = (store.submit(OWNER, sweep(snapshot)).id for _ in range(2))
    there = bench.enter("here", 1, "0")
    chunk = bench.claim(there, claimed, Work.PLAN, 0)
    assert chunk is not None
    assert bench.expire() == 0
    with store.engine.begin() as connection:
        connection.execute(
            text("update chunks set begun_at = begun_at + interval '30 years' where state = 'taken'")
        )
        seen = "insert into procrastinate_workers (last_heartbeat) values (now() + interval '30 years')"
        number = connection.execute(text(f"{seen} returning id")).scalar_one()
        doing = (
            "update procrastinate_jobs set status = 'doing', worker_id = :number where args ->> 'job' = :job"
        )
        connection.execute(text(doing), {"number": number, "job": str(fetched)})
    bench.beat(there, None)
    assert bench.expire() == 1
    assert bench.look() == 1
    todo = "select count(*) from procrastinate_jobs where status = 'todo' and args ->> 'job' = :job"
    assert asked(store, todo, job=str(fetched)) == 1
