"""``treefolio worker``: a process that works on jobs, here or on another machine with the same database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from typer import Option

from treefolio.settings import PREFIX


def verb(
    home: Annotated[
        Path | None, Option(metavar="DIR", help="The folder of the service [TREEFOLIO_HOME].")
    ] = None,
) -> int:
    """Work on jobs, one piece at a time, until it is stopped."""
    from treefolio.jobs.embedded import database_url  # noqa: PLC0415 - heavy
    from treefolio.jobs.settings import JobSettings  # noqa: PLC0415 - heavy
    from treefolio.jobs.worker import work  # noqa: PLC0415 - heavy
    from treefolio.service.settings import heed_settings  # noqa: PLC0415 - with the others
    from treefolio.service.supervisor import end_with_parent  # noqa: PLC0415 - with the others

    if home is not None:  # whatever it keeps lies there
        os.environ[f"{PREFIX}HOME"] = str(home.expanduser().absolute())
    if not end_with_parent():  # `serve` has looked at them
        heed_settings()
    settings = JobSettings()
    work(database_url(settings), settings)
    return 0
