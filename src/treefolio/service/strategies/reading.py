"""A text in any format → what is kept of it, what it holds, and all that is wrong with it."""

from __future__ import annotations

import re

from treefolio.errors import FormatError, TreefolioError
from treefolio.formats import Import, Note, Report, examine, read_text
from treefolio.graph.build import build
from treefolio.indicators import SIGNATURES
from treefolio.service.problems import CODES
from treefolio.service.strategies.models import (
    LONGEST_NAME,
    ImportReport,
    Inspection,
    Trouble,
    Validation,
    VariableFound,
)
from treefolio.service.strategies.records import Content, Version, Whole
from treefolio.strategy.text import parse, write
from treefolio.strategy.tree import Strategy
from treefolio.sweep.inspection import describe, lookback, report, tickers
from treefolio.sweep.manifest import strategy_hash

_FOLDERS = re.compile(r"^.*[/\\]", re.DOTALL)
_NO_NAME = re.compile(r"[\x00-\x1f\x7f]+")


def file_name_of(given: str | None) -> str | None:
    """The name of a file without its folders and control characters; None when nothing is left of it."""
    return _NO_NAME.sub("", _FOLDERS.sub("", given or "")).strip() or None


def content_of(text: str, file_name: str | None) -> Content:
    """What is kept of a text, in any of the formats.

    Args:
        file_name: names the text in messages, and the strategy where the text does not.

    Raises:
        FormatError, StrategyError, LimitError: with the place.
    """
    name = file_name_of(file_name)
    found = read_text(text, source=name)
    return _content(found, text, name)


def _content(found: Import, text: str, file_name: str | None) -> Content:
    native = write(found.strategy)
    reached = tickers(found.strategy, build(found.strategy).graph)
    if any("\0" in words for words in (native, *reached)):
        raise FormatError("the strategy holds a NUL character", hint="Leave it out: it has no meaning.")
    return Content(
        name=_NO_NAME.sub("", found.strategy.name).strip()[:LONGEST_NAME] or "strategy",
        text=native,
        hash=strategy_hash(native),
        original=text.encode(),
        format=found.format,
        file_name=file_name,
        report=report(found.report),
        tickers=reached,
    )


def validated(text: str, file_name: str | None) -> Validation:
    """What a text holds, or all that is wrong with it, as far as it can be seen at once."""
    name = file_name_of(file_name)
    found, errors = examine(text, source=name)
    if found is not None:
        try:
            return _sound(found, _content(found, text, name))
        except TreefolioError as error:  # what only the whole shows
            return Validation(problems=[trouble(error)])
    return Validation(problems=[trouble(error) for error in errors])


def _sound(found: Import, content: Content) -> Validation:
    return Validation(
        problems=[],
        name=content.name,
        format=content.format,
        hash=content.hash,
        tickers=content.tickers,
        variables=[
            VariableFound(name=each.name, values=list(each.values), default=each.default)
            for each in found.strategy.variables
        ],
        lookback=lookback(found.strategy),
        report=ImportReport.model_validate(content.report),
    )


def trouble(error: TreefolioError) -> Trouble:
    """An error as the service shows it."""
    return Trouble(
        code=next(code for kind, code, *_ in CODES if isinstance(error, kind)),
        message=error.message,
        path=error.path,
        line=error.line,
        column=error.column,
        hint=error.hint,
    )


def inspection_of(found: Import) -> Inspection:
    """What an import holds, as `treefolio inspect` says it."""
    return Inspection.model_validate(describe(found, build(found.strategy).graph))


def import_of(whole: Whole) -> Import:
    """A version as it was imported."""
    notes = {kind: tuple(Note(**each) for each in found) for kind, found in whole.report.items()}  # type: ignore[arg-type]  # as `report` wrote them
    return Import(strategy=strategy_of(whole), format=whole.version.format, report=Report(**notes))


def strategy_of(whole: Whole) -> Strategy:
    """The strategy of a version.

    Raises:
        StrategyError: an earlier Treefolio wrote it, and this one does not read it.
    """
    return parse(whole.text, SIGNATURES)


def file_stem(name: str, version: Version) -> str:
    """The name of a file for a version, safe anywhere."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "strategy"
    return f"{plain}-{version.number}"
