"""``treefolio backup``: all that a service keeps, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from treefolio.cli import show


def verb(
    file: Annotated[Path, Argument(metavar="FILE", help="To write.")],
    home: Annotated[
        Path | None, Option(metavar="DIR", help="The folder of the service [TREEFOLIO_HOME].")
    ] = None,
    replace: Annotated[
        bool, Option("--replace", help="Also one that is there; it stays until the new one is whole.")
    ] = False,
) -> int:
    """Write all jobs, results and users of a service to a file, also while it runs."""
    from treefolio.jobs.settings import JobSettings  # noqa: PLC0415 - heavy
    from treefolio.service.backup import backup  # noqa: PLC0415 - with the others

    settings = JobSettings() if home is None else JobSettings(home=home.expanduser().absolute())
    size = backup(file.expanduser().absolute(), settings, replace=replace)
    show.say(f"{size / 1e6:,.1f} MB in {file}. The keys that encrypt users' keys are not in it.")
    return 0
