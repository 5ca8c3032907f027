"""What the tests of strategies share: a strategy in each format, and a native one to edit."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

HOT = """\
name: Hot or not
variables: {hot: 70}
tree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}
"""
HOTTER = HOT.replace("70", "75").replace("BIL", "SHV")

_EDN = """\
{:step :root, :name "Calm", :rebalance :weekly, :children
 [{:step :wt-cash-specified, :children
   [{:step :asset, :ticker "SPY", :weight {:num 60, :den 100}}
    {:step :asset, :ticker "TLT", :weight {:num 40, :den 100}}]}]}
"""
_DSL = """\
(defsymphony "Trend" {:rebalance-frequency :monthly}
 (if (> (rsi "QQQ" {:window 10}) 79) [(asset "BIL" "Bills")] [(asset "QQQ" nil)]))
"""
_QUANTMAGE = json.dumps(
    {
        "name": "Two of three",
        "description": "",
        "trading_type": "Daily",
        "version": "1.0",
        "incantation": {
            "incantation_type": "Weighted",
            "name": "all",
            "type": "Equal",
            "incantations": [
                {"incantation_type": "Ticker", "symbol": "SPY"},
                {"incantation_type": "Ticker", "symbol": "GLD"},
            ],
        },
    }
)
_ELEMENTS = json.dumps(
    {
        "name": "Cards",
        "elements": [
            {"id": "1", "type": "ticker", "ticker": "SPY", "weight": 70},
            {"id": "2", "type": "ticker", "ticker": "IEF", "weight": 30},
        ],
    }
)
_DATA = Path(__file__).parents[2] / "data"

FILES: dict[str, tuple[str, str]] = {
    "composer-json": ("my_strategy.json", (_DATA / "my_strategy.json").read_text(encoding="utf-8")),
    "composer-edn": ("calm.edn", _EDN),
    "composer-dsl": ("trend.clj", _DSL),
    "quantmage-json": ("two.json", _QUANTMAGE),
    "elements-json": ("cards.json", _ELEMENTS),
    "native": ("hot.yaml", HOT),
}
"""Format → the name of a file and what is in it."""


def questions(share: UUID) -> list[tuple[str, str, object]]:
    """Everything that can be asked about one strategy and its share: method, path below it, body."""
    return [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("GET", "/versions", None),
        ("POST", "/versions", {"text": "tree: SPY"}),
        ("POST", "/versions", {"text": HOT}),
        ("GET", "/versions/1", None),
        ("GET", "/versions/1/original", None),
        ("GET", "/versions/1/convert", None),
        ("GET", "/versions/1/inspect", None),
        ("GET", "/diff?from=1&to=2", None),
        ("GET", "/shares", None),
        ("POST", "/shares", {}),
        ("DELETE", f"/shares/{share}", None),
    ]
