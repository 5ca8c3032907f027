"""From what a user has (a strategy's file, price files, names with values) to what an engine is asked.

The verbs of the command line and the functions of `treefolio` share it:

1. `load`: a file, an import or a strategy → an import. `opened`: names that are set become values.
2. `needs`: which prices the strategy needs; `panel_for` asks a supply for them, and for no others.
3. `answer` asks the question, without the benchmark where that was nobody's wish.
"""

from __future__ import annotations

import datetime as dt
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from treefolio.engine.question import Question
from treefolio.engine.run import Missing
from treefolio.engine.window import given, used_at
from treefolio.errors import (
    FormatError,
    MissingPrices,
    SpaceError,
    UsageError,
    did_you_mean,
    did_you_mean_file,
)
from treefolio.formats import Import, read
from treefolio.graph.build import build
from treefolio.graph.derive import choices, fields, tickers
from treefolio.graph.plan import Axes
from treefolio.indicators import SIGNATURES
from treefolio.market.missing import check_tickers
from treefolio.market.supply import Supplied, Supply
from treefolio.strategy.handles import open_handles
from treefolio.strategy.tree import Asset, Filter, Strategy, iterate, parts
from treefolio.strategy.variables import bind, check_values, parse_value

Value = int | float | str
Answer = TypeVar("Answer")
DEFAULT_BENCHMARK = "SPY"


def load(source: Strategy | Import | str | Path) -> Import:
    """The strategy in a file, or the one that is given.

    Raises:
        FormatError, StrategyError, LimitError: with the file's name, and line and column where known.
    """
    if isinstance(source, Import):
        return source
    if isinstance(source, Strategy):
        return Import(strategy=source, format="native")
    path = Path(source)
    if not path.exists():
        raise FormatError("there is no such file", source=str(path), hint=_instead(path))
    if path.is_dir():
        raise FormatError("is a folder", source=str(path), hint="Name the strategy's file.")
    return read(path)


def _instead(path: Path) -> str:
    """What to name where there is no such file."""
    if str(path).startswith("@"):
        name = shlex.quote(str(path)[1:])
        return (
            "@NAME is a strategy that a service keeps, for `treefolio jobs submit`; here, write it to a file "
            f"first: `treefolio strategies get {name} -o FILE`."
        )
    nothing = f"{path.parent.absolute()} has nothing like it: name the strategy's file."
    return did_you_mean_file(path) or nothing


def bound(path: Path) -> Strategy:
    """The strategy in a file, its variables at their defaults: what another one is compared with."""
    return bind(load(path).strategy, {}, SIGNATURES)


def opened(strategy: Strategy, values: Mapping[str, Value]) -> tuple[Strategy, dict[str, Value]]:
    """The strategy with the handles among the names made variables, and the values in their places' types.

    Raises:
        SpaceError: a name that is neither a variable nor a handle, or a value without meaning there.
    """
    declared = [variable.name for variable in strategy.variables]
    handles = [name for name in values if name not in declared]
    for name in handles:
        if "." not in name:
            raise SpaceError(
                f"the strategy has no variable {name!r}",
                hint=did_you_mean(name, declared) or "`treefolio inspect` lists variables and handles.",
            )
    made = open_handles(strategy, handles, SIGNATURES) if handles else strategy
    checked = check_values(made, {name: (value,) for name, value in values.items()})
    chosen = {name: found[0] for name, found in checked.items()}
    for name, value in chosen.items():
        _check_bound(made, name, value)
    return made, chosen


def _check_bound(strategy: Strategy, name: str, value: Value) -> None:
    """Nothing, when the value has a meaning in each of its places, such as a window in its range."""
    try:
        bind(strategy, {name: value}, SIGNATURES)
    except SpaceError as error:
        said = error.message.partition(" (with ")[0]
        raise SpaceError(f"{name} = {value!r}: {said}", hint=error.hint) from None


