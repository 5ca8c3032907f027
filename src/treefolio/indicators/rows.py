"""The table of indicators. Its rows stand in `rows_close`, `rows_averages` and `rows_bars`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from treefolio.indicators.rows_averages import AVERAGES
from treefolio.indicators.rows_bars import BARS
from treefolio.indicators.rows_close import BASIC
from treefolio.indicators.table import Indicator
from treefolio.strategy.signature import Signature

INDICATORS: Mapping[str, Indicator] = MappingProxyType({row.name: row for row in (*BASIC, *AVERAGES, *BARS)})
"""Every indicator by its canonical name."""

SIGNATURES: Mapping[str, Signature] = MappingProxyType(
    {name: row.signature for name, row in INDICATORS.items()}
)
"""What readers of strategies must know of them."""
