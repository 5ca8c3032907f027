"""The tables of the one database. `treefolio.jobs.migrations` makes them; a test holds the two together.

* `people`   users
* `work`     jobs, chunks, results, snapshots, workers, events
"""

from __future__ import annotations

from treefolio.jobs.tables.base import metadata
from treefolio.jobs.tables.people import users
from treefolio.jobs.tables.work import chunks, events, files, jobs, parts, snapshots, workers

__all__ = ["chunks", "events", "files", "jobs", "metadata", "parts", "snapshots", "users", "workers"]
