"""All questions of robustness asked of one run, or those that are wanted.

A part that cannot be answered for this run (too short, nothing to move) leaves its reason; the others are
answered all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from treefolio.engine.question import Question
from treefolio.errors import TreefolioError, UsageError, did_you_mean
from treefolio.strategy.tree import Strategy
from treefolio.sweep.robustness.costs import Costs, costs
from treefolio.sweep.robustness.fragility import Literals
from treefolio.sweep.robustness.literals import perturb
from treefolio.sweep.robustness.monte_carlo import MonteCarlo, monte_carlo
from treefolio.sweep.robustness.random_picks import RandomPicks, random_picks
from treefolio.sweep.robustness.starts import Starts, starts
from treefolio.sweep.robustness.timing import Timing, timing
from treefolio.sweep.single import Result

PARTS = ("monte_carlo", "literals", "starts", "costs", "timing", "random_picks")
MOST_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked.

    Attributes:
        steps: how far each number is moved, to each side.
        draws: resampled histories, and random picks. seed: of both.
        parts: of `PARTS`, in any order.
        threads: nothing depends on them but the time.

    Raises:
        UsageError: a number below its least, or a part that there is not.
    """

    steps: int = 3
    draws: int = 1_000
    seed: int = 0
    parts: tuple[str, ...] = PARTS
    threads: int = 2

    def __post_init__(self) -> None:
        for name, value, least in (
            ("steps", self.steps, 1),
            ("draws", self.draws, 1),
            ("seed", self.seed, 0),
        ):
            if value < least:
                raise UsageError(f"{name} {value} is below {least}", hint=f"Give {least} or more.")
        if self.steps > MOST_STEPS:
            raise UsageError(f"steps {self.steps} is above {MOST_STEPS}", hint="Vary one number by a sweep.")
        for part in self.parts:
            if part not in PARTS:
                hint = did_you_mean(part, PARTS) or f"One of {', '.join(PARTS)}."
                raise UsageError(f"there is no part {part!r}", hint=hint)
        if not self.parts:
            raise UsageError("no part is asked for", hint=f"Some of {', '.join(PARTS)}.")


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """What was found; parts that were not asked for, or have a reason why not, are None.

    Attributes:
        result: the run that is asked about.
        reasons: part → why it could not be answered.
        seconds: part → how long it took.
    """

    result: Result
    wish: Wish
    monte_carlo: MonteCarlo | None
    literals: Literals | None
    starts: Starts | None
    costs: Costs | None
    timing: Timing | None
    random_picks: RandomPicks | None
    reasons: Mapping[str, str]
    seconds: Mapping[str, float] = field(repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the run, and that the literals begin later where they do."""
        found, first = self.literals, str(self.result.run.sessions[0])
        if found is None or found.start == first:
            return self.result.notes
        return (
            *self.result.notes,
            f"literals are compared from {found.start} on, not {first}: longer windows need more history",
        )


def examine(
    result: Result,
    strategy: Strategy,
    wish: Wish | None = None,
    *,
    opens: Question | None = None,
    began: Callable[[str], None] | None = None,
) -> Robustness:
    """Asks what ``wish`` says (None: everything) of a run.

    Args:
        strategy: with the variables that ``result.assignment`` sets; `Result.strategy` has none.
        opens: the question on prices with opens, where those of the run have none.
        began: is told each part when it begins.
    """
    wish = wish or Wish()
    question, chosen = result.prepared.question, result.assignment
    asked: Mapping[str, Callable[[], object]] = {
        "monte_carlo": lambda: monte_carlo(result, draws=wish.draws, seed=wish.seed),
        "literals": lambda: perturb(strategy, question, chosen, steps=wish.steps, threads=wish.threads),
        "starts": lambda: starts(result),
        "costs": lambda: costs(result, strategy),
        "timing": lambda: timing(result, strategy, opens),
        "random_picks": lambda: random_picks(result, draws=wish.draws, seed=wish.seed),
    }
    found: dict[str, object] = dict.fromkeys(PARTS)
    reasons: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for part in PARTS:
        if part not in wish.parts:
            continue
        if began is not None:
            began(part)
        start = time.perf_counter()
        try:
            found[part] = asked[part]()
        except TreefolioError as error:
            reasons[part] = error.message
        seconds[part] = time.perf_counter() - start
    return Robustness(result=result, wish=wish, reasons=reasons, seconds=seconds, **found)  # type: ignore[arg-type]  # by part
