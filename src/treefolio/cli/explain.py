"""``treefolio explain``: why the strategy held what it held on one session."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.cli import show
from treefolio.cli.asked import ask, day
from treefolio.cli.flags import AsJson, Period, Prices, Sets, StrategyFile, Trading, spread
from treefolio.cli.inspect import print_json
from treefolio.errors import WindowError

if TYPE_CHECKING:
    from treefolio.engine.trace import Candidate, Step, Trace
    from treefolio.engine.verdicts import Verdict
    from treefolio.market.panel import Panel

SHOWN = 12
"""Candidates of a step that are printed; more are counted. JSON has all of them."""


@spread
def verb(
    strategy: StrategyFile,
    on: Annotated[str, Option("--on", metavar="DATE", help="The session whose close decides.")],
    prices: Prices,
    missing: Annotated[
        str, Option(metavar="error|skip", help="What a ticker without prices means.")
    ] = "error",
    empty: Annotated[
        str | None,
        Option(
            metavar="redistribute|cash", help="Where an empty branch's money goes [as the strategy says]."
        ),
    ] = None,
    cash_rate: Annotated[float, Option(metavar="X", help="What cash earns a year: 0.05 is 5 %.")] = 0.0,
    sets: Sets = None,
    as_json: AsJson = False,
) -> int:
    """Explain the decision of one session."""
    from treefolio.engine.trace import trace  # noqa: PLC0415 - heavy
    from treefolio.indicators import SIGNATURES  # noqa: PLC0415 - heavy
    from treefolio.strategy.variables import bind  # noqa: PLC0415 - heavy

    wanted = day(on, "--on")
    assert wanted is not None
    period = Period(start=on, end=on, benchmark="none", missing=missing, empty=empty)
    asked = ask(strategy, prices, period, Trading(cash_rate=cash_rate), sets or [])
    bound = bind(asked.strategy, asked.values, SIGNATURES)
    panel = asked.question.panel
    session = session_of(panel, wanted)
    show.compile_kernels()
    found = trace(bound, panel, session, asked.question.missing, cash_rate=cash_rate)
    if as_json:
        print_json(dataclasses.asdict(found) | {"synthetic": panel.synthetic})
        return 0
    if panel.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    for line in lines(found):
        show.say(line)
    if bound.rebalance.rule != "daily":
        show.notes([f"the strategy trades by the rule {bound.rebalance.rule}, so not after every decision"])
    return 0


def session_of(panel: Panel, wanted: dt.date) -> int:
    """The position of the session.

    Raises:
        WindowError: the prices have no such session.
    """
    import numpy as np  # noqa: PLC0415 - heavy

    days = panel.sessions
    k = int(np.searchsorted(days, np.datetime64(wanted, "D")))
    if k < len(days) and days[k] == np.datetime64(wanted, "D"):
        return k
    near = [str(days[j]) for j in (k - 1, k) if 0 <= j < len(days)]
    raise WindowError(
        f"{wanted} is no session of the prices, which go from {days[0]} to {days[-1]}",
        session=str(wanted),
        hint=f"Try --on {' or '.join(near)}.",
    )


def lines(found: Trace) -> list[str]:
    """The trace as text: one line for each step, condition and candidate."""
    made = [f"{found.strategy}, decided at the close of {found.session}", ""]
    for step in found.steps:
        made += _step(step)
    made += ["", "Weights:"]
    made += [f"  {ticker}  {_share(weight)}" for ticker, weight in found.weights.items()]
    cash = 1.0 - sum(found.weights.values())
    if cash > 1e-12 or not found.weights:
        made.append(f"  cash  {_share(cash)}")
    if found.near:
        made.append("")
        made += [f"Near miss: {verdict.text}, {_numbers(verdict)}" for verdict in found.near]
    return made


def _step(step: Step) -> list[str]:
    indent = "  " * step.level
    taken = f" → {step.chosen}" if step.chosen else ""
    made = [f"{indent}{step.label}: {step.text}  [{_share(step.share)}]{taken}"]
    made += [f"{indent}    {_verdict(verdict)}" for verdict in step.verdicts]
    kept = sorted(step.candidates, key=lambda candidate: candidate.share == 0)
    made += [f"{indent}    {_candidate(candidate)}" for candidate in kept[:SHOWN]]
    if len(kept) > SHOWN:
        made.append(f"{indent}    and {len(kept) - SHOWN} more candidates")
    return made


def _verdict(verdict: Verdict) -> str:
    mark = "✓" if verdict.holds else "✗"
    text = f"{'  ' * verdict.level}{mark} {verdict.text}"
    if verdict.sessions is not None:
        text += f" (so far {verdict.sessions})"
    numbers = _numbers(verdict)
    return f"{text}: {numbers}{'  NEAR' if verdict.near else ''}" if numbers else text


def _numbers(verdict: Verdict) -> str:
    """``78.2 and 79, margin −0.8``; nothing for what is no comparison."""
    if verdict.left is None and verdict.right is None:
        return ""
    sides = f"{_number(verdict.left)} and {_number(verdict.right)}"
    return sides if verdict.margin is None else f"{sides}, margin {verdict.margin:+.6g}"


def _candidate(candidate: Candidate) -> str:
    made = f"{'•' if candidate.share else '·'} {candidate.name}  {_share(candidate.share)}"
    if candidate.score is not None:
        made += f"  score {_number(candidate.score)}"
    if candidate.volatility is not None:
        made += f"  volatility {_number(candidate.volatility)}"
    return made


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6g}"


def _share(value: float) -> str:
    return f"{100 * value:.2f}%"
