"""``treefolio serve``: the service on this machine, with its workers and its database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from typer import Option

from treefolio.cli import show


def verb(
    port: Annotated[
        int, Option(metavar="P", help="To listen on; 0 for a free one.", min=0, max=65535)
    ] = 8000,
    home: Annotated[
        Path | None, Option(metavar="DIR", help="Where jobs and prices are kept [TREEFOLIO_HOME].")
    ] = None,
    workers: Annotated[
        str | None, Option(metavar="N|auto", help="auto follows the work [one for each processor].")
    ] = None,
    host: Annotated[str, Option(metavar="NAME", help="Of this machine: there is no login.")] = "127.0.0.1",
) -> int:
    """Serve jobs on this machine: requests, workers and the database, until it is stopped."""

    from treefolio.service.serving import Wish, serve, workers_of  # noqa: PLC0415 - heavy
    from treefolio.settings import home as usual  # noqa: PLC0415 - with the others

    count = workers_of(str(os.cpu_count() or 1) if workers is None else workers)
    show.compile_kernels()
    where = (home or usual()).expanduser().absolute()
    serve(Wish(home=where, host=host, port=port, workers=count), ready)
    show.say("Stopped; what is done is kept.")
    return 0


def ready(url: str, workers: int) -> None:
    """Says that jobs are taken."""
    show.say(f"Treefolio serves at {url} with {workers} worker{'' if workers == 1 else 's'}.")
    show.say("`treefolio jobs submit sweep STRATEGY …` gives it work; Ctrl-C stops it.")
