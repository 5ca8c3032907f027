"""Is the winner real? The headline of a sweep's page, and a sentence for each question behind it.

`findings` grades what `selection.json` says; the page shows the sentences, and one that sums them up.
"""

from __future__ import annotations

from dataclasses import dataclass

from treefolio.metrics import METRICS
from treefolio.report.luck import Best, Luck, Overfit
from treefolio.report.markup import Html, el, section
from treefolio.report.numerals import UNDEFINED, count, ratio, share
from treefolio.report.page import cards
from treefolio.selection.sharpe import SESSIONS_A_YEAR

SURE = 0.95
"""A deflated Sharpe ratio from here on is called skill: the usual level."""
RARE, OFTEN = 0.1, 0.4
"""A probability of overfitting up to the first is small; from the second on it is that of chance."""
PLATEAU, SPIKE = 0.9, 0.6
"""Neighbours that rank above the first make a plateau; below the second they make a spike."""

_GOOD, _BAD, _OPEN = "good", "bad", "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One question's answer. ``grade`` is good, bad, or open: not to be told, or in between."""

    title: str
    text: str
    grade: str


def headline(luck: Luck, total: int, ok: int, variables: int) -> Html:
    """Eight numbers, each with what it is of below it.

    Args:
        total, ok: combinations, and those with status ok.
    """
    best = luck.best
    sizes = f"{count(variables)} variable{'' if variables == 1 else 's'}"
    sizes += f", {count(ok)} of {count(total)} done" if ok < total else ""
    sharpe = METRICS["sharpe"].convention
    first = (
        ("Trials", "rows with a Sharpe ratio", count(luck.trials), sizes),
        ("Best Sharpe ratio", sharpe, _of(best, "sharpe"), "the luckiest of all of them"),
        ("Expected of luck", "√(252 / T) · E[max of N]", _ratio(luck.expected), "as the best, without skill"),
        ("Deflated Sharpe ratio", _DEFLATED, _share(best.dsr if best else None), _above(luck.threshold)),
    )
    second = (
        ("Overfitting", _PBO, _share(luck.overfit.pbo), f"{_error(luck.overfit)}; of chance: 50%"),
        ("Loss out of sample", _LOSS, _share(luck.overfit.loss), "of the winners of half the history"),
        (
            "Plateau of the best",
            _RANKS,
            _share(best.plateau if best else None),
            "of all rows below neighbours",
        ),
        ("Minimum history", "(E[max of N] / SR)²", _years(luck.min_years), "for that best of so many"),
    )
    return el("div", cards(first), cards(second))


_DEFLATED = (
    "the probability that the best row's true Sharpe ratio is above the best to expect of trials without "
    "skill that scatter as these do"
)
_PBO = "how often the best row of one half of the history is no better than the median row in the other half"
_LOSS = "how often the best row of one half of the history has a Sharpe ratio below 0 in the other half"
_RANKS = "mean percentile rank of the rows one step away in one variable"


def verdict_alert(found: list[Finding]) -> Html:
    """What the findings come to."""
    first = el("strong", "The best of many trials is lucky. ")
    return el("div", el("p", first, verdict(found)), class_="alert", role="note")


def verdict(found: list[Finding]) -> str:
    """What the findings come to, in a sentence or two."""
    bad, unknown = (
        [each.title[:1].lower() + each.title[1:] for each in found if each.grade == grade]
        for grade in (_BAD, _OPEN)
    )
    if bad:
        return f"Do not take the best row for skill. Against it: {', '.join(bad)}."
    if unknown:
        return f"The best row may be more than luck. Not settled: {', '.join(unknown)}."
    return "The best row passes what a sweep can test. Only days that it has not seen can tell more."


def verdict_section(found: list[Finding], luck: Luck) -> Html:
    """The findings, one sentence after the other."""
    items = [el("li", el("strong", f"{each.title}. "), each.text) for each in found]
    what = f"What cannot be told: {luck.note}." if luck.note else None
    return section(
        "real",
        "Is the winner real?",
        el("ol", *items),
        el("p", what, class_="note") if what else None,
        note="The best row by Sharpe ratio, and what is known of having chosen it.",
    )


def findings(luck: Luck, sessions: int) -> list[Finding]:
    """An answer for each question, whatever there is to go by.

    Args:
        sessions: of the sweep, with the first.
    """
    best = luck.best
    if best is None:
        return [Finding(title="Trials", text="No row has a Sharpe ratio: there is no best.", grade=_BAD)]
    if luck.trials == 1:
        single = _single(best)
        return [single, _history(luck, best, sessions)] if sessions else [single]
    found = [
        _trials(luck, best, sessions),
        _deflated(luck, best),
        _overfitting(luck.overfit),
        _neighbours(best),
        _history(luck, best, sessions),
    ]
    return found + ([_earlier(luck, best)] if luck.lineage.trials is not None else [])


def _single(best: Best) -> Finding:
    text = "Only one row has a Sharpe ratio, so nothing was chosen here, and there is nothing to deflate."
    if best.psr is not None:
        text += f" By itself, its true ratio is above 0 with a probability of {share(best.psr)}."
    sure = best.psr is not None and best.psr >= SURE
    return Finding(title="Trials", text=text, grade=_OPEN if sure else _BAD)


