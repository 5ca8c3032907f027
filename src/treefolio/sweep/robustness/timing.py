"""What if it trades later? The same decisions at their own close, at the next open, at the next close.

A decision that is computed from a session's close can hardly be traded at that very close. What is lost from
one fill to the next says how soon the edge is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from treefolio.engine.execution import FILLS
from treefolio.engine.question import Question
from treefolio.errors import TreefolioError
from treefolio.strategy.tree import Strategy
from treefolio.sweep.robustness.costs import Numbers, numbers_of
from treefolio.sweep.single import Result, run

NO_OPENS = "the prices have no opens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The run with one fill; metrics of `costs.KEYS`, or None for this reason."""

    fill: str
    metrics: Numbers | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The run by its fill, in the order of ``FILLS``. asked: the fill of the run itself."""

    asked: str
    found: tuple[Filled, ...]


def timing(result: Result, strategy: Strategy, opens: Question | None = None) -> Timing:
    """Runs the strategy with each fill.

    Args:
        strategy: with the variables that ``result.assignment`` sets.
        opens: the same question on prices with opens, where those of the run have none.
    """
    asked = result.prepared.question.execution.fill
    found = (_filled(result, strategy, fill, opens) for fill in FILLS)
    return Timing(asked=asked, found=tuple(found))


def _filled(result: Result, strategy: Strategy, fill: str, opens: Question | None) -> Filled:
    question = result.prepared.question
    if fill == question.execution.fill:
        return Filled(fill=fill, metrics=numbers_of(result))
    panel = question.panel
    if fill == "next_open" and "open" not in panel.fields and opens is not None:
        panel = opens.panel
    if fill == "next_open" and "open" not in panel.fields:
        return Filled(fill=fill, metrics=None, reason=NO_OPENS)
    execution = replace(question.execution, fill=fill)  # type: ignore[arg-type]  # it is one of FILLS
    try:
        found = run(strategy, replace(question, panel=panel, execution=execution), result.assignment)
    except TreefolioError as error:
        return Filled(fill=fill, metrics=None, reason=error.message)
    return Filled(fill=fill, metrics=numbers_of(found))
