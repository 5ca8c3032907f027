"""``treefolio convert``: any format → the native text form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from treefolio.cli import show
from treefolio.cli.asked import imported, note_import
from treefolio.cli.flags import StrategyFile
from treefolio.errors import UsageError

AS_JSON = {".yaml": False, ".yml": False, ".json": True}


def verb(
    strategy: StrategyFile,
    output: Annotated[
        Path, Option("-o", "--output", metavar="FILE", help="YAML or JSON, by its extension; overwritten.")
    ],
) -> int:
    """Write a strategy as native YAML or JSON."""
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.sweep.files import write_text  # noqa: PLC0415 - heavy

    as_json = AS_JSON.get(output.suffix.casefold())
    if as_json is None:
        raise UsageError(
            f"{output} is neither YAML nor JSON by its extension", hint=f"Use {', '.join(AS_JSON)}."
        )
    found = imported(strategy)
    note_import(found.strategy)
    if output.exists() and output.samefile(strategy):
        raise UsageError(f"{output} is the strategy's own file", hint="Write to another file with -o.")
    if output.is_dir() or not output.parent.is_dir():
        wrong = "is a folder" if output.is_dir() else "is in a folder that does not exist"
        raise UsageError(f"{output} {wrong}", hint="Name a file in an existing folder with -o.")
    write_text(output, write(found.strategy, as_json=as_json))
    for kind, notes in (
        ("ignored", found.report.ignored),
        ("approximated", found.report.approximated),
        ("unsupported", found.report.unsupported),
    ):
        for note in notes:
            show.tell(f"{kind}: {note}")
    show.say(f"{found.format} → {output}")
    return 0
