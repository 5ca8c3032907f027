"""``treefolio check``: is this strategy sound on these prices, and do both engines agree on it?"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.cli import fail, show
from treefolio.cli.asked import ask, one_of
from treefolio.cli.flags import AsJson, Period, Prices, Sets, StrategyFile, Trading, spread
from treefolio.cli.inspect import print_json
from treefolio.cli.run import backtest

if TYPE_CHECKING:
    from treefolio.cli.findings import Finding
    from treefolio.sweep.single import Result

ENGINES = ("both", "compiled", "reference")


@spread
def verb(
    strategy: StrategyFile,
    prices: Prices,
    period: Period,
    trading: Trading,
    sets: Sets = None,
    engine: Annotated[
        str, Option("--engine", metavar="both|compiled|reference", help="both: compare the two engines.")
    ] = "both",
    as_json: AsJson = False,
) -> int:
    """Validate a strategy, compare the two engines on it, and see that it looks at no future."""
    from treefolio.cli.findings import agreement, causality  # noqa: PLC0415 - heavy
    from treefolio.sweep.constants import constants_note  # noqa: PLC0415 - heavy

    one_of(engine, ENGINES, "--engine")
    asked = ask(strategy, prices, period, trading, sets or [])
    show.compile_kernels()
    result = backtest(asked, "compiled" if engine == "both" else engine)
    found = [causality(result)]
    if engine == "both":
        found = [*agreement(result, backtest(asked, "reference")), *found]
    passed = all(finding.passed for finding in found)
    alike = constants_note(result.strategy, {})
    if as_json:
        print_json(facts(result, found) | {"notes": [*result.notes, *alike], "passed": passed})
    else:
        _print(result, found, alike)
    if not passed:
        return fail.say(
            "the check failed", "Please report it with the strategy, if it may be shown.", fail.FAILED
        )
    return 0


def facts(result: Result, found: list[Finding]) -> dict[str, object]:
    """Everything that is said of the check, as plain data."""
    return {
        "name": result.strategy.name,
        "start": str(result.run.sessions[0]),
        "end": str(result.run.sessions[-1]),
        "sessions": len(result.run.sessions),
        "start_set_by": result.prepared.window.cause,
        "synthetic": result.synthetic,
        "notes": list(result.notes),
        "findings": [dataclasses.asdict(finding) for finding in found],
    }


def _print(result: Result, found: list[Finding], alike: tuple[str, ...]) -> None:
    run = result.run
    show.say(result.strategy.name, style="bold")
    if result.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    show.say(f"✓ valid: {len(run.tickers)} tickers to hold")
    show.say(
        f"✓ start: {run.sessions[0]}, {result.prepared.window.cause}; end: {run.sessions[-1]}, "
        f"{len(run.sessions):,} sessions"
    )
    for finding in found:
        show.say(
            f"{'✓' if finding.passed else '✗'} {finding.name}: {finding.said}",
            style="" if finding.passed else "red",
        )
    show.notes((*result.notes, *alike))
