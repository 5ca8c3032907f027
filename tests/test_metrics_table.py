"""The table of metrics, its page, and the places that the kernel relies on."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from treefolio.metrics import ACTIVITY_KEYS, COUNT, GROUP_OF, GROUPS, METRICS, POSITIONS, Activity, Metric
from treefolio.metrics.docs import markdown

TAKEN = {"start", "end", "sessions", "status", "reason", "dsr", "plateau", "session", "value", "benchmark"}
"""Columns that a row or an equity file has beside its metrics."""


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_row_says_everything(metric: Metric):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", metric.key)
    assert metric.key not in TAKEN
    assert metric.unit in {"fraction", "ratio", "sessions", "count", "probability"}
    assert metric.better in {"high", "low", None}
    for text in (metric.label, metric.convention, metric.oracle):
        assert text == text.strip()
        assert text
        assert "\n" not in text


def test_no_key_and_no_label_stands_twice():
    rows = [metric for group in GROUPS.values() for metric in group]
    assert len({metric.key for metric in rows}) == len(rows) == COUNT
    assert len({metric.label for metric in rows}) == len(rows)


def test_positions_follow_the_order_of_the_table():
    assert list(POSITIONS) == list(METRICS) == list(GROUP_OF)
    assert list(POSITIONS.values()) == list(range(COUNT))


def test_activity_comes_in_the_order_of_its_rows():
    keys = [metric.key for metric in GROUPS["activity"]]
    assert keys == [*ACTIVITY_KEYS, "effective_holdings"]
    assert [field.name for field in fields(Activity)] == list(ACTIVITY_KEYS)


def test_trailing_returns_stand_in_the_order_of_their_length():
    keys = [metric.key.removeprefix("trailing_") for metric in GROUPS["trailing"]]
    assert keys == [
        "1d",
        "1w",
        "2w",
        "1m",
        "3m",
        "6m",
        "1y",
        "3y",
        "5y",
        "10y",
        "month_to_date",
        "year_to_date",
    ]


def test_composer_names_stand_once():
    names = [metric.composer for metric in METRICS.values() if metric.composer]
    assert len(set(names)) == len(names) == 27


def test_page_is_what_the_table_says():
    """The page is `treefolio.metrics.docs.markdown`, to the letter."""
    page = Path(__file__).parents[1] / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == markdown()


def test_page_has_a_line_for_every_metric():
    lines = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert [re.match(r"\| `(\w+)`", line)[1] for line in lines] == list(METRICS)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {7}
