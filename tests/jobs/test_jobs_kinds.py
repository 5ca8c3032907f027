"""Kinds of jobs, done by a worker of this process on a real ledger, with vendors on this machine.

What a walk-forward writes are the bytes of the command line's. Prices are fetched once for a job, whatever
becomes of who fetches them.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from jobs_cases import (
    OWNER,
    PATIENCE_SECONDS,
    STRATEGY,
    ended,
    files_of,
    give_prices,
    panel,
    sweep,
    until,
    url_of,
    workers,
)
from pydantic import SecretStr
from sqlalchemy import insert, select, text

from treefolio.cli import main
from treefolio.errors import SourceAway
from treefolio.jobs.chunks import Workshop
from treefolio.jobs.keyring import Keyring
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import HOUSE, Chunk, Job, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import (
    FLAT_FILES,
    Asked,
    Fetch,
    ImportRequest,
    PurgeRequest,
    Request,
    RunRequest,
    SweepRequest,
    WalkForwardRequest,
    WarmRequest,
    plan,
)
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import ENDED, Event, State
from treefolio.jobs.tables import chunks, strategies, strategy_versions
from treefolio.jobs.vault import AlpacaKeys, Vault
from treefolio.jobs.worker import Hand, Worker
from treefolio.jobs.workshop import attending, data
from treefolio.jobs.workshop.attending import Halted, LeftBehind, attended
from treefolio.jobs.workshop.prices import Insisting
from treefolio.market import calendar
from treefolio.market.bars import no_bars
from treefolio.market.cache.choice import open_cache
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.base import Delivered, Failed
from treefolio.market.sources.made_up import MadeUp
from treefolio.market.supply import SyntheticSupply
from treefolio.sweep.lengths import parse_length
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling
from treefolio.testing.flat_files import write_folder
from treefolio.testing.vendors.alpaca_wire import ACTIONS, BARS, KEY, SECRET, AlpacaWire
from treefolio.testing.vendors.served import made_up
from treefolio.testing.vendors.server import VendorServer

TREE = "name: Warm\nvariables: {hot: 70}\ntree: {if: 'rsi(SPY, 5) > $hot', then: BIL, else: SPY}\n"
NAMES = ("SPY", "BIL", "TQQQ")
FIRST, LAST = dt.date(2023, 1, 3), dt.date(2024, 12, 31)
ALPACA = Fetch(source="alpaca")
ROLLING = Rolling(train=parse_length("2y", ""), test=parse_length("9m", ""), step=parse_length("9m", ""))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of the worker, and no keys in the environment."""
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TREEFOLIO_TRIES", "1")
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "MASSIVE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def alpaca(monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorServer]:
    """Alpaca with three tickers, which the environment has keys for."""
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    with VendorServer(AlpacaWire(made_up(NAMES, FIRST, LAST)), per_minute=10_000) as server:
        monkeypatch.setenv("TREEFOLIO_ALPACA_DATA_URL", server.url)
        yield server


class Hands:
    """A worker of this process, which does what it is told to."""

    def __init__(self, store: Store, home: Path, **changed: object) -> None:
        clock = changed.pop("clock", time.monotonic)
        settings = store.settings.model_copy(update={"home": home, **changed})
        self.store = store
        self.bench = Bench(store.engine, settings)
        self.workshop = Workshop(self.bench, settings, clock)  # type: ignore[arg-type]
        self.worker = Worker("", self.bench, self.workshop, settings)
        self.worker.number = self.number = self.bench.enter("here", 1, "0")

    def waiting(self, job: UUID) -> list[tuple[Work, int]]:
        """The job's chunks that wait."""
        query = select(chunks.c.work, chunks.c.number).where(chunks.c.job == job, chunks.c.state == "waiting")
        with self.store.engine.connect() as connection:
            return [(Work(work), number) for work, number in connection.execute(query.order_by("number"))]

    def claim(self, job: UUID) -> Chunk:
        """The job's first chunk, claimed."""
        found = self.bench.claim(self.number, job, *self.waiting(job)[0])
        assert found is not None
        return found

    def do(self, request: Request) -> Job:
        """Submits it and does all of it."""
        return self.finish(self.store.submit(OWNER, request).id)

    def finish(self, job: UUID) -> Job:
        """Does all chunks of a job, as a worker does."""
        while self.store.get(OWNER, job).state not in ENDED:
            for work, number in self.waiting(job):
                self.worker.take(job, work, number)
        return self.store.get(OWNER, job)

    def said(self, job: UUID, kind: str) -> list[dict[str, object]]:
        """What happened to the job, of a kind."""
        return [dict(each.data) for each in self.store.milestones(OWNER, job) if each.kind == kind]

    def result(self, job: UUID, name: str) -> dict[str, object]:
        """A result of the job."""
        found: dict[str, object] = json.loads(files_of(self.store, job)[name])
        return found


