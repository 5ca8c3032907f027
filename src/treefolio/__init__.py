"""Treefolio: backtest rule-tree portfolios, one at a time or 200,000 variants of one.

    import treefolio as tf

    hot = tf.If(tf.rsi("TQQQ", 10) > 79, "UVXY", "TQQQ")
    result = tf.run(tf.Strategy(name="Hot", root=hot), tf.synthetic_panel())
    result.metrics["sharpe"]

* `read` a strategy's file, or build a `Strategy` with `If`, `equal`, `weighted`, `top`, …; every indicator
  is a function of its name: `rsi`, `sma`, `price`, …
* `read_panel`, `vendor` or `synthetic_panel` for prices, `Execution` and `Costs` for how decisions trade.
* `run` gives a `Result`, `sweep` a `Swept`, `walk_forward` a walk-forward test.

Nothing is imported before it is used (PEP 562): ``import treefolio`` takes some milliseconds.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from treefolio.engine.execution import Costs as Costs
    from treefolio.engine.execution import Execution as Execution
    from treefolio.errors import TreefolioError as TreefolioError
    from treefolio.face import run as run
    from treefolio.face import sweep as sweep
    from treefolio.face import walk_forward as walk_forward
    from treefolio.formats import Import as Import
    from treefolio.formats import read as read
    from treefolio.market.files import read_panel as read_panel
    from treefolio.market.panel import Panel as Panel
    from treefolio.market.synthetic import synthetic_panel as synthetic_panel
    from treefolio.market.vendors import vendor as vendor
    from treefolio.strategy.build import If as If
    from treefolio.strategy.build import ago as ago
    from treefolio.strategy.build import all_of as all_of
    from treefolio.strategy.build import any_of as any_of
    from treefolio.strategy.build import bottom as bottom
    from treefolio.strategy.build import cash as cash
    from treefolio.strategy.build import compare as compare
    from treefolio.strategy.build import empty as empty
    from treefolio.strategy.build import enter_exit as enter_exit
    from treefolio.strategy.build import equal as equal
    from treefolio.strategy.build import group as group
    from treefolio.strategy.build import held_for as held_for
    from treefolio.strategy.build import inverse_volatility as inverse_volatility
    from treefolio.strategy.build import none_of as none_of
    from treefolio.strategy.build import scale as scale
    from treefolio.strategy.build import strategy as define
    from treefolio.strategy.build import switch as switch
    from treefolio.strategy.build import top as top
    from treefolio.strategy.build import var as var
    from treefolio.strategy.build import weighted as weighted
    from treefolio.strategy.tree import Strategy as Strategy
    from treefolio.strategy.tree import Variable as Variable
    from treefolio.sweep.assignments import Sample as Sample
    from treefolio.sweep.many import Swept as Swept
    from treefolio.sweep.single import Result as Result

__all__ = [
    "Costs",
    "Execution",
    "If",
    "Import",
    "Panel",
    "Result",
    "Sample",
    "Strategy",
    "Swept",
    "TreefolioError",
    "Variable",
    "ad",
    "adosc",
    "adx",
    "ago",
    "all_of",
    "any_of",
    "aroon_down",
    "aroon_osc",
    "aroon_up",
    "atr",
    "bbands_lower",
    "bbands_middle",
    "bbands_upper",
    "bottom",
    "cash",
    "cci",
    "compare",
    "cumulative_return",
    "define",
    "ema",
    "empty",
    "enter_exit",
    "equal",
    "group",
    "held_for",
    "inverse_volatility",
    "macd",
    "macd_hist",
    "macd_signal",
    "max_drawdown",
    "mean_return",
    "mfi",
    "natr",
    "none_of",
    "obv",
    "ppo",
    "ppo_hist",
    "ppo_signal",
    "price",
    "read",
    "read_panel",
    "return_since_start",
    "rsi",
    "run",
    "scale",
    "sma",
    "stdev_price",
    "stdev_return",
    "stoch_k",
    "sweep",
    "switch",
    "synthetic_panel",
    "top",
    "var",
    "vendor",
    "volatility",
    "walk_forward",
    "weighted",
    "willr",
]

_BUILD = "treefolio.strategy.build"
_HOMES = {
    "Costs": "treefolio.engine.execution",
    "Execution": "treefolio.engine.execution",
    "Import": "treefolio.formats",
    "Panel": "treefolio.market.panel",
    "Result": "treefolio.sweep.single",
    "Sample": "treefolio.sweep.assignments",
    "Strategy": "treefolio.strategy.tree",
    "Swept": "treefolio.sweep.many",
    "TreefolioError": "treefolio.errors",
    "Variable": "treefolio.strategy.tree",
    "read": "treefolio.formats",
    "read_panel": "treefolio.market.files",
    "run": "treefolio.face",
    "synthetic_panel": "treefolio.market.synthetic",
    "vendor": "treefolio.market.vendors",
    "walk_forward": "treefolio.face",
    **dict.fromkeys(
        (
            "If",
            "ago",
            "all_of",
            "any_of",
            "bottom",
            "cash",
            "compare",
            "empty",
            "enter_exit",
            "equal",
            "group",
            "held_for",
            "inverse_volatility",
            "none_of",
            "scale",
            "switch",
            "top",
            "var",
            "weighted",
        ),
        _BUILD,
    ),
}
"""Where each name is at home. `define` is `strategy` there, which is the name of a package here."""


def __getattr__(name: str) -> Any:
    """A name of the face, imported when it is first used."""
    if name == "sweep":
        return importlib.import_module("treefolio.sweep")
    if name == "define":
        found = importlib.import_module(_BUILD).strategy
    elif name in _HOMES:
        found = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in __all__:
        found = importlib.import_module("treefolio.face").indicator(name)
    else:
        raise AttributeError(f"module 'treefolio' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The names of the face, imported or not."""
    return sorted({*globals(), *__all__})


class _Sweep(ModuleType):
    """The package `treefolio.sweep`, which can be called: it has the name of the function `sweep`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`treefolio.face.sweep`."""
        return importlib.import_module("treefolio.face").sweep(*args, **kwargs)


class _Face(ModuleType):
    """This module: makes `sweep` callable when it is imported, whoever imports it."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "sweep" and isinstance(value, ModuleType):
            value.__class__ = _Sweep
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
