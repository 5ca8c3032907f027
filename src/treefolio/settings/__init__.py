"""Settings: environment variables, in tables from which the documentation derives.

`home` is the one that nearly every command needs, so reading it imports nothing. The others are fields of
a `treefolio.settings.table.Table`: the environment is read whenever one is made. Keys are secrets: they are
never printed, logged or written.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

from treefolio.errors import UsageError

PREFIX = "TREEFOLIO_"


def home() -> Path:
    """Where caches, snapshots and ledgers live: ``TREEFOLIO_HOME``, else the platform's user data folder."""
    named = os.environ.get(f"{PREFIX}HOME")
    return Path(named).expanduser() if named else user_data_path("treefolio")


def unusable(variable: str, why: str, purpose: str) -> UsageError:
    """A setting has a wrong value: which, and why; what the setting is for."""
    return UsageError(
        f"the setting {variable} cannot be used: {why}", hint=f"Correct it or leave it out: {purpose}"
    )
