"""How many trials there were, and the tests that count them: the page's part on lineage and reality check."""

from __future__ import annotations

from treefolio.report.explained import Row, explained
from treefolio.report.luck import Content, Luck
from treefolio.report.markup import Html, el, section, shortened
from treefolio.report.numerals import UNDEFINED, count, ratio

SMALL_P = 0.05
"""A p-value below this speaks against luck."""

_LEFT_OUT = {"failed": "failed", "skipped": "were skipped", "no_sharpe": "have no Sharpe ratio"}
_TESTS = (
    ("White's reality check", "white", "in returns as they are"),
    ("Hansen's SPA, consistent", "spa_consistent", "each row's gain over its own scatter: the one to read"),
    ("Hansen's SPA, lower", "spa_lower", "a lower bound of it"),
    ("Hansen's SPA, upper", "spa_upper", "an upper bound of it"),
)


def trials_section(luck: Luck) -> Html:
    """Trials in this sweep, as independent ones, and over all sweeps of the strategy."""
    line = luck.lineage
    sample = f"the effective rank of the correlations of {count(luck.sample)} rows, spread over all"
    rows = [
        _counted("This sweep", luck.trials, luck.expected, _left_out(luck)),
        _counted("As independent trials", luck.effective, luck.expected_effective, sample),
    ]
    if line.trials is not None:
        several = f"{count(line.sweeps or 0)} sweeps of this strategy, as the ledger counts them"
        rows.append(_counted("Over all sweeps", line.trials, line.expected, several))
    unknown = f"{line.note[:1].upper()}{line.note[1:]}." if line.note else None
    return section(
        "trials",
        "Trials",
        explained(("Trials", "Best of luck"), rows),
        el("p", shortened(unknown, 300), class_="note") if unknown else None,
        note="Every row that was looked at is a chance to be lucky. What was tried elsewhere nobody counts.",
    )


def _counted(head: str, trials: float | None, expected: float | None, what: str) -> Row:
    known = UNDEFINED if trials is None else count(round(trials, 1))
    return head, what, (known, UNDEFINED if expected is None else ratio(expected))


def _left_out(luck: Luck) -> str:
    left = [f"{count(n)} {_LEFT_OUT.get(key, key)}" for key, n in luck.left_out.items()]
    return "rows with a Sharpe ratio" + (f"; {', '.join(left)}" if left else "")


def reality_section(luck: Luck) -> Html | None:
    """The p-values of White's and Hansen's tests; None when they were not asked for."""
    found = luck.reality
    if found is None:
        return None
    against = shortened(str(found.get("against")), 60)
    number = found.get("models")
    tested = count(number) if isinstance(number, int) else UNDEFINED
    note = (
        f"The null hypothesis that none of the {tested} best rows is better than {against}; a p-value below "
        f"{SMALL_P:.2f} speaks against it. The rows were chosen from {count(luck.trials)}, of which the test "
        "does not know."
    )
    reason = found.get("reason")
    if reason:
        return section(
            "reality", "Reality check", el("p", f"Not tested: {reason}.", class_="note"), note=note
        )
    rows = [(name, what, (_p(found, key),)) for name, key, what in _TESTS]
    return section("reality", "Reality check", explained(("p",), rows), note=note)


def _p(found: Content, key: str) -> str:
    value, draws = found.get(key), found.get("draws")
    if not isinstance(value, float):
        return UNDEFINED
    return f"< {1 / draws:.3g}" if value == 0 and isinstance(draws, int) and draws else f"{value:.3f}"
