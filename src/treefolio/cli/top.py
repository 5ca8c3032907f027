"""``treefolio top``: the best rows of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.flags import AsJson
from treefolio.cli.inspect import print_json
from treefolio.errors import UsageError

if TYPE_CHECKING:
    import polars as pl


def verb(
    folder: Annotated[Path, Argument(metavar="DIR", help="The --out folder of a sweep.")],
    by: Annotated[
        str, Option("--by", metavar="KEY", help="A metric, dsr or plateau, or -KEY for its other end.")
    ] = "sharpe",
    where: Annotated[
        str | None, Option(metavar="EXPR", help="Such as 'max_drawdown < 0.3 and trades > 100'.")
    ] = None,
    count: Annotated[int, Option("-n", metavar="N", help="How many.")] = 20,
    csv: Annotated[Path | None, Option(metavar="FILE", help="Also write them there, all columns.")] = None,
    as_json: AsJson = False,
) -> int:
    """List the best rows of a sweep."""
    from treefolio.sweep.ranking import top  # noqa: PLC0415 - heavy
    from treefolio.sweep.rows import scan  # noqa: PLC0415 - heavy
    from treefolio.sweep.spreadsheet import write_csv  # noqa: PLC0415 - heavy

    if count < 1:
        raise UsageError(f"-n {count} is below 1", hint="Ask for at least one row.")
    rows, complete = scan(folder)
    best = top(rows, by=by, where=where, n=count)
    if csv is not None:
        write_csv(best, csv)
    if as_json:
        print_json(plain(best))
        return 0
    if not complete:
        show.notes(["the sweep is not finished; these are the best of the rows so far"])
    names = variables(best)
    if len(best):
        show.rows(best, by.removeprefix("-"), names, all_in="--csv FILE")
    else:
        show.say("No row is ok and satisfies the condition." if where else "No row is ok.")
    if csv is not None:
        show.say(f"Written: {csv}")
    return 0


def variables(frame: pl.DataFrame) -> list[str]:
    """The columns before ``start``: the variables, in their order."""
    return frame.columns[: frame.columns.index("start")]


def plain(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Rows as plain data; dates as YYYY-MM-DD."""
    import polars.selectors as cs  # noqa: PLC0415 - heavy

    return frame.with_columns(cs.date().dt.to_string("%Y-%m-%d")).to_dicts()
