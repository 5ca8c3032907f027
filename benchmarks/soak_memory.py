"""One large sweep through a service, and the memory of each of its processes meanwhile."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path

import psutil
from served import Service, family
from soak_parts import Row, prices, require, sweep, wait_for

from treefolio.client import Client
from treefolio.jobs import embedded
from treefolio.jobs.states import State

ROLES = ("serve", "answer", "worker", "postgres")
GROWTH_LIMIT = 150e6
"""Bytes that a process may be larger at the end of the rows than it was at a third of them."""
SHARE = 3
LOOK_SECONDS = 0.25

Sizes = dict[str, float]


def memory(folder: Path, rows: int) -> list[Row]:
    """A sweep of so many rows, looked at until its end. Raises Broken."""
    panel = prices()
    peak: defaultdict[str, float] = defaultdict(float)
    with (
        Service(folder / "home", workers=os.cpu_count() or 1) as service,
        service.client() as client,
    ):
        job = client.submit(sweep(panel, rows), panel).id
        early: Sizes = {}
        late: Sizes = {}
        while not (found := client.job(job)).ended:
            now = sizes(service)
            for role, size in now.items():
                peak[role] = max(peak[role], size)
            if found.rows_done and found.rows_done * SHARE >= (found.rows_total or 0) and not early:
                early = now
            if found.rows_done < (found.rows_total or 0):
                late = now
            read(client, found.id)
            threading.Event().wait(LOOK_SECONDS)
        require(found.state is State.DONE, f"the job is {found.state}: {found.reason}")
        require(found.rows_done == found.rows_total, "rows are missing")
        wait_for(lambda: client.rows(job).complete, "all rows")
    early = early or late
    for role in ROLES:
        grown = late.get(role, 0.0) - early.get(role, 0.0)
        require(grown <= GROWTH_LIMIT, f"{role} grew by {grown / 1e6:.0f} MB while rows were computed")
    moments = f"memory, {rows:,} rows: at a third of the rows → at the last → at most"
    return [(moments, ""), *((f"… largest `{role}`", sizes_said(role, early, late, peak)) for role in ROLES)]


def sizes_said(role: str, *moments: Sizes) -> str:
    """What a process of this role had at these moments."""
    return " → ".join(f"{each.get(role, 0.0) / 1e6:,.0f} MB" for each in moments)


def read(client: Client, job: object) -> None:
    """Somebody looks at the best rows meanwhile."""
    client.rows(job, sort=["sharpe"], limit=20)  # type: ignore[arg-type]


def sizes(service: Service) -> Sizes:
    """Resident bytes of the largest process of each role, without files that are mapped."""
    assert service.process is not None
    found: defaultdict[str, float] = defaultdict(float)
    database = embedded.postmaster(service.home / embedded.FOLDER)
    every = [*family(service.process.pid), *([] if database is None else family(database.pid))]
    for each in every:
        try:
            line, memory = " ".join(each.cmdline()), each.memory_info()
        except psutil.Error:
            continue
        size = memory.rss - getattr(memory, "shared", 0)  # rows that are looked at are files that are mapped
        role = next((role for role in ROLES if f"treefolio {role}" in line), "postgres")
        found[role] = max(found[role], float(size))
    return dict(found)
