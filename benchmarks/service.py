"""The service beside the library, on the same cores: make bench, or python benchmarks/service.py

1. How soon `treefolio serve` takes jobs.
2. 200,000 combinations of the strategy of benchmarks/sweep.py, to the last file: by the library in a process,
   and through the service from submission to the end, in turns. Both make the same files.
3. Pages of the 200,000 rows, sorted and filtered, while the service works on such a sweep.
4. A worker is killed while it has a chunk: how long until another one has it, with the usual settings.
"""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import psycopg
from served import Service

from sweep import END, START, big_strategy, four_handles, machine, say
from treefolio.client import Client
from treefolio.engine.execution import Costs, Execution
from treefolio.jobs.requests import Asked, SweepRequest, plan
from treefolio.jobs.states import Event, State
from treefolio.market.panel import Panel
from treefolio.report import SweepSummary, sweep_page
from treefolio.strategy.text import write
from treefolio.sweep.output import write_report

TURNS = 3
RATIO_LIMIT, READY_LIMIT, PAGE_LIMIT = 1.5, 5.0, 0.3
QUERIES: tuple[dict[str, object], ...] = (
    {"sort": ["sharpe"]},
    {"sort": ["-cagr", "max_drawdown"], "offset": 100_000},
    {"where": "max_drawdown < 0.5 and sharpe > 0.5", "sort": ["sortino"]},
    {"offset": 150_000},
)
Found = TypeVar("Found")
_TICK_SECONDS = 0.005


def main() -> None:
    """Prints the figures."""
    workers = os.cpu_count() or 1
    strategy, panel, name = big_strategy()
    request = SweepRequest(
        strategy=write(strategy),
        asked=Asked(snapshot=panel.content_hash, start=START, end=END, missing="skip"),
        vary=four_handles(strategy),
    )
    print(machine())
    print(f"{name}, {workers} workers; the library on as many threads")
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), workers) as service,
        service.client() as client,
    ):
        done = compare(client, request, panel, workers)
        pages(client, request, panel, done)
        take_over(service, client, request, panel)


@contextmanager
def served(folder: Path, workers: int) -> Iterator[Service]:
    """A service: the first start makes the database, the second one is what is usual."""
    with Service(folder / "home", workers=workers) as first:
        say("serve takes jobs: the first time, which makes the database", f"{first.ready_seconds:9.1f} s")
    with Service(folder / "home", workers=workers) as service:
        say(f"serve takes jobs: again (limit {READY_LIMIT:g} s)", f"{service.ready_seconds:9.1f} s")
        yield service


def compare(client: Client, request: SweepRequest, panel: Panel, workers: int) -> UUID:
    """The sweep by the library and through the service, in turns; returns the last job."""
    client.upload(panel)
    library: list[float] = []
    service: list[float] = []
    first: list[float] = []
    for _ in range(TURNS):
        library.append(by_library(request, panel, workers))
        began = time.perf_counter()
        job = client.submit(request, panel).id
        for progress in client.watch(job):
            if progress.job.rows_done and len(first) == len(service):
                first.append(time.perf_counter() - began)
        service.append(time.perf_counter() - began)
        assert client.job(job).state is State.DONE
    ours, theirs = statistics.median(service), statistics.median(library)
    say("library, 200,000 combinations with all files", f"{theirs:9.1f} s  {said(library)}")
    say("service, the same, from submission to the end", f"{ours:9.1f} s  {said(service)}")
    say(f"ratio (limit {RATIO_LIMIT:g})", f"{ours / theirs:9.2f}")
    say("service, from submission to the first row", f"{statistics.median(first):9.1f} s")
    return job


def said(seconds: list[float]) -> str:
    """All times, in their order."""
    return f"({', '.join(f'{each:.1f}' for each in seconds)})"


def by_library(request: SweepRequest, panel: Panel, threads: int) -> float:
    """Seconds of the sweep with all files that a job has."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        planned = plan(request, panel)
        swept = planned.run(Path(folder) / "out", threads=threads)
        page = sweep_page(SweepSummary.of(planned, swept))
        write_report(Path(folder) / "out", page)
        return time.perf_counter() - began


def pages(client: Client, request: SweepRequest, panel: Panel, done: UUID) -> None:
    """Pages of 100 rows of a finished sweep, one after the other, while another one is worked on."""
    client.rows(done)
    job = client.submit(request, panel).id
    wait_for(lambda: client.job(job).rows_done, "a row")
    seconds = []
    for query in itertools.cycle(QUERIES):
        if client.job(job).ended:
            break
        began = time.perf_counter()
        assert client.rows(done, **query).complete  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - began)
    seconds.sort()
    p95 = seconds[int(0.95 * len(seconds))]
    label = f"page of 100 rows of 200,000 under that load, {len(seconds)} of them: median"
    say(label, f"{1e3 * statistics.median(seconds):9.0f} ms")
    say(f"… 95 of 100 take no longer than (limit {1e3 * PAGE_LIMIT:g} ms)", f"{1e3 * p95:9.0f} ms")


@dataclass
class Taken:
    """Which worker has which chunks of a job, looked at again and again."""

    url: str
    job: UUID
    held: list[tuple[int, int, int]] = field(default_factory=list)

    def look(self) -> list[tuple[int, int, int]]:
        """Chunk, attempt and process of the ranges that are being computed."""
        query = (
            "select number, attempt, pid from chunks join workers on workers.id = chunks.worker"
            " where job = %s and work = 'rows' and state = 'taken'"
        )
        with psycopg.connect(self.url) as connection:
            self.held = connection.execute(query, (self.job,)).fetchall()
        return self.held


def take_over(service: Service, client: Client, request: SweepRequest, panel: Panel) -> None:
    """From ``kill -9`` of a worker until its chunk is another one's."""
    slow = SweepRequest(
        strategy=request.strategy,
        asked=Asked(
            snapshot=panel.content_hash,
            start=START,
            end=END,
            missing="skip",
            execution=Execution(costs=Costs(slippage_bps=5.0)),
        ),
        vary=request.vary,
    )
    times = []
    for _ in range(TURNS):
        job = client.submit(slow, panel).id
        taken = Taken(service.database, job)
        number, attempt, pid = wait_for(taken.look, "a chunk under way")[0]
        os.kill(pid, 9)
        began = time.perf_counter()
        wait_for(lambda: any(n == number and a > attempt for n, a, _ in taken.look()), "another worker")  # noqa: B023
        times.append(time.perf_counter() - began)
        client.tell(job, Event.CANCEL)
        wait_for(lambda: client.job(job).ended, "its end")  # noqa: B023
    say("a killed worker's chunk is another one's (limit 30 s)", f"{max(times):9.1f} s  {said(times)}")


def wait_for(look: Callable[[], Found], what: str) -> Found:
    """What ``look`` finds, as soon as that is something."""
    deadline = time.monotonic() + 120.0
    pause = threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not come"
        pause.wait(_TICK_SECONDS)
    return found


if __name__ == "__main__":
    main()
