"""``treefolio robustness``: how much of one strategy's result hangs on what could have been otherwise."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.cli import show
from treefolio.cli.asked import Asked, Asker, ask, blaming_values
from treefolio.cli.flags import Out, Period, Prices, Sets, StrategyFile, Threads, Trading, spread
from treefolio.cli.run import backtest
from treefolio.cli.sweep import threads_of
from treefolio.errors import TreefolioError

if TYPE_CHECKING:
    from collections.abc import Callable

    from treefolio.engine.question import Question
    from treefolio.sweep.robustness import Robustness, Wish

STEPS, DRAWS = 3, 1_000
Only = Annotated[
    str | None,
    Option(
        "--only",
        metavar="PART,…",
        help="Some of monte_carlo, literals, starts, costs, timing, random_picks [all].",
    ),
]


@spread
def verb(
    strategy: StrategyFile,
    out: Out,
    prices: Prices,
    period: Period,
    trading: Trading,
    sets: Sets = None,
    steps: Annotated[int, Option(metavar="K", help="How far each number is moved, to each side.")] = STEPS,
    draws: Annotated[int, Option(metavar="N", help="Resampled histories, and random picks.")] = DRAWS,
    seed: Annotated[int, Option(metavar="S", help="Of the draws.")] = 0,
    only: Only = None,
    threads: Threads = 0,
) -> int:
    """Say what a strategy's result hangs on."""
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy
    from treefolio.sweep.robustness import examine  # noqa: PLC0415 - heavy

    wish = _wish(steps=steps, draws=draws, seed=seed, only=only, threads=threads)
    require_free(out)
    asked = ask(strategy, prices, period, trading, sets or [])
    show.compile_kernels()
    result = backtest(asked, "compiled")
    opens = _with_opens(asked, prices, period, trading) if "timing" in wish.parts else None
    with blaming_values():
        found = examine(result, asked.strategy, wish, opens=opens, began=_progress())
    _write(found, out)
    _summarise(found)
    show.fetched(asked.supplied)
    show.say(f"Files: {out}, to begin with {out / 'report.html'}")
    return 0


def _wish(*, steps: int, draws: int, seed: int, only: str | None, threads: int) -> Wish:
    from treefolio.sweep.robustness import PARTS, Wish  # noqa: PLC0415 - heavy

    named = () if only is None else tuple(word.strip() for word in only.split(",") if word.strip())
    return Wish(
        steps=steps,
        draws=draws,
        seed=seed,
        parts=PARTS if only is None else tuple(dict.fromkeys(named)),
        threads=threads_of(threads),
    )


def _with_opens(asked: Asked, prices: Prices, period: Period, trading: Trading) -> Question | None:
    """The question on prices with opens, when those of the run have none and there are some."""
    from treefolio.sweep.ask import defaults  # noqa: PLC0415 - heavy

    if "open" in asked.question.panel.fields:
        return None
    axes = defaults(asked.strategy) | {name: (value,) for name, value in asked.values.items()}
    if period.holdout is not None:
        period = replace(period, holdout=None, end=str(asked.question.end))
    try:
        asker = Asker(prices, period, replace(trading, fill="next_open"))
        return asker(asked.strategy, axes)
    except TreefolioError:
        return None  # the table of fills says that there are none


def _progress() -> Callable[[str], None] | None:
    """Names each part on standard error when it begins; quiet when that is no terminal."""
    if not sys.stderr.isatty():
        return None
    from treefolio.report.robustness_words import TITLES  # noqa: PLC0415 - heavy

    return lambda part: show.tell(f"{TITLES[part]} …")


def _write(found: Robustness, out: Path) -> None:
    from treefolio.report.robustness_page import robustness_page  # noqa: PLC0415 - heavy
    from treefolio.sweep.robustness.output import write_robustness  # noqa: PLC0415 - heavy

    write_robustness(found, robustness_page(found), out)


def _summarise(found: Robustness) -> None:
    """Name, window, and a sentence for each question."""
    from treefolio.report.robustness_words import sentences  # noqa: PLC0415 - heavy

    run = found.result.run
    show.say(found.result.strategy.name, style="bold")
    if found.result.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    ratio = show.number("sharpe", found.result.metrics["sharpe"])
    yearly = show.number("annualized_return", found.result.metrics["annualized_return"])
    show.say(
        f"{run.sessions[0]} to {run.sessions[-1]}, {len(run.sessions):,} sessions; Sharpe ratio {ratio}, "
        f"annual return {yearly}"
    )
    for title, text in sentences(found):
        show.say(f"{title}: {text}")
    show.notes(found.notes)