def pairs(texts: Sequence[str], flag: str) -> dict[str, str]:
    """``NAME=VALUE`` texts as a mapping.

    Raises:
        UsageError: one without ``=``, or a name twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"{flag} {text!r} is not NAME=VALUE", hint=f"Write {flag} name=value.")
        if name.strip() in found:
            raise UsageError(f"{flag} gives {name.strip()} twice", hint="Give each name once.")
        found[name.strip()] = value.strip()
    return found


def values(texts: Sequence[str]) -> dict[str, Value]:
    """``--set`` texts as names with their values."""
    return {name: parse_value(value) for name, value in pairs(texts, "--set").items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What prices a strategy needs, known before any of them is read.

    Attributes:
        held, read: tickers that it can hold; that some indicator of it looks at.
        beside: tickers that only the benchmark needs.
        fields: of the bars: close alone, unless an indicator or a fill looks at more.
    """

    held: frozenset[str]
    read: frozenset[str]
    beside: frozenset[str]
    fields: frozenset[str]

    @property
    def tickers(self) -> frozenset[str]:
        """All of them."""
        return self.held | self.read | self.beside


def needs(strategy: Strategy, axes: Axes, *, benchmark: str | Strategy | None, opens: bool) -> Needs:
    """What the strategy needs with these values of its variables, and the benchmark beside it.

    ``opens``: fills are at the open.
    """
    graph = build(strategy).graph
    held, read_by = tickers(graph, axes)
    wanted = {"close"} | fields(graph, axes) | ({"open"} if opens else set())
    beside: set[str] = set()
    if isinstance(benchmark, Strategy):
        rival = build(benchmark).graph
        beside = set().union(*tickers(rival, {}))
        wanted |= fields(rival, {})
    elif benchmark:
        beside.add(benchmark)
    return Needs(
        held=frozenset(held),
        read=frozenset(read_by),
        beside=frozenset(beside - held - read_by),
        fields=frozenset(wanted),
    )


def panel_for(
    supply: Supply,
    strategy: Strategy,
    axes: Axes,
    *,
    missing: Missing,
    benchmark: str | Strategy | None,
    end: dt.date | None = None,
    opens: bool,
) -> Supplied:
    """Prices of all that the strategy can hold or read, and of the benchmark: asked for in one go.

    Raises:
        MissingPrices: tickers that the supply does not have (``missing="error"``): all of them, where they
            are used, and what could have been meant.
    """
    needed = needs(strategy, axes, benchmark=benchmark, opens=opens)
    began = time.perf_counter()
    supplied = supply.supply(needed.tickers, end, closes_only=needed.fields <= {"close"})
    supplied = replace(supplied, seconds=time.perf_counter() - began)
    own = needed.held | needed.read
    if missing == "error" and any(ticker not in supplied.panel for ticker in own):
        places = used_at(strategy, axes)
        used = {name: places[name] for name in own}
        check_tickers(
            supplied.panel,
            used,
            known=supply.tickers(),
            given=given(strategy, axes),
            held=_held_without_choice(strategy, axes),
        )
    return supplied


def _held_without_choice(strategy: Strategy, axes: Axes) -> frozenset[str]:
    """Tickers that somewhere in the tree no filter can pass over for another."""
    parents = (item for item in iterate(strategy.root) if not isinstance(item, Filter))
    placed = (strategy.root, *(part for parent in parents for _, part in parts(parent)))
    return frozenset(
        str(ticker) for item in placed if isinstance(item, Asset) for ticker in choices(item.ticker, axes)
    )


def defaults(strategy: Strategy) -> dict[str, tuple[Value, ...]]:
    """Each variable with its default alone."""
    return {variable.name: (variable.default,) for variable in strategy.variables}


def answer(
    question: Question, work: Callable[[Question], Answer], *, wished: bool
) -> tuple[Answer, tuple[str, ...]]:
    """What ``work`` makes of the question, and notes.

    A benchmark that nobody wished for and whose prices are missing is left out, with a note.
    """
    try:
        return work(question), ()
    except MissingPrices as error:
        if wished or not error.message.startswith("the benchmark "):
            raise
        note = f"there is no benchmark: {error.message.removeprefix('the benchmark ')}"
        return work(replace(question, benchmark=None)), (note,)
