"""Printing: tables of numbers and rows, notes, and lines about what is going on."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from treefolio.cli import offered
from treefolio.cli.fail import clean
from treefolio.cli.tables import Column, print_table

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import Progress as Display

    from treefolio.market.supply import Supplied

HEADLINE = (
    "cumulative_return",
    "annualized_return",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "win_rate",
    "turnover",
    "costs",
)
"""Metrics in a run's summary."""
OF_WHAT = {"turnover": "Turnover a year, × mean value", "costs": "Costs in all, of the capital"}
"""Labels of metrics of which their unit alone does not say what they are of."""
BESIDE = ("sharpe", "dsr", "plateau", "annualized_return", "volatility", "max_drawdown", "calmar")
"""Metrics in a list of rows."""
JUDGED = {"dsr": "probability", "plateau": "probability"}
"""Columns of a sweep's rows that are no metrics of a run, and their units."""
SYNTHETIC = "SYNTHETIC prices: nothing here says anything about real funds."
WIDE = 160
"""Columns of a table that goes to a file or a pipe."""
_DOCUMENT: ContextVar[bool] = ContextVar("document", default=False)


def begin(*, document: bool) -> None:
    """A command begins. ``document``: on standard output a JSON document shall stand, and nothing else."""
    _DOCUMENT.set(document)


def out() -> Console:
    """Standard output."""
    return _console(sys.stdout.isatty(), stderr=False)


def err() -> Console:
    """Standard error."""
    return _console(sys.stderr.isatty(), stderr=True)


def _console(terminal: bool, *, stderr: bool) -> Console:
    width = None if terminal or "COLUMNS" in os.environ else WIDE
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


def say(line: str, *, style: str = "") -> None:
    """A line on standard output, exactly as it is."""
    out().print(Text(clean(line), style=style))
    sys.stdout.flush()


def offer(line: str) -> None:
    """A line on standard output that names commands: each reaches the service that was named."""
    say(offered.here(line))


def tell(line: str) -> None:
    """A line on standard error."""
    err().print(Text(clean(line)))


class Fetching:
    """Progress of fetching prices, on standard error; quiet when that is no terminal. Call it as often as
    there is something new: with the tickers that are done, and all of them."""

    def __init__(self, what: str = "Fetching prices") -> None:
        self.what = what
        self.display: Display | None = None

    def __call__(self, done: int, total: int) -> None:
        """Shows it, from the first call to the one that says that all are done."""
        if not sys.stderr.isatty():
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

        if self.display is None:
            columns = (TextColumn(self.what), BarColumn(), MofNCompleteColumn())
            self.display = Progress(*columns, console=err(), transient=True)
            self.display.add_task("")
            self.display.start()
        self.display.update(self.display.task_ids[0], completed=done, total=total)
        if done == total:
            self.display.stop()
            self.display = None


def fetched(supplied: Supplied) -> None:
    """What fetching took, where something could be fetched."""
    from treefolio.market.supply import described  # noqa: PLC0415 - heavy

    if supplied.figures is not None:
        say(f"Prices: {described(supplied.figures)}")


def notes(lines: Iterable[str]) -> None:
    """What the user should know: on standard output, where no document for programs stands alone."""
    for line in lines:
        console = err() if _DOCUMENT.get() else out()
        console.print(Text(clean(f"Note: {line}."), style="yellow"))
    sys.stdout.flush()


def plain_table(headings: Sequence[str], lines: Iterable[Sequence[str]], *, left: int = 1) -> None:
    """A table of texts; columns from the `left`-th on are aligned to the right."""
    cells = list(zip(*lines, strict=True)) or [()] * len(headings)
    columns = [
        Column(head=clean(heading), cells=list(map(clean, column)), left=place < left)
        for place, (heading, column) in enumerate(zip(headings, cells, strict=True))
    ]
    print_table(out(), columns)


def number(key: str, value: float | None) -> str:
    """A metric in the words of its unit; undefined is a dash."""
    from treefolio.metrics import METRICS  # noqa: PLC0415 - heavy

    if value is None:
        return "–"
    unit = JUDGED.get(key) or METRICS[key].unit
    if unit in ("fraction", "probability"):
        return f"{100 * value:,.2f}%"
    return f"{value:,.0f}" if unit in ("count", "sessions") else f"{value:,.3f}"


def metrics(found: Mapping[str, float | None]) -> None:
    """The headline metrics of a run."""
    from treefolio.metrics import METRICS  # noqa: PLC0415 - heavy

    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for key in HEADLINE:
        table.add_row(OF_WHAT.get(key, METRICS[key].label), number(key, found[key]))
    out().print(table)


def rows(frame: pl.DataFrame, by: str, variables: Sequence[str], *, all_in: str = "rows.parquet") -> None:
    """Rows of a sweep: their variables, what they are ranked by, and some metrics beside it.

    Metrics give way to the variables, which say which combination it is. ``all_in`` has all of them.
    """
    from treefolio.metrics import METRICS  # noqa: PLC0415 - heavy

    keys = [key for key in dict.fromkeys([by, *BESIDE]) if key in frame.columns and key not in variables]
    columns = [Column(head="#", cells=[str(k + 1) for k in range(frame.height)])]
    for name in (*variables, *keys):
        known = name in keys and (name in METRICS or name in JUDGED)
        cells = [number(name, x) if known else clean(_plain(x)) for x in frame[name]]
        columns.append(Column(head=clean(name), cells=cells, optional=name in keys[1:]))
    print_table(out(), columns, all_in)


def _plain(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def when(moment: dt.datetime) -> str:
    """A moment by the clock of this machine, with its zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 4 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


LAST_KERNEL = "sweep_rows"
"""It is compiled last: when it is in the cache, so are the others."""


def megabytes(size: int) -> str:
    """``120 MB``, at least 1."""
    return f"{max(1, round(size / 1e6)):,} MB"


def compile_kernels() -> None:
    """Compiles all kernels, and says so, when this version's are not in the cache yet."""
    from treefolio import kernels  # noqa: PLC0415 - it says where the cache is

    if not kernels.is_cached(LAST_KERNEL):
        tell("Compiling kernels, once: about 20 s.")
        from treefolio.sweep.warm import warm  # noqa: PLC0415 - heavy

        warm()


def handles(found: Sequence[Mapping[str, object]]) -> None:
    """All handles of a strategy."""
    if not found:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("handle", no_wrap=True)
    table.add_column("value", justify="right", overflow="fold")
    table.add_column("uses", justify="right")
    table.add_column("of", overflow="fold")
    for each in found:
        cells = (each["id"], each["value"], each["uses"], each["text"])
        table.add_row(*(Text(clean(str(cell))) for cell in cells))
    out().print(table)
