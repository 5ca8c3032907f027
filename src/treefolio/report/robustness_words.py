"""What a robustness report says in five sentences: one for each question, for the page and for the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from treefolio.report.markup import shortened
from treefolio.report.numerals import count, percent, plain, ratio, share
from treefolio.sweep.robustness.costs import BreakEven, Costs
from treefolio.sweep.robustness.examine import Robustness
from treefolio.sweep.robustness.fragility import Sensitivity
from treefolio.sweep.robustness.spread import QUANTILES, Spread
from treefolio.sweep.robustness.timing import Timing

LONGEST = 60
TELLING = 0.01
"""A difference of Sharpe ratios that can be seen in two decimals."""
FILLS: Mapping[str, str] = {
    "close": "its own close",
    "next_open": "the next open",
    "next_close": "the next close",
}
TITLES: Mapping[str, str] = {
    "monte_carlo": "Monte Carlo",
    "literals": "Literals",
    "starts": "Starts",
    "costs": "Costs",
    "timing": "Timing",
    "random_picks": "Random picks",
}


def sentences(found: Robustness) -> list[tuple[str, str]]:
    """Title and sentence of each question that was answered; costs and timing share one."""
    made: list[tuple[str, str]] = []
    for titles, word in _WORDS:
        text = word(found)
        if text:
            made.append((titles, text))
    made += [(TITLES[part], f"Not answered: {why}.") for part, why in found.reasons.items()]
    return made


def at(found: Spread, quantile: float) -> float:
    """A quantile of the draws; NaN without any."""
    return found.quantiles[QUANTILES.index(quantile)] if found.quantiles else float("nan")


def _monte_carlo(found: Robustness) -> str:
    each = found.monte_carlo
    if each is None:
        return ""
    yearly, worst = each.spreads["cagr"], each.spreads["max_drawdown"]
    return (
        f"Of {count(each.draws)} histories made of its own days, 90 % end with an annual return from "
        f"{percent(at(yearly, 0.05))} to {percent(at(yearly, 0.95))}, and {share(each.loss)} lose; "
        f"the largest drawdown was {said(worst.real, percent)}, and one history in twenty has more than "
        f"{percent(at(worst, 0.95))}."
    )


def _literals(found: Robustness) -> str:
    each = found.literals
    if each is None:
        return ""
    if not each.found:
        return "The tree has no number that could be moved."
    reach = "1 step" if each.steps == 1 else f"{each.steps} steps"
    dead = len(each.dead)
    idle = "1 changes nothing" if dead == 1 else f"{count(dead)} change nothing" if dead else "all matter"
    head = f"Of {count(len(each.found))} numbers moved by up to {reach}, {idle}"
    fragile = next((one for one in each.found if one.lowest is not None), None)
    if fragile is None:
        return f"{head}, and none lowers the Sharpe ratio of {said(each.base['sharpe'], ratio)}."
    cliffs = len(each.cliffs)
    steep = "1 is a cliff" if cliffs == 1 else f"{count(cliffs)} are cliffs" if cliffs else "none is a cliff"
    return f"{head} and {steep}; the most fragile is {_fragile(fragile)}."


def _fragile(each: Sensitivity) -> str:
    own = next(point for point in each.moved if point.steps == 0)
    lowest = each.lowest
    text = shortened(each.ladder.text, LONGEST)
    at_lowest = "" if lowest is None else f" to {said(lowest.sharpe, ratio)} at {plain(lowest.value)}"
    if each.drop < TELLING:
        return f"{each.ladder.id} of {text}, and it lowers the Sharpe ratio by less than {TELLING:g}"
    return f"{each.ladder.id} of {text}: the Sharpe ratio goes from {said(own.sharpe, ratio)}{at_lowest}"


def _starts(found: Robustness) -> str:
    each = found.starts
    if each is None:
        return ""
    if len(each.found) == 1:
        text = "No later start leaves a year"
    else:
        worst, best = each.worst, each.best
        text = (
            f"Begun in any of {count(len(each.found))} months and held to the end, it earns from "
            f"{said(worst.cagr, percent)} a year (from {worst.session}) to {said(best.cagr, percent)} "
            f"(from {best.session})"
        )
    year = each.rolling[0]
    beaten = "" if year.behind is None else f", and {share(year.behind)} are behind {_rival(found)}"
    return (
        f"{text}; its worst 252 sessions bring {percent(year.worst.cagr)}, {share(year.loss)} of such "
        f"stretches lose{beaten}."
    )


def _costs_and_timing(found: Robustness) -> str:
    parts = [
        _costs(found, found.costs) if found.costs else "",
        _timing(found.timing) if found.timing else "",
    ]
    said_both = [text for text in parts if text]
    return "; ".join(said_both)[:1].upper() + "; ".join(said_both)[1:] + "." if said_both else ""


def _costs(found: Robustness, each: Costs) -> str:
    if each.benchmark is not None:
        return f"{bears(each.benchmark, each)} against {_rival(found)}"
    return f"{bears(each.nothing, each)} against earning nothing" if each.nothing is not None else ""


def bears(even: BreakEven, each: Costs) -> str:
    """How much slippage it bears against a target, in words."""
    if even.bps is not None:
        return f"it breaks even at {even.bps:.1f} bps of slippage a side"
    levels = [level.slippage_bps for level in each.levels if level.cagr is not None]
    if even.said == "below":
        return f"it is behind at {levels[0]:g} bps of slippage already"
    return f"it stays ahead up to {levels[-1]:g} bps of slippage a side"


def _timing(each: Timing) -> str:
    told = []
    for one in each.found:
        value = None if one.metrics is None else one.metrics["sharpe"]
        if value is not None:
            told.append(f"{ratio(value)} at {FILLS[one.fill]}")
    return f"traded at different times its Sharpe ratio is {', '.join(told)}" if len(told) > 1 else ""


def _random_picks(found: Robustness) -> str:
    each = found.random_picks
    if each is None:
        return ""
    if each.reason is not None or each.p_sharpe is None:
        return f"Timing cannot be tested: {each.reason or 'the returns do not vary'}."
    return (
        f"The same holdings, moved to other days in {count(each.draws)} ways, have a median Sharpe ratio of "
        f"{ratio(at(each.sharpe, 0.5))}; its own, without costs, is {said(each.sharpe.real, ratio)}, "
        f"{_chance(each.p_sharpe, each.draws)}."
    )


def _chance(p: float, draws: int) -> str:
    """What the p-value means."""
    if p <= 1.0 / (draws + 1):
        return f"more than all of them (p = {p:.2g})"
    sure = "more than chance would give" if p < 0.05 else "which chance gives as well"
    return f"{sure} (p = {p:.2g})"


def _rival(found: Robustness) -> str:
    return found.result.prepared.question.benchmark_name or "the benchmark"


def said(value: float | None, word: Callable[[float], str]) -> str:
    """The number in words, or a dash."""
    return "–" if value is None else word(value)


_WORDS: tuple[tuple[str, Callable[[Robustness], str]], ...] = (
    (TITLES["monte_carlo"], _monte_carlo),
    (TITLES["literals"], _literals),
    (TITLES["starts"], _starts),
    ("Costs and timing", _costs_and_timing),
    (TITLES["random_picks"], _random_picks),
)
