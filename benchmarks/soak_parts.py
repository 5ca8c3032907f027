"""What the parts of the soak share: a sweep of some size, what broke, and waiting."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel

Row = tuple[str, str]
"""Of the table: what, and its figure."""
Found = TypeVar("Found")
TREE = """\
name: Hot or not
variables: {hot: 70, days: 10}
tree:
  if: rsi(TQQQ, $days) > $hot
  then: BIL
  else: {filter: top 1 by cumulative_return(5), of: [TQQQ, TLT]}
"""
DAYS = 50
PATIENCE_SECONDS = 600.0
_MOMENT_SECONDS = 0.1


class Broken(Exception):  # noqa: N818 - it is what was found, not a fault of this program
    """Something does not hold."""


def require(holds: bool, what: str) -> None:
    """Nothing, when it holds. Raises Broken."""
    if not holds:
        raise Broken(what)


def prices() -> Panel:
    """Made-up prices of ten years."""
    tickers = ["BIL", "SPY", "TLT", "TQQQ"]
    return synthetic_panel(seed=3, start=date(2010, 1, 4), end=date(2019, 12, 31), tickers=tickers)


def sweep(panel: Panel, rows: int) -> SweepRequest:
    """A sweep of about as many combinations."""
    levels = max(1, math.ceil(rows / DAYS))
    return SweepRequest(
        strategy=TREE,
        asked=Asked(snapshot=panel.content_hash, start=date(2012, 1, 3)),
        vary={"hot": [50 + 49 * k / levels for k in range(levels)], "days": f"2:{DAYS + 1}:1"},
    )


def wait_for(look: Callable[[], Found | None], what: str) -> Found:
    """What ``look`` finds, as soon as that is something. Raises Broken."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not (found := look()):
        require(time.monotonic() < deadline, f"{what} did not come")
        pause.wait(_MOMENT_SECONDS)
    return found
