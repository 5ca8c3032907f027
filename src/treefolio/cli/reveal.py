"""``treefolio reveal``: what a chosen row did on the sessions that were held out; the look is recorded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich import box
from rich.table import Table
from rich.text import Text
from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.asked import supply
from treefolio.cli.flags import AsJson, Prices, spread
from treefolio.cli.inspect import print_json
from treefolio.cli.sealed import Rival, panel_of, rival_of
from treefolio.errors import OutputError

if TYPE_CHECKING:
    from treefolio.sweep.reveal import Revealed, Sealed


@spread
def verb(
    folder: Annotated[
        Path, Argument(metavar="DIR", help="The --out folder of a run, a sweep or a walk-forward.")
    ],
    prices: Prices,
    row: Annotated[
        int | None, Option("--row", metavar="N", help="The row's number, from 0 [the best].")
    ] = None,
    by: Annotated[
        str | None, Option("--by", metavar="KEY", help="What the best row is best by [sharpe].")
    ] = None,
    benchmark: Rival = None,
    as_json: AsJson = False,
) -> int:
    """Run the chosen row on the sessions that were held out, and record that it was looked at."""
    from treefolio.settings import home  # noqa: PLC0415 - with the others
    from treefolio.sweep import reveal as reveals  # noqa: PLC0415 - heavy

    sealed = reveals.read_sealed(folder)
    choice = reveals.choose(sealed, row=row, by=by)
    rival = rival_of(sealed, benchmark)
    panel = panel_of(sealed, supply(prices), rival, reveals.require_same)
    show.compile_kernels()
    seen = reveals.reveal(sealed, choice, panel, rival, home())
    entry = reveals.record(sealed, seen, dt.datetime.now(dt.UTC))
    try:
        reveals.remember(sealed, entry, home())
    except OutputError as error:
        show.tell(f"Other results of this strategy will not know of this look: {error.message}.")
    if as_json:
        print_json(entry)
        return 0
    summarise(sealed, seen)
    show.say(f"Recorded: {folder / reveals.RECORD}")
    return 0


def summarise(sealed: Sealed, seen: Revealed) -> None:
    """The row before and behind the end, and how often that was looked at, on standard output."""
    from treefolio.metrics import METRICS  # noqa: PLC0415 - heavy

    choice = seen.choice
    show.say(sealed.strategy.name, style="bold")
    if sealed.manifest["prices"]["synthetic"]:
        show.say(show.SYNTHETIC, style="bold yellow")
    values = ", ".join(f"{name} = {value}" for name, value in choice.assignment.items())
    number = "" if choice.row is None else f"row {choice.row:,}, "
    show.say(f"{number}{choice.why}{f': {values}' if values else ''}")
    show.say(f"Held out: {seen.first} to {seen.last}, {seen.sessions:,} sessions")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("", f"to {sealed.end}", "held out"):
        table.add_column(head, justify="left" if not head else "right")
    for key in seen.held_out:
        cells = (
            METRICS[key].label,
            show.number(key, seen.in_sample[key]),
            show.number(key, seen.held_out[key]),
        )
        table.add_row(*map(Text, cells))
    show.out().print(table)
    if seen.benchmark is not None:
        earned = show.number("cumulative_return", seen.benchmark)
        show.say(f"The benchmark {sealed.benchmark} earned {earned} in the sessions held out.")
    show.notes((*seen.notes, *_before(seen)))


def _before(seen: Revealed) -> tuple[str, ...]:
    """How often this end was looked at before; nothing the first time."""
    elsewhere: tuple[str, ...] = ()
    if seen.elsewhere:
        times = _often(seen.elsewhere)
        elsewhere = (f"other results of this strategy were looked at on some of these sessions, {times}",)
    if not seen.before:
        return elsewhere
    rows = sorted({int(each["row"]) for each in seen.before if each.get("row") is not None})
    which = f", at row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:8]))}" if rows else ""
    since = str(seen.before[0].get("at", ""))[:10]
    said = f"this end was looked at {_often(len(seen.before))} before{which}, first on {since}"
    return (f"{said}: what is chosen from now on has seen it", *elsewhere)


def _often(times: int) -> str:
    return "once" if times == 1 else f"{times} times"
