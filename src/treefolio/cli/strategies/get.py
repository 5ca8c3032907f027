"""``treefolio strategies get``: a version as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.convert import AS_JSON
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.strategies.named import Named, version
from treefolio.errors import UsageError


@spread
def verb(
    name: Named,
    output: Annotated[
        Path, Option("-o", "--output", metavar="FILE", help="YAML or JSON, by its extension; overwritten.")
    ],
    context: Context,
    service: Service,
    original: Annotated[bool, Option("--original", help="As it was added, whatever its format.")] = False,
) -> int:
    """Write a version of a strategy to a file."""
    from treefolio.sweep.files import explained  # noqa: PLC0415 - heavy

    as_json = AS_JSON.get(output.suffix.casefold())
    if as_json is None and not original:
        raise UsageError(
            f"{output} is neither YAML nor JSON by its extension",
            hint=f"Use {', '.join(AS_JSON)}, or add --original.",
        )
    with connect(service, context) as client:
        strategy, found = version(name, client)
        if original:
            content = client.strategies.original(strategy.id, found.number)
        else:
            to = "json" if as_json else "yaml"
            content = client.strategies.convert(strategy.id, found.number, to).encode()  # type: ignore[arg-type]  # it is one of the two
    with explained(output):
        output.write_bytes(content)
    show.say(f"{strategy.name}, version {found.number} → {output}")
    return 0
