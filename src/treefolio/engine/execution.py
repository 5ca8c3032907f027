"""How decisions become trades: one frozen value, printed with every result."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from treefolio.errors import UsageError

Fill = Literal["close", "next_open", "next_close"]
FILLS: tuple[Fill, ...] = ("close", "next_open", "next_close")

SEC_RATE = 27.80e-6
"""SEC fee as a fraction of the notional sold: 27.80 USD per million."""
TAF_PER_SHARE = 0.000166
TAF_LIMIT = 8.30


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading costs.

    Attributes:
        slippage_bps: per side, on the traded notional: buys fill above, sells below the fill price.
        commission_bps: on the traded notional.
        commission_minimum: USD for each order that trades at all.
        us_fees: SEC and TAF fees on sells, each rounded up to the cent per order.
    """

    slippage_bps: float = 0.0
    commission_bps: float = 0.0
    commission_minimum: float = 0.0
    us_fees: bool = False

    def __post_init__(self) -> None:
        for name in ("slippage_bps", "commission_bps", "commission_minimum"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise UsageError(f"{name} must be a finite number, 0 or more, not {value!r}")
        if self.slippage_bps + self.commission_bps >= 5_000:
            raise UsageError(
                f"slippage and commission of {self.slippage_bps + self.commission_bps:g} bps eat the trade",
                hint="A basis point is 0.01 %: 5 means 0.05 %.",
            )

    @property
    def free(self) -> bool:
        """Trading costs nothing."""
        return self == Costs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """When and at which price a decision trades, and what it costs.

    Attributes:
        fill: a decision at the close of session D trades at that close, at D+1's open or at its close.
        capital: USD at the start.
        whole_shares: shares are rounded down to whole ones; otherwise they are fractional.
        cash_rate: annual rate that cash earns, as a fraction: a day earns cash_rate / 252.
    """

    fill: Fill = "close"
    capital: float = 100_000.0
    whole_shares: bool = False
    cash_rate: float = 0.0
    costs: Costs = field(default_factory=Costs)

    def __post_init__(self) -> None:
        if self.fill not in FILLS:
            raise UsageError(f"unknown fill {self.fill!r}", hint=f"One of {', '.join(FILLS)}.")
        if not (math.isfinite(self.capital) and self.capital > 0):
            raise UsageError(f"capital must be a positive number, not {self.capital!r}")
        if not (math.isfinite(self.cash_rate) and self.cash_rate > -1):
            raise UsageError(f"cash_rate must be a finite number above -1, not {self.cash_rate!r}")
