"""The worst days, and why it held what it lost with: the decision behind each (`treefolio.engine.trace`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from treefolio.engine.tables import forward_returns
from treefolio.engine.trace import Candidate, Step, Trace, traces
from treefolio.engine.verdicts import Verdict
from treefolio.report.markup import Html, el, join, row, section, shortened, table
from treefolio.report.numerals import UNDEFINED, percent, share
from treefolio.strategy import spelling
from treefolio.sweep.single import Result

WORST = 5
"""How many days are shown."""
LISTED = 6
"""Holdings of a day, those that cost most first."""
NEAR = 4
"""Near misses of a day."""
LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One holding on a bad day.

    Attributes:
        weight: at the close before, as a fraction. moved: its return on the day, NaN without prices.
        cause: what put it there: the last condition or ranking on the way to its largest share; None where
            nothing decides.
        wanted: the decision has it; if not, it was left from an earlier one.
    """

    ticker: str
    weight: float
    moved: float
    cause: Step | None
    wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BadDay:
    """One of the worst days.

    Attributes:
        session: the day of the loss. decided: the session whose close decided what was held into it.
        lost, rival: returns of the strategy and of the benchmark, fractions.
        held: the holdings, largest loss first.
        near: comparisons that a little would have turned around.
    """

    session: str
    decided: str
    lost: float
    rival: float | None
    held: tuple[Held, ...]
    near: tuple[Verdict, ...]


def worst_days(result: Result, most: int = WORST) -> list[BadDay]:
    """The days with the largest losses, the worst first; days without a loss are none."""
    returns, prepared = result.run.returns, result.prepared
    order = [int(k) for k in np.argsort(returns, kind="stable")[:most] if returns[k] < 0]
    question, first = prepared.question, prepared.window.first
    found = traces(
        result.strategy,
        prepared.panel,
        [first + _decided(result, k) for k in order],
        question.missing,
        cash_rate=question.execution.cash_rate,
    )
    return [_bad_day(result, k, each) for k, each in zip(order, found, strict=True)]


def _bad_day(result: Result, k: int, found: Trace) -> BadDay:
    """The loss from session k to k + 1, and the decision behind it."""
    run, rival = result.run, result.frame.marks.rival.returns
    return BadDay(
        session=str(run.sessions[k + 1]),
        decided=found.session,
        lost=float(run.returns[k]),
        rival=float(rival[k]) if rival.size else None,
        held=tuple(_held(result, k, found)),
        near=found.near,
    )


def _decided(result: Result, k: int) -> int:
    """The last session whose decision was traded by the close of session k."""
    waits = 0 if result.prepared.question.execution.fill == "close" else 1
    looks = np.flatnonzero(result.prepared.market.looks[: max(k + 1 - waits, 1)])
    return int(looks[-1]) if len(looks) else 0


def _held(result: Result, k: int, found: Trace) -> list[Held]:
    run, prepared = result.run, result.prepared
    causes = causes_of(found.steps)
    held = []
    for a in np.flatnonzero(run.weights[k]):
        ticker = run.tickers[a]
        moved = float(forward_returns(prepared.panel, ticker)[prepared.window.first + k])
        weight = float(run.weights[k, a])
        cause, wanted = causes.get(spelling.ticker(ticker)), ticker in found.weights
        held.append(Held(ticker=ticker, weight=weight, moved=moved, cause=cause, wanted=wanted))
    return sorted(held, key=lambda each: each.weight * (0.0 if np.isnan(each.moved) else each.moved))


def causes_of(steps: Sequence[Step]) -> dict[str, Step]:
    """Ticker → the last deciding step above its largest share: an if, a switch, an enter/exit, a ranking."""
    found: dict[str, Step] = {}
    largest: dict[str, float] = {}
    above: list[Step | None] = []
    for step in steps:
        del above[step.level :]
        nearest = above[-1] if above else None
        if step.kind == "asset" and nearest is not None and step.share > largest.get(step.text, 0.0):
            found[step.text], largest[step.text] = nearest, step.share
        decides = step.chosen is not None or step.kind in ("filter", "scale")
        above.append(step if decides else nearest)
    return found


