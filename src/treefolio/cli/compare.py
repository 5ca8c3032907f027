"""``treefolio compare``: strategies, tickers and earlier runs side by side on their common sessions."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from treefolio.cli import show
from treefolio.cli.asked import Asker, blaming_values, imported, keep_snapshot
from treefolio.cli.fail import clean
from treefolio.cli.flags import Out, Period, Prices, Trading, spread
from treefolio.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treefolio.formats import Import
    from treefolio.sweep.compare import Comparison, Estimate
    from treefolio.sweep.entrants import Asked, Found
    from treefolio.sweep.single import Result

TICKER = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.^=-]{0,14}")
"""What a ticker looks like; …"""
FILES = (".json", ".yaml", ".yml", ".edn", ".clj", ".txt", ".parquet", ".csv")
"""… and what ends so is a file."""
SHOWN = (
    "cumulative_return",
    "annualized_return",
    "volatility",
    "sharpe",
    "max_drawdown",
    "calmar",
    "turnover",
)
"""Metrics on the screen."""

Names = Annotated[
    list[str],
    Argument(metavar="STRATEGY…", help="Two to ten: strategies' files, tickers, --out folders of runs."),
]


@spread
def verb(strategies: Names, out: Out, prices: Prices, period: Period, trading: Trading) -> int:
    """Compare strategies, tickers and earlier runs."""
    from treefolio.sweep.compare import MOST  # noqa: PLC0415 - heavy
    from treefolio.sweep.entrants import together, unknown, write_comparison  # noqa: PLC0415 - heavy
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy

    if not 2 <= len(strategies) <= MOST:
        raise UsageError(
            f"{len(strategies)} named, and 2 to {MOST} can be compared",
            hint="Name strategies' files, tickers, or --out folders of runs.",
        )
    require_free(out)
    asked, notes = _asked(strategies, prices, period, trading)
    wished = period.benchmark is not None
    show.compile_kernels()
    with blaming_values():
        comparison, results = together(asked, lambda each: _run(each, wished))
    from treefolio.report.compare_page import compare_page  # noqa: PLC0415 - heavy

    notes += [f"{result.strategy.name}: {note}" for result in results for note in result.notes]
    notes += unknown(comparison, asked)
    write_comparison(comparison, compare_page(comparison, list(dict.fromkeys(notes))), out)
    if comparison.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    _summarise(comparison)
    show.notes(dict.fromkeys(notes))
    show.say(f"Files: {out}, to begin with {out / 'report.html'}")
    return 0


def _asked(
    names: Sequence[str], prices: Prices, period: Period, trading: Trading
) -> tuple[list[Asked | Found], list[str]]:
    """What each name stands for, and notes; prices are read where something must be run."""
    from treefolio.sweep.ask import defaults  # noqa: PLC0415 - heavy
    from treefolio.sweep.entrants import Asked, is_run, read_run  # noqa: PLC0415 - heavy

    asker: Asker | None = None
    found: list[Asked | Found] = []
    notes: list[str] = []
    for name in names:
        path = Path(name)
        if is_run(path):
            found.append(read_run(path))
            continue
        asker = asker or Asker(prices, period, trading)
        strategy = _imported(name, period.empty).strategy
        question = asker(strategy, defaults(strategy))
        found.append(Asked(source=name, strategy=strategy, question=question))
        if asker.supplied is not None:
            keep_snapshot(asker.supplied)
            show.fetched(asker.supplied)
            notes += asker.supplied.notes
    return found, notes


def _imported(name: str, empty: str | None) -> Import:
    """The strategy in a file, or the holding of a ticker."""
    from treefolio.sweep.entrants import holding  # noqa: PLC0415 - heavy

    path = Path(name)
    if path.exists() or name.lower().endswith(FILES) or not TICKER.fullmatch(name):
        return imported(path, empty)
    return holding(name)


def _run(each: Asked, wished: bool) -> Result:
    """The result, without a benchmark where that was nobody's wish."""
    from treefolio.sweep.ask import answer  # noqa: PLC0415 - heavy
    from treefolio.sweep.single import run  # noqa: PLC0415 - heavy

    result, notes = answer(each.question, lambda question: run(each.strategy, question), wished=wished)
    return replace(result, notes=(*result.notes, *notes))


def _summarise(comparison: Comparison) -> None:
    """The common window, metrics side by side, correlations with the first, and the differences."""
    from treefolio.metrics import METRICS  # noqa: PLC0415 - heavy
    from treefolio.report.compare_page import short_name  # noqa: PLC0415 - heavy

    names = [clean(short_name(each.name)) for each in comparison.entrants]
    first, last = comparison.sessions[0], comparison.sessions[-1]
    show.say(f"{first} to {last}, {len(comparison.sessions):,} common sessions", style="bold")
    lines = [
        [METRICS[key].label, *(show.number(key, numbers[key]) for numbers in comparison.metrics)]
        for key in SHOWN
    ]
    with_first = ["–" if value != value else f"{value:.2f}" for value in comparison.correlations[0].tolist()]
    lines.append([f"Correlation with {names[0]}", *with_first])
    show.plain_table(["", *names], lines)
    rows = [
        [f"{names[each.a]} less {names[each.b]}", *_said(each.mean, 100, "%"), *_said(each.sharpe, 1, "")]
        for each in comparison.differences
    ]
    show.plain_table(["Difference a year", "return", "95 %", "p", "Sharpe", "95 %", "p"], rows)
    if len(rows) > 1:
        show.say(f"p is adjusted for {len(rows)} pairs, the intervals are not.")


def _said(found: Estimate | None, factor: float, unit: str) -> tuple[str, str, str]:
    """The difference, its interval, and the p-value adjusted for all pairs."""
    if found is None:
        return "–", "", ""
    value, low, high = (f"{factor * number:.2f}{unit}" for number in (found.value, found.low, found.high))
    return value, f"{low} to {high}", "<0.001" if found.holm < 0.001 else f"{found.holm:.3f}"
