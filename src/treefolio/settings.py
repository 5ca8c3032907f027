"""Settings: environment variables, in one table from which the documentation derives.

`home` is the one that nearly every command needs, so reading it imports nothing. The others are fields of
`Settings`: the environment is read whenever one is made. Keys are secrets: they are never printed, logged
or written.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

PREFIX = "TREEFOLIO_"


def home() -> Path:
    """Where caches, snapshots and ledgers live: ``TREEFOLIO_HOME``, else the platform's user data folder."""
    named = os.environ.get(f"{PREFIX}HOME")
    return Path(named).expanduser() if named else user_data_path("treefolio")
