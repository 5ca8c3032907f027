"""``treefolio jobs rows``: the best rows of a sweep, also while it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Id, Service, connect, job_id
from treefolio.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import polars as pl

    from treefolio.client import Client
    from treefolio.service.models import Rows

By = Annotated[
    str, Option("--by", metavar="KEY", help="A metric, or -KEY for its other end; '' for row order.")
]
Where = Annotated[
    str | None, Option("--where", metavar="EXPR", help="Such as 'max_drawdown < 0.3 and trades > 100'.")
]
_SUFFIXES = (".csv", ".parquet")


@spread
def verb(
    job: Id,
    context: Context,
    service: Service,
    by: By = "sharpe",
    where: Where = None,
    count: Annotated[int, Option("-n", metavar="N", help="How many.", min=1, max=1000)] = 20,
    save: Annotated[
        Path | None, Option(metavar="FILE", help="Write all of them there, as .csv or .parquet.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show the best rows of a sweep, as many as there are by now."""
    sort = [by] if by else []
    if save is not None and save.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--save {save} is of no known kind", hint="Name a .csv or a .parquet file.")
    with connect(service, context) as client:
        meant = job_id(job, client)
        found = client.rows(meant, sort=sort, where=where, limit=count)
        written = None if save is None else _save(client, meant, save, sort, where)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
        return 0
    if not found.complete:
        show.say(f"{found.label}: the best of the rows so far", style="yellow")
    _show(found, by)
    if written is not None:
        show.say(f"Written: {written}")
    return 0


def _save(client: Client, job: UUID, path: Path, sort: list[str], where: str | None) -> Path:
    """Writes the rows; the name says when they are not all of them. Those replace no file with all."""
    arrived = path.with_stem(f".{path.stem}.arrived")
    label = client.save_rows(job, arrived, sort=sort, where=where)
    said = label.replace(",", "").replace("/", "-of-").replace(" ", "-").replace("?", "unknown")
    return arrived.replace(path if label == "final" else path.with_stem(f"{path.stem}-{said}"))


def _show(found: Rows, by: str) -> None:
    if not found.rows:
        show.say("No row satisfies the condition." if found.rows_done else "There are no rows yet.")
        return
    names = [column.name for column in found.columns]
    ranked = by.removeprefix("-") or "status"
    show.rows(frame_of(found), ranked, variables_of(names), all_in="--save FILE")
    if found.matching > len(found.rows):
        show.say(f"{found.matching - len(found.rows):,} more; -n says how many to show.")


def variables_of(names: Sequence[str]) -> Sequence[str]:
    """The names of a table's columns that are variables."""
    return names[: names.index("start")]


def frame_of(found: Rows) -> pl.DataFrame:
    """A page as a table."""
    import polars as pl  # noqa: PLC0415 - heavy

    kinds = {"date": pl.String, "integer": pl.Int64, "number": pl.Float64, "text": pl.String}
    schema = {column.name: kinds[column.type] for column in found.columns}
    return pl.DataFrame(found.rows, schema=schema, orient="row")