@pytest.fixture
def hands(store: Store, home: Path) -> Hands:
    """A worker of this process."""
    return Hands(store, home)


# Walk-forward.


@pytest.mark.parametrize(
    ("scheme", "by", "flags"),
    [
        (ROLLING, "sharpe", ("--train", "2y", "--test", "9m")),
        (
            Combinatorial(groups=4, test_groups=2, purge=3, embargo=2),
            "-calmar",
            ("--scheme", "cpcv", "--groups", "4", "--purge", "3d", "--embargo", "2d"),
        ),
    ],
    ids=["rolling", "combinatorial"],
)
def test_a_walkforward_is_that_of_the_command_line(
    hands: Hands, tmp_path: Path, scheme: Rolling | Combinatorial, by: str, flags: tuple[str, ...]
) -> None:
    """Computed in ranges, in another order than that of the rows, it gives the same files."""
    path = tmp_path / "strategy.yaml"
    path.write_text(STRATEGY, encoding="utf-8")
    out, narrow = tmp_path / "out", ("--vary", "hot=60:69:1", "--latest-start", "2012-02-01")
    question = ("--synthetic", "--start", "2012-01-03", "--slippage-bps", "3", "--by", by)
    assert main(("walkforward", str(path), *question, *flags, *narrow, "--out", str(out))) == 0
    asked = Asked(snapshot=give_prices(hands.store, tmp_path / "prices", panel()), start=dt.date(2012, 1, 3))
    execution = replace(asked.execution, costs=replace(asked.execution.costs, slippage_bps=3.0))
    request = WalkForwardRequest(
        strategy=STRATEGY,
        asked=replace(asked, execution=execution),
        scheme=scheme,
        by=by,
        vary={"hot": "60:69:1"},
        latest_start=dt.date(2012, 2, 1),
    )
    job = hands.store.submit(OWNER, request)
    hands.worker.take(job.id, Work.PLAN, 0)
    ranges = hands.waiting(job.id)
    assert len(ranges) > 1
    for work, number in reversed(ranges):
        hands.worker.take(job.id, work, number)
    done = hands.finish(job.id)
    assert (done.state, done.rows_done, done.reason) == (State.DONE, done.rows_total, None)
    found = files_of(hands.store, job.id)
    names = {each.name for each in out.iterdir()}
    assert names == set(found)
    for name in names - {"stats.json"}:
        assert found[name] == (out / name).read_bytes(), name


def test_a_walkforward_without_some_rows(hands: Hands, tmp_path: Path) -> None:
    """It has no result: the best row may be among those that could not be computed."""
    asked = Asked(snapshot=give_prices(hands.store, tmp_path / "prices", panel()))
    request = WalkForwardRequest(strategy=STRATEGY, asked=asked, scheme=ROLLING, vary={"hot": "60:62:1"})
    job = hands.store.submit(OWNER, request)
    hands.worker.take(job.id, Work.PLAN, 0)
    assert hands.bench.fail(hands.claim(job.id), "it is cursed", for_good=True)
    done = hands.finish(job.id)
    assert done.state is State.FAILED
    assert "could not be computed: it is cursed" in str(done.reason)


# Prices that the service fetches.


def test_fetched_prices_are_the_job_s(hands: Hands, tmp_path: Path) -> None:
    """The job has the snapshot that was fetched, its rows are those of it, and the request stays."""
    request = SweepRequest(
        strategy=TREE, asked=Asked(fetch=Fetch(source="synthetic")), vary={"hot": "60:69:1"}
    )
    job = hands.store.submit(OWNER, request, key="k")
    assert job.snapshot is None
    done = hands.finish(job.id)
    assert done.state is State.DONE
    assert done.snapshot is not None
    assert hands.store.has_snapshot(OWNER, done.snapshot)
    [said] = hands.said(job.id, "prices")
    assert said["snapshot"] == done.snapshot
    assert hands.store.submit(OWNER, request, key="k").id == job.id
    prices = SyntheticSupply().supply({"SPY", "BIL"}).panel
    assert prices.content_hash == done.snapshot
    plan(replace(request, asked=Asked(snapshot=done.snapshot)), prices).run(tmp_path / "out")
    assert files_of(hands.store, job.id)["rows.parquet"] == (tmp_path / "out" / "rows.parquet").read_bytes()


