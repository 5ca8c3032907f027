"""``treefolio demo``: a sweep of an example on the made-up market, from nothing to a report."""

from __future__ import annotations

import importlib.resources
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from treefolio.cli import show
from treefolio.cli.flags import Period, Prices, Threads, Trading
from treefolio.cli.sweep import announce, finish, plan, work
from treefolio.errors import UsageError

FOLDER = "treefolio-demo"


def verb(
    out: Annotated[
        Path | None,
        Option("--out", metavar="DIR", help=f"For the results [{FOLDER}, or a number behind it]."),
    ] = None,
    threads: Threads = 0,
) -> int:
    """Sweep an example on the made-up market."""
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy

    if threads < 0:
        raise UsageError(f"--threads {threads} is below 1", hint="Leave it out for one per processor.")
    folder = out or free_folder(Path.cwd())
    require_free(folder)
    threads = threads or os.cpu_count() or 1
    with importlib.resources.as_file(importlib.resources.files("treefolio.cli") / "demo.yaml") as path:
        show.say(f"The strategy: {path}")
        planned, notes = plan(path, Prices(synthetic=True), Period(), Trading(), [], [])
    announce(planned, threads, (*planned.prepared.notes, *notes))
    swept = work(planned, folder, threads=threads, resume=False)
    finish(swept, planned, folder)
    show.say(f"More of them: {_program()} top {folder} --by calmar -n 20")
    return 0


def _program() -> str:
    """As this shell finds it."""
    return "treefolio" if shutil.which("treefolio") else os.path.relpath(sys.argv[0])


def free_folder(parent: Path) -> Path:
    """The first of treefolio-demo, treefolio-demo-2, … that is not there yet."""
    number = 1
    while True:
        folder = parent / (FOLDER if number == 1 else f"{FOLDER}-{number}")
        if not folder.exists():
            return Path(os.path.relpath(folder))
        number += 1
