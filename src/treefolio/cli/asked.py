"""From flags to what the engine is asked: strategy, prices, question; and what happens before work begins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from treefolio.cli import show
from treefolio.cli.flags import Period, Prices, Selection, Trading
from treefolio.errors import OutputError, StrategyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from treefolio.engine.execution import Execution
    from treefolio.engine.question import Question
    from treefolio.formats import Import, Report
    from treefolio.graph.plan import Axes
    from treefolio.market.supply import Supplied, Supply
    from treefolio.strategy.tree import Strategy
    from treefolio.sweep.ask import Value
    from treefolio.sweep.assignments import Sample

MISSING = ("error", "skip")
EMPTY = ("redistribute", "cash")
_BEGAN: ContextVar[dt.datetime] = ContextVar("began")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is asked.

    Attributes:
        strategy: with the handles that are set as variables.
        values: of what is set.
        wished: the benchmark was asked for, so its absence is an error.
        supplied: the prices, and how they came about.
    """

    imported: Import
    strategy: Strategy
    values: Mapping[str, Value]
    question: Question
    wished: bool
    supplied: Supplied


def day(text: str | None, flag: str) -> dt.date | None:
    """The date in ``text``.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{flag} {text!r} is no date", hint="Dates are written YYYY-MM-DD.") from None


def one_of(word: str, known: tuple[str, ...], flag: str) -> str:
    """The word, when it is one of those that are known.

    Raises:
        UsageError: it is not.
    """
    if word not in known:
        raise UsageError(f"{flag} {word!r} is unknown", hint=f"One of {', '.join(known)}.")
    return word


def supply(flags: Prices) -> Supply:
    """Where the prices come from: files, the made-up market, a vendor, or a snapshot.

    Raises:
        UsageError: none of them is named, or several, or a detail of another one.
    """
    from treefolio.market import supply as supplies  # noqa: PLC0415 - heavy
    from treefolio.settings import home  # noqa: PLC0415 - with the others
    from treefolio.sweep.ask import pairs  # noqa: PLC0415 - heavy

    kind = _kind(flags)
    columns = pairs(flags.column, "--column")
    if kind != "files" and (columns or flags.price_column):
        flag = "--column" if columns else "--price-column"
        raise UsageError(f"{flag} is of price files", hint="Add --prices, or leave it out.")
    if kind != "vendor":
        _none_of(flags, ("feed", "adjustment"), "is of a vendor's prices", "Add --source, or leave it out.")
    if kind == "snapshot":
        return supplies.SnapshotSupply(name=flags.snapshot or "", home=home())
    if kind == "synthetic":
        return supplies.SyntheticSupply(seed=flags.market_seed)
    if kind == "files":
        return supplies.FileSupply(
            files=tuple(flags.prices), price_column=flags.price_column, columns=columns
        )
    from treefolio.market.vendors import vendor  # noqa: PLC0415 - only who asks for it needs it

    return vendor(
        flags.source or "",
        feed=flags.feed,
        adjustment=flags.adjustment or "all",
        asked_at=asked_at(),
        told=show.Fetching(),
        offline=flags.offline,
    )


def keep_snapshot(supplied: Supplied, end: dt.date | None = None) -> None:
    """Pins the prices under their hash, so that ``--snapshot HASH`` repeats what is done with them.

    A result that ends before them, on ``end``, has the hash of those up to there; they are pinned, too. A
    folder that cannot be written is said, and nothing more: the result does not need it.
    """
    from treefolio.engine.window import until  # noqa: PLC0415 - heavy
    from treefolio.market.snapshots import keep  # noqa: PLC0415 - heavy
    from treefolio.settings import home  # noqa: PLC0415 - with the others

    try:
        for panel in (supplied.panel, until(supplied.panel, end)):
            keep(panel, home())
    except OutputError as error:
        show.tell(f"The prices were not kept as a snapshot: {error.message}.")


def asked_at() -> dt.datetime:
    """When the command was given: what is fetched later is fresh, by whomever."""
    return _BEGAN.get(None) or dt.datetime.now(dt.UTC)


def begin() -> None:
    """Takes note of the moment, which is that of the command."""
    _BEGAN.set(dt.datetime.now(dt.UTC))


def _kind(flags: Prices) -> str:
    """Which of the kinds of prices is named."""
    named = {
        "files": bool(flags.prices) or flags.source == "files",
        "synthetic": flags.synthetic or flags.source == "synthetic",
        "snapshot": flags.snapshot is not None,
        "vendor": flags.source not in (None, "files", "synthetic"),
    }
    spelt = {
        "files": "--prices",
        "synthetic": "--synthetic",
        "snapshot": "--snapshot",
        "vendor": f"--source {flags.source}",
    }
    kinds = [kind for kind, given in named.items() if given]
    if not kinds:
        raise UsageError(
            "no prices are named",
            hint="Add --prices FILE, --source NAME for a vendor, or --synthetic for a made-up market.",
        )
    if len(kinds) > 1:
        both = " and ".join(spelt[kind] for kind in kinds[:2])
        raise UsageError(f"{both} exclude each other", hint="Give one of them.")
    if kinds == ["files"] and not flags.prices:
        raise UsageError("--source files needs files", hint="Add --prices FILE.")
    return kinds[0]


def _none_of(flags: Prices, names: tuple[str, ...], what: str, hint: str) -> None:
    """Nothing, when none of the flags is given."""
    for name in names:
        if getattr(flags, name) is not None:
            raise UsageError(f"--{name} {what}", hint=hint)


def selection(flags: Selection) -> Path | Sample | None:
    """A file of combinations, a sample to draw, or None for all.

    Raises:
        UsageError: both, or a detail of a sample without one. SpaceError: a sample that cannot be.
    """
    from treefolio.sweep.assignments import Sample  # noqa: PLC0415 - heavy

    if flags.sample is None:
        for flag, given in (("--seed", flags.seed), ("--sample-method", flags.sample_method)):
            if given is not None:
                raise UsageError(
                    f"{flag} is of a sample, and none is asked for",
                    hint="Add --sample N; the made-up market's seed is --market-seed.",
                )
        return flags.space
    if flags.space is not None:
        raise UsageError("--space and --sample exclude each other", hint="Give one of them.")
    method = flags.sample_method or "random"
    return Sample(count=flags.sample, seed=flags.seed or 0, method=method)  # type: ignore[arg-type]  # checked


def execution(flags: Trading) -> Execution:
    """How decisions become trades."""
    from treefolio.engine.execution import Costs, Execution  # noqa: PLC0415 - heavy

    return Execution(
        fill=flags.fill,  # type: ignore[arg-type]  # Execution checks it
        capital=flags.capital,
        whole_shares=flags.whole_shares,
        cash_rate=flags.cash_rate,
        costs=Costs(
            slippage_bps=flags.slippage_bps,
            commission_bps=flags.commission_bps,
            commission_minimum=flags.commission_minimum,
            us_fees=flags.us_fees,
        ),
    )


def imported(path: Path, empty: str | None = None) -> Import:
    """The strategy in a file, with another policy for empty branches where one is given.

    What the import approximated, or passed over although it means something, is said.
    """
    from treefolio.sweep.ask import load  # noqa: PLC0415 - heavy

    found = load(path)
    show.notes(import_notes(path, found.report))
    if empty is None:
        return found
    policy = one_of(empty, EMPTY, "--empty")
    return replace(found, strategy=replace(found.strategy, empty=policy))  # type: ignore[arg-type]  # checked


def first_seen_on(strategy: Strategy) -> dt.date | None:
    """The day on which a strategy was first seen with these values; None, and said, if it is not kept."""
    from treefolio.settings import home  # noqa: PLC0415 - with the others
    from treefolio.sweep.imports import decisions, first_seen  # noqa: PLC0415 - heavy

    today = dt.datetime.now(dt.UTC).astimezone().date()
    try:
        return first_seen(decisions(strategy), home(), today)
    except OutputError as error:
        show.tell(f"The day on which this strategy was first seen is not kept: {error.message}.")
        return None


def note_import(strategy: Strategy) -> None:
    """Takes note of the day on which a strategy was first seen, its variables at their defaults."""
    from treefolio.indicators import SIGNATURES  # noqa: PLC0415 - heavy
    from treefolio.strategy.variables import bind  # noqa: PLC0415 - heavy

    first_seen_on(bind(strategy, {}, SIGNATURES))


def import_notes(path: Path, report: Report) -> list[str]:
    """A line for each kind of note in an import report that bears on the numbers."""
    costs = tuple(note for note in report.ignored if "slippage" in note.message)
    kinds = {"approximated": report.approximated, "left out": report.unsupported, "ignored": costs}
    lines = []
    for kind, notes in kinds.items():
        if notes:
            times = f" ({notes[0].count} times)" if notes[0].count > 1 else ""
            more = f", and {len(notes) - 1} more" if len(notes) > 1 else ""
            said = f"{notes[0].message}{times}{more}"
            lines.append(f"the import {kind}: {said} (`treefolio inspect {path}` lists all)")
    return lines


def ask(path: Path, prices: Prices, period: Period, trading: Trading, sets: list[str]) -> Asked:
    """Everything that one run is asked, its prices read."""
    from treefolio.sweep.ask import defaults, opened, values  # noqa: PLC0415 - heavy

    question_of = Asker(prices, period, trading)
    found = imported(path, period.empty)
    strategy, chosen = opened(found.strategy, values(sets))
    axes = defaults(strategy) | {name: (value,) for name, value in chosen.items()}
    question = question_of(strategy, axes)
    assert question_of.supplied is not None
    return Asked(
        imported=found,
        strategy=strategy,
        values=chosen,
        question=question,
        wished=question_of.wished,
        supplied=question_of.supplied,
    )


@contextmanager
def blaming_values() -> Iterator[None]:
    """Errors of meaning are put down to ``--set`` and ``--vary``: the file was checked before."""
    try:
        yield
    except StrategyError as error:
        error.hint = error.hint or "Look at --set and --vary: a value there has no meaning in its place."
        raise


class Asker:
    """The flags of a question, checked before anything is read; then it reads the prices and asks."""

    def __init__(self, prices: Prices, period: Period, trading: Trading) -> None:
        from treefolio.sweep.ask import DEFAULT_BENCHMARK  # noqa: PLC0415 - heavy
        from treefolio.sweep.lengths import parse_length  # noqa: PLC0415 - heavy

        self.supply = supply(prices)
        self.supplied: Supplied | None = None
        self._said: set[str] = set()
        self.execution = execution(trading)
        self.start, self.end = day(period.start, "--start"), day(period.end, "--end")
        if self.start and self.end and self.start > self.end:
            raise UsageError(
                f"--start {self.start} is after --end {self.end}", hint="Give a start before the end."
            )
        self.holdout = None if period.holdout is None else parse_length(period.holdout, "--holdout")
        self.missing = one_of(period.missing, MISSING, "--missing")
        if self.missing == "skip" and self.start is None:
            raise UsageError(
                "--missing skip needs --start: no price sets the start then", hint="Add --start YYYY-MM-DD."
            )
        self.wished = period.benchmark is not None
        self.benchmark = period.benchmark if self.wished else DEFAULT_BENCHMARK
        if (self.benchmark or "").casefold() == "none":
            self.benchmark = None

    def rival(self) -> str | Strategy | None:
        """The benchmark: a ticker, or the strategy in the file that it names."""
        if self.benchmark is None or not Path(self.benchmark).is_file():
            return self.benchmark
        from treefolio.sweep.ask import bound  # noqa: PLC0415 - heavy

        return bound(Path(self.benchmark))

    def __call__(self, strategy: Strategy, axes: Axes) -> Question:
        """The question, with the prices of all that the strategy can reach with these values.

        Its end is moved, and that is said, where the end of the prices is held out.
        """
        from treefolio.engine.question import Question  # noqa: PLC0415 - heavy
        from treefolio.sweep.ask import panel_for  # noqa: PLC0415 - heavy
        from treefolio.sweep.holdout import hold_out  # noqa: PLC0415 - heavy

        self._say_if_too_early()
        rival = self.rival()
        self.supplied = panel_for(
            self.supply,
            strategy,
            axes,
            missing=self.missing,  # type: ignore[arg-type]  # it is one of them
            benchmark=rival,
            end=self.end,
            opens=self.execution.fill == "next_open",
        )
        question = Question(
            panel=self.supplied.panel,
            start=self.start,
            end=self.end,
            benchmark=rival,
            missing=self.missing,  # type: ignore[arg-type]  # it is one of them
            execution=self.execution,
        )
        if self.holdout is None:
            return question
        kept = hold_out(question, self.holdout)
        self._say_once(kept.note)
        return kept

    def _say_if_too_early(self) -> None:
        """A start before all that the vendor has is said: nothing is asked for before its first session."""
        from treefolio.market.supply import VendorSupply  # noqa: PLC0415 - heavy

        if isinstance(self.supply, VendorSupply) and self.start and self.start < self.supply.earliest:
            self._say_once(self.supply.begins)

    def _say_once(self, note: str) -> None:
        """Several strategies may be asked about; what is true of all of them is said for the first."""
        if note not in self._said:
            show.notes([note])
        self._said.add(note)
