"""``treefolio restore``: a service's database from a file that `backup` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from treefolio.cli import show


def verb(
    file: Annotated[Path, Argument(metavar="FILE", help="That `treefolio backup` wrote.")],
    home: Annotated[
        Path | None, Option(metavar="DIR", help="The folder of the new service [TREEFOLIO_HOME].")
    ] = None,
) -> int:
    """Make a new service's database from a backup; it must be empty."""
    from treefolio.jobs.settings import JobSettings  # noqa: PLC0415 - heavy
    from treefolio.service.backup import restore  # noqa: PLC0415 - with the others

    settings = JobSettings() if home is None else JobSettings(home=home.expanduser().absolute())
    restore(file.expanduser().absolute(), settings)
    show.say("Restored. `treefolio serve` goes on where the backup was.")
    return 0
