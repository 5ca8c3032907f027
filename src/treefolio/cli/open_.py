"""``treefolio open``: a row of a sweep as a run, with its curve, its trades and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.asked import first_seen_on, supply
from treefolio.cli.flags import Out, Prices, spread
from treefolio.cli.run import summarise
from treefolio.cli.sealed import Rival, panel_of, rival_of
from treefolio.errors import PriceError

if TYPE_CHECKING:
    from treefolio.market.panel import Panel
    from treefolio.strategy.tree import Strategy
    from treefolio.sweep.reveal import Sealed


@spread
def verb(
    folder: Annotated[Path, Argument(metavar="DIR", help="The --out folder of a sweep.")],
    out: Out,
    prices: Prices,
    by: Annotated[
        str, Option("--by", metavar="KEY", help="A metric, dsr or plateau, or -KEY for its other end.")
    ] = "sharpe",
    where: Annotated[
        str | None, Option("--where", metavar="EXPR", help="Such as 'max_drawdown < 0.3 and trades > 100'.")
    ] = None,
    rank: Annotated[int, Option("--rank", metavar="N", help="As `top` numbers them.", min=1)] = 1,
    benchmark: Rival = None,
) -> int:
    """Run a row of a sweep again, on the prices of the sweep, and write its files to a folder."""
    from treefolio.report import run_page  # noqa: PLC0415 - heavy
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy
    from treefolio.sweep.output import write_run  # noqa: PLC0415 - heavy
    from treefolio.sweep.reopen import choose_rank, reopened  # noqa: PLC0415 - heavy
    from treefolio.sweep.reveal import read_sealed  # noqa: PLC0415 - heavy

    require_free(out)
    sealed = read_sealed(folder)
    choice, complete = choose_rank(sealed, by=by, where=where, rank=rank)
    rival = rival_of(sealed, benchmark)
    panel = _panel(sealed, prices, rival)
    show.compile_kernels()
    result = reopened(sealed, choice, panel, rival)
    if not complete:
        show.notes(["the sweep is not finished; this is one of the rows so far"])
    values = ", ".join(f"{name} {value}" for name, value in choice.assignment.items())
    show.say(f"Rank {rank:,} by {by}: {values}")
    write_run(result, run_page(result, first_seen_on(result.strategy)), out)
    summarise(result)
    show.say(f"Files: {out}, to begin with {out / 'report.html'}")
    return 0


def _panel(sealed: Sealed, prices: Prices, rival: str | Strategy | None) -> Panel:
    """The prices of the sweep: those that are named, or its snapshot.

    Raises:
        PriceError: they are others, or the snapshot is not here or damaged.
    """
    from treefolio.market import snapshots  # noqa: PLC0415 - heavy
    from treefolio.settings import home  # noqa: PLC0415 - with the others
    from treefolio.sweep.reveal import require_prices  # noqa: PLC0415 - heavy

    if prices != Prices():
        return panel_of(sealed, supply(prices), rival, require_prices)
    try:
        kept = snapshots.find(sealed.snapshot, home())
    except PriceError as error:
        made = sealed.manifest["prices"]["source"]
        raise PriceError(
            f"the prices of the sweep are not here: {error.message}",
            hint=f"Name them as the sweep did ({made}), or `treefolio data snapshot import FILE`.",
        ) from None
    try:
        return snapshots.read(kept)
    except PriceError as error:
        made = sealed.manifest["prices"]["source"]
        raise PriceError(
            error.message,
            source=error.source,
            hint=f"Name the prices as the sweep did ({made}), such as --prices FILE; or remove the snapshot, "
            "and `treefolio data snapshot import FILE` one that is whole.",
        ) from None