def test_the_one_who_fetched_them_dies(hands: Hands, home: Path, alpaca: VendorServer) -> None:
    """Killed after the prices were fixed: whoever goes on has the same, although the vendor has others."""
    wire = AlpacaWire(made_up(NAMES, FIRST, LAST, seed=8))
    job = hands.store.submit(OWNER, RunRequest(strategy=TREE, asked=Asked(fetch=ALPACA)))
    chunk = hands.claim(job.id)
    order, request = hands.workshop.order(job.id)
    assert isinstance(request, RunRequest)
    name = hands.workshop.fetch(chunk, order, request, lambda: True)
    asked = len(alpaca.requests)
    hands.bench.leave(hands.number)
    with VendorServer(wire, per_minute=10_000) as other, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TREEFOLIO_ALPACA_DATA_URL", other.url)
        done = Hands(hands.store, home.with_name("elsewhere")).finish(job.id)
        assert (done.state, done.snapshot) == (State.DONE, name)
        assert not other.requests
    assert len(alpaca.requests) == asked > 0
    manifest = hands.result(job.id, "manifest.json")
    assert manifest["prices"]["snapshot"] == name  # type: ignore[index]


def test_a_stale_attempt_fixes_nothing(hands: Hands) -> None:
    """Prices of a worker that lost its chunk are not the job's, and it is told to stop."""
    job = hands.store.submit(OWNER, RunRequest(strategy=TREE, asked=Asked(fetch=Fetch(source="synthetic"))))
    chunk = hands.claim(job.id)
    assert hands.bench.hand_back(chunk)
    order, request = hands.workshop.order(job.id)
    assert isinstance(request, RunRequest)
    with pytest.raises(Halted):
        hands.workshop.fetch(chunk, order, request, lambda: True)
    assert hands.store.get(OWNER, job.id).snapshot is None


@pytest.mark.parametrize(
    ("request_", "keys", "said"),
    [
        (RunRequest(strategy=TREE.replace("BIL", "BILL"), asked=Asked(fetch=ALPACA)), True, "BILL"),
        (RunRequest(strategy=TREE, asked=Asked(fetch=ALPACA)), False, "APCA_API_KEY_ID"),
    ],
    ids=["unknown ticker", "no key"],
)
def test_what_the_vendor_refuses(
    hands: Hands,
    alpaca: VendorServer,
    monkeypatch: pytest.MonkeyPatch,
    request_: RunRequest,
    keys: bool,
    said: str,
) -> None:
    """The job fails at once, with the vendor's reason."""
    if not keys:
        monkeypatch.delenv("APCA_API_KEY_ID")
    job = hands.do(request_)
    assert job.state is State.FAILED
    assert said in str(job.reason)
    assert hands.said(job.id, "chunk_failed")
    del alpaca


@pytest.mark.parametrize("path", [ACTIONS, BARS])
def test_a_vendor_that_is_away_is_asked_again(hands: Hands, alpaca: VendorServer, path: str) -> None:
    """An attempt that found it away is repeated, be it with splits or with bars."""
    alpaca.fault("down", path=path)
    job = hands.do(RunRequest(strategy=TREE, asked=Asked(fetch=ALPACA)))
    assert job.state is State.DONE
    with hands.store.engine.connect() as connection:
        assert connection.execute(text("select failures from chunks")).scalar_one() == 1