def worst_days_section(result: Result) -> Html | None:
    """A block for each bad day; None for a run without a loss."""
    days = worst_days(result)
    if not days:
        return None
    name = result.prepared.question.benchmark_name or ""
    return section(
        "worst",
        "Worst days",
        *(_block(day, name) for day in days),
        note="What was held into each day, its part of the loss (weight times its own return from close to "
        "close), and the condition or ranking that had put it there, with how far that was from turning "
        "around.",
    )


def _block(day: BadDay, name: str) -> Html:
    beside = "" if day.rival is None else f", {name} {percent(day.rival)}"
    head = el("h3", f"{day.session}: {percent(day.lost)}", el("span", f"{beside}; decided at the close of "
              f"{day.decided}", class_="soft"))  # fmt: skip
    rows = [_row(each) for each in day.held[:LISTED]]
    more = day.held[LISTED:]
    if more:
        cost = sum(each.weight * each.moved for each in more if not np.isnan(each.moved))
        weight = share(sum(each.weight for each in more))
        rows.append(
            row(weight, "", percent(cost), "", head=f"{len(more)} other{'s' if len(more) > 1 else ''}")
        )
    body = table(("Held", "Weight", "Moved", "Part of it", "Because"), rows, kind="why")
    return el("div", head, body if rows else _nothing(), _near(day.near), class_="day")


def _nothing() -> Html:
    return el("p", "Nothing was held: the loss is of costs.", class_="note")


def _row(each: Held) -> Html:
    moved = np.isfinite(each.moved)
    return row(
        share(each.weight),
        percent(each.moved) if moved else UNDEFINED,
        percent(each.weight * each.moved) if moved else UNDEFINED,
        el("td", _because(each)),
        head=shortened(each.ticker, 24),
    )


def _because(held: Held) -> Html:
    """The deciding step in words, with the numbers of its comparisons."""
    step = held.cause
    if step is None:
        return el("span", "no condition" if held.wanted else "left from an earlier decision", class_="soft")
    numbers = list(_compared(step.verdicts))
    more = f", and {len(numbers) - 2} more" if len(numbers) > 2 else ""
    way = f" → {step.chosen}" if step.chosen not in (None, "then") else ""
    text = shortened(step.text, LONGEST) + way
    said = "; ".join(numbers[:2]) + more if numbers else _ranked(step)
    return join([text, el("br"), el("span", said, class_="soft")] if said else [text])


def _ranked(step: Step) -> str:
    """``kept TECL 24.1; next SOXL 25.3``: scores of a ranking's first kept ones, and of the best rejected."""
    kept = [each for each in step.candidates if each.share and each.score is not None]
    out = [each for each in step.candidates if not each.share and each.score is not None]
    if not kept:
        return ""
    best = (max if step.text.startswith("top") else min)(
        out, key=lambda each: each.score or 0.0, default=None
    )
    last = "" if best is None else f"; next {_scored(best)}"
    return f"kept {', '.join(_scored(each) for each in kept[:2])}{' …' if len(kept) > 2 else ''}{last}"


def _scored(candidate: Candidate) -> str:
    return f"{shortened(candidate.name, 24)} {_number(candidate.score)}"


def _compared(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """``27.4 and 30, margin +2.6`` for each comparison; with its text where there are several."""
    compared = [each for each in verdicts if each.left is not None or each.right is not None]
    for each in compared:
        text = f"{shortened(each.text, LONGEST)}: " if len(compared) > 1 else ""
        yield text + numbers_of(each)


def numbers_of(verdict: Verdict) -> str:
    """Both sides of a comparison and by how much it held, negative when it did not."""
    sides = f"{_number(verdict.left)} and {_number(verdict.right)}"
    if verdict.margin is None:
        return sides
    return f"{sides}, margin {verdict.margin:+.4g}".replace("-", "−")


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.5g}".replace("-", "−")


def _near(near: Sequence[Verdict]) -> Html | None:
    if not near:
        return None
    said = [f"{shortened(each.text, LONGEST)} ({numbers_of(each)})" for each in near[:NEAR]]
    more = f"; and {len(near) - NEAR} more" if len(near) > NEAR else ""
    return el("p", f"Near misses anywhere in the tree: {'; '.join(said)}{more}.", class_="note")
