"""What several verbs take, as values: a flag is a field with its help.

A verb names a class of flags as the type of one of its parameters; `spread` makes of it the function that
typer reads, with one option for each field.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from typer import Argument, Option

StrategyFile = Annotated[
    Path, Argument(metavar="STRATEGY", help="Composer, QuantMage, elements or native file.")
]
Out = Annotated[Path, Option("--out", metavar="DIR", help="A folder for the results: new, or empty.")]
Sets = Annotated[
    list[str] | None,
    Option("--set", metavar="NAME=VALUE", help="The value of a variable or handle; repeatable."),
]
AsCsv = Annotated[bool, Option("--csv", help="Every table as CSV, too.")]
AsJson = Annotated[bool, Option("--json", help="One JSON document on standard output.")]
Threads = Annotated[int, Option("--threads", metavar="N", help="Default: one for each processor.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Where prices come from."""

    prices: Annotated[
        list[Path], Option("--prices", metavar="FILE", help="Parquet or CSV, long or wide; repeatable.")
    ] = field(default_factory=list)
    price_column: Annotated[
        str | None, Option(metavar="NAME", help="What becomes the close [adj_close if there, else close].")
    ] = None
    column: Annotated[
        list[str], Option(metavar="OURS=THEIRS", help="A column that the files call otherwise; repeatable.")
    ] = field(default_factory=list)
    synthetic: Annotated[bool, Option("--synthetic", help="A made-up market instead of files.")] = False
    source: Annotated[
        str | None,
        Option(metavar="NAME", help="Instead of files: alpaca, massive, yahoo, or synthetic."),
    ] = None
    feed: Annotated[str | None, Option(metavar="NAME", help="Of the vendor: sip or iex [its first].")] = None
    adjustment: Annotated[
        str | None, Option(metavar="raw|split|all", help="Of a vendor's prices; all: dividends too [all].")
    ] = None
    offline: Annotated[bool, Option("--offline", help="Only what the cache knows of a vendor's prices.")] = (
        False
    )
    snapshot: Annotated[str | None, Option(metavar="HASH", help="The prices of an earlier run, offline.")] = (
        None
    )
    market_seed: Annotated[int, Option(metavar="N", help="Of the made-up market.")] = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Which sessions, and what missing prices mean."""

    start: Annotated[str | None, Option(metavar="DATE", help="First session [as early as possible].")] = None
    end: Annotated[str | None, Option(metavar="DATE", help="Last session [the last of the prices].")] = None
    holdout: Annotated[
        str | None,
        Option(metavar="LENGTH", help="Keep the last 2y, 6m or 126d out of everything, until `reveal`."),
    ] = None
    benchmark: Annotated[
        str | None,
        Option(
            metavar="TICKER|FILE|none",
            help="What it is compared with: a ticker, bought and held, or a strategy [SPY if there].",
        ),
    ] = None
    missing: Annotated[
        str, Option(metavar="error|skip", help="What a ticker without prices means; skip needs --start.")
    ] = "error"
    empty: Annotated[
        str | None,
        Option(
            metavar="redistribute|cash", help="Where an empty branch's money goes [as the strategy says]."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trading:
    """How decisions become trades, and what that costs."""

    fill: Annotated[
        str, Option(metavar="close|next_open|next_close", help="The price at which a decision trades.")
    ] = "close"
    slippage_bps: Annotated[float, Option(metavar="X", help="Per side, in 0.01 % of what is traded.")] = 0.0
    commission_bps: Annotated[float, Option(metavar="X", help="In 0.01 % of what is traded.")] = 0.0
    commission_minimum: Annotated[float, Option(metavar="USD", help="At least this for each order.")] = 0.0
    us_fees: Annotated[bool, Option("--us-fees", help="SEC and TAF fees on sales.")] = False
    capital: Annotated[float, Option(metavar="USD", help="At the start.")] = 100_000.0
    whole_shares: Annotated[bool, Option("--whole-shares", help="No fractions of shares.")] = False
    cash_rate: Annotated[float, Option(metavar="X", help="What cash earns a year: 0.05 is 5 %.")] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which combinations of a space, when not all."""

    space: Annotated[
        Path | None,
        Option(metavar="FILE", help="CSV or Parquet: a column per variable, a row per combination."),
    ] = None
    sample: Annotated[int | None, Option(metavar="N", help="As many combinations, drawn from all.")] = None
    seed: Annotated[int | None, Option(metavar="S", help="Of the sample [0].")] = None
    sample_method: Annotated[
        str | None, Option(metavar="random|latin", help="latin spreads them over every variable [random].")
    ] = None


def spread(verb: Callable[..., int]) -> Callable[..., int]:
    """``verb`` with each parameter of a class of flags replaced by one keyword for each of its fields."""
    hints = get_type_hints(verb, include_extras=True)
    single: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for parameter in inspect.signature(verb).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind) and isinstance(kind, type):
            groups[parameter.name] = kind
            single += _parameters(kind)
        else:
            single.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
    single.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)

    @functools.wraps(verb)
    def call(**given: Any) -> int:
        values = {name: _made(kind, given) for name, kind in groups.items()}
        return verb(**given, **values)

    call.__signature__ = inspect.Signature(single)  # type: ignore[attr-defined]  # typer reads it
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in single}
    del call.__wrapped__  # its signature is not what typer shall see
    return call


def _parameters(kind: type) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=_default(each), annotation=hints[each.name]
        )
        for each in fields(kind)
    ]


def _default(each: Field[Any]) -> Any:
    return each.default if each.default_factory is MISSING else each.default_factory()


def _made(kind: type, given: dict[str, Any]) -> object:
    """The flags of one class, taken out of what typer gives."""
    return kind(**{each.name: given.pop(each.name) for each in fields(kind)})
