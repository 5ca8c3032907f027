"""``treefolio serve``: the service on this machine, with its workers and its database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.cli import show

if TYPE_CHECKING:
    from treefolio.service.serving import Ready


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
    host: Annotated[
        str, Option(metavar="NAME", help="To listen on; of this machine alone without --users.")
    ] = "127.0.0.1",
    users: Annotated[
        bool, Option("--users", help="Several users, who log in; the first one by the link that is printed.")
    ] = False,
) -> int:
    """Serve jobs on this machine: requests, workers and the database, until it is stopped."""

    from treefolio.service.serving import Wish, serve, workers_of  # noqa: PLC0415 - heavy
    from treefolio.service.settings import ServiceSettings, heed_settings  # noqa: PLC0415 - with the others
    from treefolio.settings import home as usual  # noqa: PLC0415 - with the others

    heed_settings()
    count = workers_of(str(os.cpu_count() or 1) if workers is None else workers)
    show.compile_kernels()
    where = (home or usual()).expanduser().absolute()
    several = users or ServiceSettings().users
    serve(Wish(home=where, host=host, port=port, workers=count, users=several), ready)
    show.say("Stopped; what is done is kept.")
    return 0


def ready(found: Ready) -> None:
    """Says that jobs are taken."""
    from treefolio.client import DEFAULT_URL  # noqa: PLC0415 - heavy

    count = found.workers
    show.say(f"Treefolio serves at {found.url} with {count} worker{'' if count == 1 else 's'}.")
    if found.link is not None:
        show.say(f"Begin as the administrator, within 24 hours: {found.link}")
    where = "" if found.url == DEFAULT_URL else f" --url {found.url}"
    show.say(f"`treefolio jobs{where} submit sweep STRATEGY …` gives it work; Ctrl-C stops it.")