def test_the_owner_s_keys(
    hands: Hands, home: Path, alpaca: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys in the vault go before those of the environment, which the vendor would not take."""
    monkeypatch.setenv("APCA_API_KEY_ID", "SOMEBODYELSES0000000")
    vault = Vault(hands.store.engine, Keyring(JobSettings(home=home)))
    home.mkdir()
    with hands.store.engine.begin() as connection:
        vault.put(connection, OWNER, AlpacaKeys(key_id=SecretStr(KEY), secret=SecretStr(SECRET)))
    job = hands.do(RunRequest(strategy=TREE, asked=Asked(fetch=ALPACA)))
    assert job.state is State.DONE
    assert {each.headers["apca-api-key-id"] for each in alpaca.requests} == {KEY}


def test_what_came_before_a_vendor_went_away_is_delivered() -> None:
    """And the tickers that did not come are said; one that the vendor does not know is no loss."""
    days = (FIRST, LAST)

    class Shaky(MadeUp):
        """It loses one ticker, and knows another one not."""

        def bars(self, tickers: Sequence[str], first: dt.date, last: dt.date) -> Iterator[Delivered | Failed]:
            del first, last
            for name in tickers:
                if name == "SPY":
                    yield Delivered(ticker=name, bars=no_bars("1d"))
                else:
                    yield Failed(ticker=name, reason="the answer was cut", unknown=name == "NONE")

    answers = Insisting(Shaky(7)).bars(["BIL", "SPY", "NONE"], *days)
    assert [next(answers).ticker, next(answers).ticker] == ["SPY", "NONE"]
    with pytest.raises(SourceAway) as caught:
        next(answers)
    assert caught.value.ticker == "BIL"


# Warm.


def test_warm(hands: Hands, alpaca: VendorServer) -> None:
    """It fetches what is asked for, says what it did not get, and the next job asks for no bars."""
    job = hands.do(WarmRequest(source="alpaca", tickers=("spy", "BIL", "NOPE"), start=FIRST))
    assert (job.state, job.rows_done, job.rows_total, job.name) == (State.DONE, 3, 3, "Prices of alpaca")
    found = hands.result(job.id, "warm.json")
    days = len(calendar.sessions(FIRST, LAST))
    assert (found["tickers"], found["rows"], found["requests"]) == (3, 2 * days, len(alpaca.requests))
    assert list(found["failed"]) == ["NOPE"]  # type: ignore[call-overload]
    assert hands.said(job.id, "rows")[-1] == {"done": 3, "total": 3}
    asked = len(alpaca.requests)
    again = hands.do(WarmRequest(source="alpaca", tickers=("SPY",), start=FIRST))
    assert hands.result(again.id, "warm.json")["rows"] == days
    assert not [each for each in alpaca.requests[asked:] if each.query.get("start", "") < "2024"]


def give_strategy(store: Store, owner: str, *versions: list[str]) -> None:
    """A strategy of a user whose versions have these tickers."""
    made = uuid4()
    with store.engine.begin() as connection:
        connection.execute(insert(strategies).values(id=made, owner=owner, name="x"))
        for number, tickers in enumerate(versions, 1):
            connection.execute(
                insert(strategy_versions).values(
                    strategy=made,
                    number=number,
                    hash=str(number),
                    text="",
                    original=b"",
                    format="native",
                    report={},
                    tickers=tickers,
                )
            )


def test_warm_of_all_strategies(hands: Hands) -> None:
    """Without tickers it takes those of the newest versions of the owner's own; the house, everybody's."""
    hands.store.enter_user("bob")
    give_strategy(hands.store, OWNER, ["OLD"], ["SPY", "BIL"])
    give_strategy(hands.store, OWNER, ["SPY", "GLD"])
    give_strategy(hands.store, "bob", ["TLT"])
    job = hands.do(WarmRequest(source="synthetic"))
    found = hands.result(job.id, "warm.json")
    assert (found["tickers"], found["failed"]) == (3, {})
    keys = {entry.key.ticker for entry in open_cache(MarketSettings()).entries()}
    assert keys == {"SPY", "BIL", "GLD"}
    assert hands.workshop.errands.tickers(HOUSE) == ["BIL", "GLD", "SPY", "TLT"]


def test_a_warm_is_cancelled(hands: Hands, alpaca: VendorServer) -> None:
    """Although the vendor lets it wait: the job is cancelled, and the worker is free."""
    alpaca.fault("slow", times=100)
    job = hands.store.submit(OWNER, WarmRequest(source="alpaca", tickers=NAMES))
    chunk = hands.claim(job.id)
    hands.store.ask(OWNER, job.id, Event.CANCEL)
    known = threading.Thread(target=lambda: until(lambda: alpaca.requests, "a request"))
    known.start()
    with pytest.raises(LeftBehind):
        hands.workshop.do(chunk, lambda: not alpaca.requests)
    known.join()
    assert hands.bench.hand_back(chunk)
    assert hands.store.get(OWNER, job.id).state is State.CANCELLED
    alpaca.release()


@pytest.mark.parametrize(
    "request_",
    [
        WarmRequest(source="alpaca", tickers=NAMES, start=FIRST),
        RunRequest(strategy=TREE, asked=Asked(fetch=ALPACA)),
    ],
    ids=["warm", "run"],
)
def test_what_takes_long_is_done_in_several_goes(
    store: Store, home: Path, alpaca: VendorServer, monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    """An attempt that had its time ends without having failed, and the next one goes on where it did.

    By the clock of this test each answer of the vendor takes 100 s, and all else nothing.
    """
    monkeypatch.setattr(data, "BATCH", 1)
    hands = Hands(store, home, clock=lambda: 100.0 * len(alpaca.requests), chunk_timeout_s=120.0)
    job = hands.do(request_)
    assert (job.state, job.rows_done) == (State.DONE, job.rows_total)
    with store.engine.connect() as connection:
        attempts, failures = connection.execute(text("select attempt, failures from chunks")).one()
    assert failures == 0
    assert attempts > 1


LEAVES = pytest.mark.skipif(
    sys.platform == "win32", reason="a process that begins anew keeps its number on Unix"
)


@contextmanager
def leaving(store: Store, folder: Path, alpaca: VendorServer) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose job is cancelled while it waits for a vendor: it leaves that behind, and begins anew."""
    alpaca.fault("slow", times=100)
    job = store.submit(OWNER, WarmRequest(source="alpaca", tickers=NAMES))
    with workers(url_of(store), folder) as house:
        process = house.start(TREEFOLIO_READ_SECONDS="600")
        until(lambda: alpaca.requests, "a request")
        store.ask(OWNER, job.id, Event.CANCEL)
        log = folder / "worker-0.log"
        until(lambda: "begins anew" in log.read_text(encoding="utf-8"), "the new process")
        yield process
        assert store.get(OWNER, job.id).state is State.CANCELLED


@LEAVES
def test_a_worker_that_leaves_something_behind_begins_anew(
    store: Store, home: Path, tmp_path: Path, alpaca: VendorServer
) -> None:
    """As the same process: what it left behind is gone, and it does the next job."""
    with leaving(store, tmp_path, alpaca) as process:
        other = store.submit(OWNER, WarmRequest(source="synthetic", tickers=("SPY",)))
        assert ended(store, other.id).state is State.DONE
        assert process.poll() is None
    assert not home.exists()


@LEAVES
def test_a_worker_that_is_told_to_end_as_it_begins_anew(
    store: Store, tmp_path: Path, alpaca: VendorServer
) -> None:
    """Ends in order: what it was told waits until it can obey."""
    with leaving(store, tmp_path, alpaca) as process:
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_the_end_of_a_sweep_is_stopped(
    hands: Hands, snapshot: str, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is let go while its files are made; whoever makes them again makes the same ones."""
    job = hands.store.submit(OWNER, sweep(snapshot))
    for work in (Work.PLAN, Work.ROWS):
        for _, number in hands.waiting(job.id):
            hands.worker.take(job.id, work, number)
    chunk = hands.claim(job.id)
    assert chunk.work is Work.FINISH
    answers = iter((True, False))
    with monkeypatch.context() as patch:
        patch.setattr(attending, "LOOK_SECONDS", 0.0)
        with pytest.raises(Halted):
            hands.workshop.do(chunk, lambda: next(answers))
    assert hands.bench.hand_back(chunk)
    assert hands.finish(job.id).state is State.DONE
    files = files_of(hands.store, job.id)
    assert {name: files[name] for name in expected} == expected


def test_a_cancelled_job_is_let_go_before_the_next_beat(store: Store, home: Path, snapshot: str) -> None:
    """However seldom it beats, a worker learns soon that its chunk is not wanted any more."""
    hands = Hands(store, home, beat_s=3_600.0)
    job = store.submit(OWNER, RunRequest(strategy=STRATEGY, asked=Asked(snapshot=snapshot)))
    hand = hands.worker.hand = Hand(hands.claim(job.id), time.monotonic())
    beating = threading.Thread(target=hands.worker.beat)
    beating.start()
    try:
        until(lambda: store.workers()[0].chunk, "the only beat")
        assert hands.worker.go_on()
        store.ask(OWNER, job.id, Event.CANCEL)
        until(lambda: hand.unwanted, "the worker to learn it")
        assert not hands.worker.go_on()
    finally:
        hands.worker.hand = None
        hands.worker.ended.set()
        beating.join()


# Import and purge.


def test_import_of_flat_files(store: Store, home: Path, tmp_path: Path) -> None:
    """Those of a range of sessions, and only what is not there yet; bars are there for whoever asks."""
    write_folder(tmp_path / "flat", NAMES, calendar.sessions(dt.date(2024, 11, 1), dt.date(2024, 12, 31)))
    hands = Hands(store, home, flat_files=tmp_path / "flat")
    request = ImportRequest(source=FLAT_FILES, start=dt.date(2024, 12, 2), end=dt.date(2024, 12, 13))
    job = hands.do(request)
    assert (job.state, job.rows_done, job.rows_total) == (State.DONE, 10, 10)
    found = hands.result(job.id, "import.json")
    assert (found["files"], found["tickers"], found["rows"]) == (10, 3, 30)
    more = hands.result(hands.do(replace(request, end=dt.date(2024, 12, 17))).id, "import.json")
    assert (more["files"], more["unchanged"]) == (2, 10)


def test_an_import_that_is_stopped_goes_on(store: Store, home: Path, tmp_path: Path) -> None:
    """What was imported before it was stopped, in the year before, is not read again."""
    days = calendar.sessions(dt.date(2023, 12, 1), dt.date(2024, 1, 31))
    kept = sum(day.astype(object).year == 2023 for day in days)
    write_folder(tmp_path / "flat", NAMES, days)
    stop = threading.Event()
    errand = data.Errand(
        settings=MarketSettings(),
        files=tmp_path / "flat",
        tickers=list,
        asked_at=dt.datetime.now(dt.UTC),
        told=lambda done, _: stop.set() if done > kept else None,
        stop=stop,
    )
    with pytest.raises(Halted):
        data.done(ImportRequest(source=FLAT_FILES), errand, tmp_path)
    assert not (tmp_path / "import.json").exists()
    hands = Hands(store, home, flat_files=tmp_path / "flat")
    found = hands.result(hands.do(ImportRequest(source=FLAT_FILES)).id, "import.json")
    assert (found["unchanged"], found["files"]) == (kept, len(days) - kept)


def test_an_import_without_a_folder(hands: Hands) -> None:
    """It fails, and says which setting is missing."""
    job = hands.do(ImportRequest(source=FLAT_FILES))
    assert job.state is State.FAILED
    assert "TREEFOLIO_FLAT_FILES" in str(job.reason)


def test_import_of_a_vendor_s_bars(hands: Hands, alpaca: VendorServer) -> None:
    """A stretch of some tickers, and nothing before it."""
    end = dt.date(2024, 3, 28)
    job = hands.do(ImportRequest(source="alpaca", tickers=("SPY",), start=dt.date(2024, 3, 4), end=end))
    found = hands.result(job.id, "import.json")
    assert (job.state, found["rows"], found["last"]) == (State.DONE, 19, "2024-03-28")
    assert min(each.query["start"] for each in alpaca.requests if each.path == BARS) >= "2024-03-04"


def test_purge(hands: Hands, alpaca: VendorServer) -> None:
    """Actions are forgotten, raw bars stay; it says when prices may change again."""
    hands.do(WarmRequest(source="alpaca", tickers=NAMES, start=FIRST))
    before = {entry.key for entry in open_cache(MarketSettings()).entries()}
    job = hands.do(PurgeRequest())
    found = hands.result(job.id, "purge.json")
    after = {entry.key for entry in open_cache(MarketSettings()).entries()}
    assert {key.part for key in before - after} == {"actions"}
    assert found["blocks"] == len(before - after) == 3
    assert dt.datetime.fromisoformat(str(found["next"])) > dt.datetime.now(dt.UTC)
    del alpaca


# Attending.


def test_work_that_is_attended() -> None:
    """It gives what it gives, raises what it raises, stops when it is told to, or is left behind."""

    def fail(_: threading.Event) -> None:
        raise ValueError("no")

    def obey(stop: threading.Event) -> None:
        stop.wait()

    free = threading.Event()
    assert attended(lambda _: 7, lambda: True) == 7
    with pytest.raises(ValueError, match="no"):
        attended(fail, lambda: True)
    with pytest.raises(Halted) as caught:
        attended(obey, lambda: False)
    assert not isinstance(caught.value, LeftBehind)
    with pytest.raises(LeftBehind):
        attended(lambda _: free.wait(), lambda: False)
    free.set()
