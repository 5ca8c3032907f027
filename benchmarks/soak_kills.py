"""Random kills of a service at work; its results must be the library's."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from uuid import UUID

import psutil
from served import Service
from soak_parts import Row, prices, require, sweep, wait_for

from treefolio.client import Client
from treefolio.jobs.requests import plan
from treefolio.jobs.states import State
from treefolio.service.models import Job

ROWS = 10_000
LIKELY = {"worker": 6, "answer": 2, "postgres": 2}
"""How often each is hit."""
SHORT = {
    "TREEFOLIO_CHUNK_SECONDS": "0.1",
    "TREEFOLIO_BEAT_S": "0.2",
    "TREEFOLIO_LEASE_S": "1.5",
    "TREEFOLIO_LOOK_S": "0.5",
}
"""Leases are short: there is more to see in as long a time."""
WORKERS = 2


def kills(folder: Path, count: int, seed: int) -> list[Row]:
    """Kills processes until they were so many, in sweep after sweep. Raises Broken."""
    dice = random.Random(seed)
    panel = prices()
    request = sweep(panel, ROWS)
    plan(request, panel).run(folder / "library", threads=WORKERS)
    expected = (folder / "library" / "rows.parquet").read_bytes()
    killed: Counter[str] = Counter()
    jobs: list[UUID] = []
    with (
        Service(folder / "home", workers=WORKERS, settings=SHORT) as service,
        service.client() as client,
    ):
        while killed.total() < count:
            jobs.append(client.submit(request, panel).id)
            harass(service, client, jobs[-1], count, killed, dice)
        for number, job in enumerate(jobs):
            check(client, job, expected, folder / f"out-{number}")
    by_kind = ", ".join(f"{kind} {killed[kind]}" for kind in LIKELY)
    return [
        ("kills", f"{killed.total()} ({by_kind})"),
        (f"sweeps of {ROWS:,} rows meanwhile, each with the library's bytes", f"{len(jobs)}"),
    ]


def harass(
    service: Service, client: Client, job: UUID, count: int, killed: Counter[str], dice: random.Random
) -> None:
    """Kills something whenever the job has come further by some rows, until it has ended."""
    moment = 0
    while killed.total() < count:
        found = further(client, job, moment)
        if found.ended:
            return
        moment = found.rows_done + dice.randrange(1, ROWS // 4)
        kind = dice.choices(list(LIKELY), list(LIKELY.values()))[0]
        if hit(service, kind, dice):
            killed[kind] += 1


def further(client: Client, job: UUID, rows: int) -> Job:
    """The job, as soon as so many of its rows are done, or it has ended."""

    def look() -> Job | None:
        found = client.job(job)
        return found if found.ended or found.rows_done >= rows else None

    return wait_for(look, "another row")


def hit(service: Service, kind: str, dice: random.Random) -> bool:
    """Kills one of a kind; False when there was none just now."""
    there = service.processes(kind)
    if not there:
        return False
    try:
        dice.choice(there).kill()
    except psutil.NoSuchProcess:
        return False
    return True


def check(client: Client, job: UUID, expected: bytes, out: Path) -> None:
    """The job is done, each row was counted once, and its bytes are the library's. Raises Broken."""
    found = wait_for(lambda: (now := client.job(job)).ended and now, "the end of a job")
    require(found.state is State.DONE, f"job {job} is {found.state}: {found.reason}")
    counts = (found.rows_done, found.rows_total, found.rows_failed)
    require(counts == (ROWS, ROWS, 0), f"rows done, all, failed of job {job}: {counts}")
    client.export(job, out)
    require((out / "rows.parquet").read_bytes() == expected, f"rows of job {job} are others")
