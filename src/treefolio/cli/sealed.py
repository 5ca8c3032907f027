"""What a result was made with, again: its benchmark, and the prices of what it needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.errors import PriceError, UsageError

if TYPE_CHECKING:
    from treefolio.market.panel import Panel
    from treefolio.market.supply import Supply
    from treefolio.strategy.tree import Strategy
    from treefolio.sweep.reveal import Sealed

Rival = Annotated[
    Path | None, Option("--benchmark", metavar="FILE", help="The benchmark, where it was a strategy.")
]
_STRATEGY = re.compile(r" \([0-9a-f]{12}\)$")
"""What the manifest puts after the name of a benchmark that is a strategy."""


def rival_of(sealed: Sealed, given: Path | None) -> str | Strategy | None:
    """The result's benchmark.

    Raises:
        UsageError: it is a strategy and is not given, or another one is.
    """
    if sealed.benchmark is None or not _STRATEGY.search(sealed.benchmark):
        if given is not None:
            raise UsageError("the result's benchmark is no strategy", hint="Leave out --benchmark.")
        return sealed.benchmark
    if given is None:
        raise UsageError(
            f"the result's benchmark is the strategy {sealed.benchmark}",
            hint="Give its file: --benchmark FILE.",
        )
    from treefolio.strategy.text import write  # noqa: PLC0415 - heavy
    from treefolio.sweep.ask import bound  # noqa: PLC0415 - heavy
    from treefolio.sweep.manifest import strategy_hash  # noqa: PLC0415 - heavy

    found = bound(given)
    if f"{found.name} ({strategy_hash(write(found))[:12]})" != sealed.benchmark:
        raise UsageError(
            f"{given} is not the result's benchmark {sealed.benchmark}",
            hint="Give the file as it was when the result was made.",
        )
    return found


def panel_of(
    sealed: Sealed,
    prices: Supply,
    rival: str | Strategy | None,
    require: Callable[[Sealed, Panel], None],
) -> Panel:
    """The prices of what the result needed.

    A benchmark that was not asked for and left out has prices there all the same, if it has gaps. ``require``
    refuses prices that are not those of the result.

    Raises:
        PriceError: they are not those of the result.
    """
    from treefolio.sweep.ask import DEFAULT_BENCHMARK, panel_for  # noqa: PLC0415 - heavy

    values = {name: (value,) for name, value in sealed.manifest["variables"].items()}
    axes = {**values, **sealed.axes}
    first: PriceError | None = None
    for each in (rival,) if rival is not None else (None, DEFAULT_BENCHMARK):
        panel = panel_for(
            prices,
            sealed.strategy,
            axes,
            missing=sealed.manifest["missing"],
            benchmark=each,
            opens=sealed.execution.fill == "next_open",
        ).panel
        try:
            require(sealed, panel)
        except PriceError as error:
            first = first or error
        else:
            return panel
    assert first is not None
    raise first