def _trials(luck: Luck, best: Best, sessions: int) -> Finding:
    expected = luck.expected or 0.0
    more = best.sharpe > expected
    text = (
        f"{count(luck.trials)} trials over {sessions / SESSIONS_A_YEAR:.1f} years: of so many independent "
        f"ones without any skill the best is expected to show a Sharpe ratio of {ratio(expected)}. The best "
        f"here shows {ratio(best.sharpe)}, "
        + ("more than luck alone would be expected to." if more else "which luck alone would do as well.")
    )
    if luck.effective is not None and luck.effective < 0.9 * luck.trials:
        text += (
            f" Rows of a grid are alike: going by {count(luck.sample)} of them, they amount to about "
            f"{count(round(luck.effective, 1))} independent trials, whose best is expected to show "
            f"{_ratio(luck.expected_effective)}; the truth lies in between."
        )
    return Finding(title="Luck", text=text, grade=_GOOD if more else _BAD)


def _deflated(luck: Luck, best: Best) -> Finding:
    if best.dsr is None:
        return Finding(
            title="Deflated Sharpe ratio", text="The deflated Sharpe ratio is undefined.", grade=_OPEN
        )
    sure = best.dsr >= SURE
    text = (
        f"Trials that scatter as these do, about 0, would have a best of {_ratio(luck.threshold)} by luck. "
        f"That its true ratio is above this has a probability of {share(best.dsr)}, "
        f"{'at least' if sure else 'less than'} the usual {SURE:.0%}."
    )
    if sure:
        text += " It counts the trials of this sweep, not those by which the strategy itself was found."
    return Finding(title="Deflated Sharpe ratio", text=text, grade=_GOOD if sure else _BAD)


def _overfitting(over: Overfit) -> Finding:
    if over.pbo is None:
        return Finding(title="Overfitting", text="Its probability cannot be told here.", grade=_OPEN)
    text = (
        f"Chosen on one half of the history, the best row is no better than the median row on the other half "
        f"in {share(over.pbo)} of the cases ({_error(over)}). Without any skill it would be about a half."
    )
    if over.pbo <= RARE:
        return Finding(title="Overfitting", text=f"{text} Choosing worked here.", grade=_GOOD)
    if over.pbo >= OFTEN:
        return Finding(title="Overfitting", text=f"{text} Choosing was like drawing lots.", grade=_BAD)
    return Finding(title="Overfitting", text=f"{text} Choosing helped, but not much.", grade=_OPEN)


def _neighbours(best: Best) -> Finding:
    if best.plateau is None:
        text = (
            "It has no neighbours that could be compared: no variable has steps, they were not drawn, or all "
            "rows are the same."
        )
        return Finding(title="Neighbours", text=text, grade=_OPEN)
    text = f"The rows one step away in one variable rank above {share(best.plateau)} of all rows on average: "
    if best.plateau >= PLATEAU:
        return Finding(title="Neighbours", text=text + "it stands on a plateau.", grade=_GOOD)
    if best.plateau < SPIKE:
        return Finding(title="Neighbours", text=text + "it is a spike.", grade=_BAD)
    return Finding(title="Neighbours", text=text + "between a plateau and a spike.", grade=_OPEN)


def _history(luck: Luck, best: Best, sessions: int) -> Finding:
    years = sessions / SESSIONS_A_YEAR
    if luck.min_years is None:
        text = f"A best Sharpe ratio of {ratio(best.sharpe)} is rare after no history, however long."
        return Finding(title="History", text=text, grade=_BAD)
    enough = years >= luck.min_years
    text = (
        f"So many independent trials without skill need {_years(luck.min_years)} of history before a best of "
        f"{ratio(best.sharpe)} is more than to be expected; here are {years:.1f}."
    )
    return Finding(title="History", text=text, grade=_GOOD if enough else _BAD)


def _earlier(luck: Luck, best: Best) -> Finding:
    """Trials of earlier sweeps of the same strategy."""
    trials, sweeps = luck.lineage.trials or 0, luck.lineage.sweeps or 0
    if trials <= luck.trials:
        text = (
            "The ledger knows of no other trials of this strategy. It cannot know what was tried elsewhere."
        )
        return Finding(title="Earlier trials", text=text, grade=_GOOD)
    expected = luck.lineage.expected or 0.0
    text = (
        f"Over {count(sweeps)} sweeps of this strategy there were {count(trials)} trials, of which the best "
        f"is expected to show {ratio(expected)} without skill."
    )
    return Finding(title="Earlier trials", text=text, grade=_GOOD if best.sharpe > expected else _BAD)


def _of(best: Best | None, key: str) -> str:
    return UNDEFINED if best is None else ratio(getattr(best, key))


def _ratio(value: float | None) -> str:
    return UNDEFINED if value is None else "0" if abs(value) < 0.005 else ratio(value)


def _above(threshold: float | None) -> str:
    """What the deflated ratio is measured against."""
    return "that it is above luck" if threshold is None else f"that it is above {_ratio(threshold)}"


def _share(value: float | None) -> str:
    return UNDEFINED if value is None else share(value)


def _years(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:,.1f} years" if value < 1e4 else "> 10,000 years"


def _error(over: Overfit) -> str:
    """How exact the probability of overfitting is."""
    if over.pbo is None:
        return "undefined"
    if not over.error:
        return f"all {count(over.splits)} splits"
    return f"± {share(over.error)}, {count(over.splits)} of {count(over.splits_total)} splits"
