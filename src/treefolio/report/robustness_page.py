"""The page of a robustness report.

From top to bottom: the sentences that matter (`robustness_words`), resampled histories (`robustness_draws`),
every number moved (`robustness_literals`), starts, costs and fills (`robustness_tables`), random picks, and
what identifies the run (`facts`). What was not asked for is not there.
"""

from __future__ import annotations

from treefolio.metrics import METRICS
from treefolio.report.facts import execution_line, facts_section, part, window_line, word
from treefolio.report.markup import Html, el, shortened
from treefolio.report.numerals import UNDEFINED, shown
from treefolio.report.page import cards, notes_alert, page, synthetic_alert
from treefolio.report.robustness_draws import monte_carlo_section, random_picks_section
from treefolio.report.robustness_literals import literals_section
from treefolio.report.robustness_tables import costs_section, starts_section, timing_section
from treefolio.report.robustness_words import TITLES, sentences
from treefolio.sweep.robustness.examine import PARTS, Robustness

HEADLINE = ("sharpe", "cagr", "volatility", "max_drawdown")
LONGEST_NAME = 40


def robustness_page(found: Robustness) -> str:
    """A self-contained HTML page, at most 1 MB: the same findings give the same text."""
    result = found.result
    sections = _sections(found)
    made = result.manifest
    return page(
        kind="Robustness",
        name=result.strategy.name,
        lead=f"{window_line(made)} · {execution_line(made)}",
        alerts=[synthetic_alert(result.synthetic), notes_alert(found.notes)],
        links=[
            *((name, TITLES[name]) for name in PARTS if sections[name] is not None),
            ("facts", "Facts"),
        ],
        parts=[_headline(found), _words(found), *sections.values(), facts_section(made)],
        foot=f"Treefolio {word(part(made, 'versions'), 'treefolio')}. A backtest is not a promise.",
    )


def _sections(found: Robustness) -> dict[str, Html | None]:
    """Part → its section; None where it was not answered."""
    name = found.result.prepared.question.benchmark_name
    rival = shortened(name or "the benchmark", LONGEST_NAME)
    return {
        "monte_carlo": monte_carlo_section(found.monte_carlo) if found.monte_carlo else None,
        "literals": literals_section(found.literals) if found.literals else None,
        "starts": starts_section(found.starts, rival) if found.starts else None,
        "costs": costs_section(found.costs, rival) if found.costs else None,
        "timing": timing_section(found.timing) if found.timing else None,
        "random_picks": random_picks_section(found.random_picks) if found.random_picks else None,
    }


def _headline(found: Robustness) -> Html:
    numbers = found.result.metrics
    entries = [
        (METRICS[key].label, METRICS[key].convention, shown(METRICS[key], numbers[key]), "of the run")
        for key in HEADLINE
    ]
    null = found.random_picks
    if null is not None:
        p = UNDEFINED if null.p_sharpe is None else f"{null.p_sharpe:.2g}"
        entries.append(("p of its timing", "against its holdings on other days", p, "by Sharpe ratio"))
    return cards(entries)


def _words(found: Robustness) -> Html:
    items = (el("li", el("strong", f"{title}. "), text) for title, text in sentences(found))
    return el("section", el("h2", "In short"), el("ol", *items), id="short")
