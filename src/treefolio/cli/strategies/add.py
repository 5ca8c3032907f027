"""``treefolio strategies add``: a strategy, or the next version of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Context, Option

from treefolio.cli import show
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.refused import explained
from treefolio.cli.strategies.named import RULES
from treefolio.errors import UsageError

if TYPE_CHECKING:
    from treefolio.service.strategies.models import Imported


@spread
def verb(
    file: Annotated[Path, Argument(metavar="FILE", help="Composer, QuantMage, elements or native file.")],
    context: Context,
    service: Service,
    name: Annotated[
        str | None, Option(metavar="TEXT", help="Under which it is kept [the one in it].")
    ] = None,
    folder: Annotated[str, Option(metavar="PATH", help="Such as trend/2x.")] = "",
    tag: Annotated[list[str] | None, Option(metavar="TEXT", help="Repeatable.")] = None,
    note: Annotated[str, Option(metavar="TEXT", help="What is to be known of this version.")] = "",
    version_of: Annotated[
        str | None, Option(metavar="NAME", help="It is the next version of this strategy.")
    ] = None,
) -> int:
    """Keep a strategy, or with --version-of the next version of one."""
    from treefolio.formats import text_of  # noqa: PLC0415 - heavy

    if version_of is not None and (name or folder or tag):
        raise UsageError(
            "--name, --folder and --tag are of a new strategy", hint="Leave them out beside --version-of."
        )
    text = text_of(file)
    with connect(service, context) as client, explained(RULES):
        if version_of is None:
            found = client.strategies.add(
                text, name=name, file_name=file.name, folder=folder, tags=tag or (), note=note
            )
        else:
            meant = client.strategies.find(version_of)
            found = client.strategies.add_version(meant.id, text, file_name=file.name, note=note)
    _print(found)
    return 0


def _print(found: Imported) -> None:
    for kind in ("ignored", "approximated", "unsupported"):
        for remark in getattr(found.report, kind):
            times = f" ({remark.count} times)" if remark.count > 1 else ""
            show.tell(f"{kind}: {remark.message}{times}, at {remark.path}")
    known = "" if found.new else ", which it was already"
    show.say(f"{found.strategy.name}: version {found.version.number}{known}")
    show.say(str(found.strategy.id))
