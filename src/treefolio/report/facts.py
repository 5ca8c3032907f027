"""What identifies a result, in words: everything here comes from its manifest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from treefolio.report.markup import Html, el, section, shortened
from treefolio.report.numerals import count, money, percent, plain

Manifest = Mapping[str, object]
Facts = list[tuple[str, str | Html]]

LONGEST_TEXT = 60_000
"""Characters of a strategy's text that a page carries; a longer one is named by its hash."""
LONGEST_FACT = 600
MOST_VARIABLES = 60

_FILLS: Mapping[str, str] = MappingProxyType(
    {
        "close": "decided at a session's close, traded at that close",
        "next_open": "decided at a session's close, traded at the next session's open",
        "next_close": "decided at a session's close, traded at the next session's close",
    }
)
_MISSING: Mapping[str, str] = MappingProxyType(
    {"error": "an error: none is missing", "skip": "skipped: what has no price is left out"}
)


def part(manifest: Manifest, key: str) -> Manifest:
    """The mapping at ``key``, empty where there is none."""
    found = manifest.get(key)
    return found if isinstance(found, Mapping) else {}


def word(manifest: Manifest, key: str) -> str:
    """The value at ``key`` as text, a dash where there is none."""
    found = manifest.get(key)
    return "–" if found is None or found == "" else shortened(plain(found), LONGEST_FACT)


def number(manifest: Manifest, key: str) -> float:
    """The number at ``key``, 0 where there is none."""
    found = manifest.get(key)
    return float(found) if isinstance(found, int | float) else 0.0


def facts_section(manifest: Manifest) -> Html:
    """Four lists, and the strategy's text."""
    groups = (
        ("Sessions", _sessions(manifest)),
        ("Execution", _execution(part(manifest, "execution"))),
        ("Prices", _prices(manifest)),
        ("Identity", _identity(manifest)),
    )
    lists = (el("div", el("h3", title), _list(facts)) for title, facts in groups)
    return section("facts", "Facts", el("div", *lists, class_="facts"), *_folded(manifest))


def execution_line(manifest: Manifest) -> str:
    """When it trades and what that costs, in a few words."""
    execution = part(manifest, "execution")
    costs = part(execution, "costs")
    bps = number(costs, "slippage_bps") + number(costs, "commission_bps")
    others = bool(costs.get("us_fees")) or number(costs, "commission_minimum") > 0
    paid = f"{bps:g} bps a side" + (" and fees" if others else "") if bps or others else "no costs"
    return f"fills at {word(execution, 'fill').replace('_', ' ')}, {paid}"


def window_line(manifest: Manifest) -> str:
    """First and last session, and how many they are."""
    sessions = count(number(manifest, "sessions"))
    return f"{word(manifest, 'start')} to {word(manifest, 'end')}, {sessions} sessions"


def _sessions(manifest: Manifest) -> Facts:
    return [
        ("Start", f"{word(manifest, 'start')}, because {_cause(manifest)}"),
        ("End", word(manifest, "end")),
        *_held_out(part(manifest, "holdout")),
        ("Sessions", count(number(manifest, "sessions"))),
        ("Benchmark", "none" if manifest.get("benchmark") is None else word(manifest, "benchmark")),
    ]


def _held_out(holdout: Manifest) -> Facts:
    """What was kept out of the result; nothing where nothing was."""
    if not holdout:
        return []
    days = f"{word(holdout, 'first')} to {word(holdout, 'last')}"
    return [("Held out", f"{days}, {count(number(holdout, 'sessions'))} sessions, until treefolio reveal")]


def _cause(manifest: Manifest) -> str:
    found = manifest.get("start_set_by")
    return str(found) if found else "it is the first session that there is"


def _execution(execution: Manifest) -> Facts:
    costs = part(execution, "costs")
    minimum = number(costs, "commission_minimum")
    least = f", at least {money(minimum)} an order" if minimum else ""
    return [
        ("Fill", _FILLS.get(word(execution, "fill"), word(execution, "fill"))),
        ("Slippage", f"{number(costs, 'slippage_bps'):g} bps a side"),
        ("Commission", f"{number(costs, 'commission_bps'):g} bps{least}"),
        ("Fees", "SEC and TAF on sells" if costs.get("us_fees") else "none"),
        ("Capital", money(number(execution, "capital"))),
        ("Shares", "whole ones" if execution.get("whole_shares") else "fractional"),
        ("Cash earns", f"{percent(number(execution, 'cash_rate'))} a year"),
    ]


def _prices(manifest: Manifest) -> Facts:
    prices = part(manifest, "prices")
    return [
        ("Basis", word(prices, "basis")),
        ("Source", word(prices, "source")),
        ("From", word(prices, "first_session")),
        ("Missing", _MISSING.get(word(manifest, "missing"), word(manifest, "missing"))),
        ("Snapshot", el("code", word(prices, "snapshot"))),
    ]


def _identity(manifest: Manifest) -> Facts:
    variables = list(part(manifest, "variables").items())
    named = ", ".join(
        f"{shortened(n, 60)} = {shortened(plain(v), 60)}" for n, v in variables[:MOST_VARIABLES]
    )
    more = f", and {len(variables) - MOST_VARIABLES} more" if len(variables) > MOST_VARIABLES else ""
    versions = ", ".join(f"{name} {version}" for name, version in part(manifest, "versions").items())
    found: Facts = [("Variables", named + more)] if variables else []
    if manifest.get("seed") is not None:
        found.append(("Seed", word(manifest, "seed")))
    return [
        *found,
        ("Engine", word(manifest, "engine")),
        ("Versions", versions or "–"),
        ("Strategy", el("code", word(part(manifest, "strategy"), "hash"))),
    ]


def _list(facts: Iterable[tuple[str, str | Html]]) -> Html:
    return el("dl", *(cell for name, value in facts for cell in (el("dt", name), el("dd", value))))


def _folded(manifest: Manifest) -> tuple[Html | None, Html]:
    """The strategy's text, and the rest of the manifest as it is written."""
    strategy = {key: value for key, value in part(manifest, "strategy").items() if key != "text"}
    rest = json.dumps({**manifest, "strategy": strategy}, indent=2, sort_keys=True, default=str)
    whole = shortened(rest, LONGEST_TEXT)
    return _text(part(manifest, "strategy")), el("details", el("summary", "The manifest"), el("pre", whole))


def _text(strategy: Manifest) -> Html | None:
    text = strategy.get("text")
    if not isinstance(text, str):
        return None
    if len(text) > LONGEST_TEXT:
        return el("p", f"Its text has {len(text):,} characters and is in the manifest.", class_="note")
    return el("details", el("summary", "The strategy's text"), el("pre", text))
