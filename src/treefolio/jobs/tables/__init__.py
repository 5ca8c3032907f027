"""The tables of the one database. `treefolio.jobs.migrations` makes them; a test holds the two together.

* `people`   users, and what lets them in
* `guard`    users' keys, the log of sensitive acts, logins by another service
* `agenda`   combinations of a day, whose prices are whose, schedules
* `strategies`  strategies with their versions, lists of values, shares
* `work`     jobs, chunks, results, snapshots, workers, events
"""

from __future__ import annotations

from treefolio.jobs.tables.agenda import schedules, snapshot_owners, usage_days
from treefolio.jobs.tables.base import metadata
from treefolio.jobs.tables.guard import audit, crossings, identities, secrets
from treefolio.jobs.tables.people import links, sessions, tokens, users
from treefolio.jobs.tables.strategies import shares, strategies, strategy_versions, variable_lists
from treefolio.jobs.tables.work import chunks, events, files, job_columns, jobs, parts, snapshots, workers

__all__ = [
    "audit",
    "chunks",
    "crossings",
    "events",
    "files",
    "identities",
    "job_columns",
    "jobs",
    "links",
    "metadata",
    "parts",
    "schedules",
    "secrets",
    "sessions",
    "shares",
    "snapshot_owners",
    "snapshots",
    "strategies",
    "strategy_versions",
    "tokens",
    "usage_days",
    "users",
    "variable_lists",
    "workers",
]
