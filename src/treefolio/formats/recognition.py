"""Which format a file is in, by what is in it, and the import itself.

1. `read` gets the text out of the file: size, encoding.
2. `_recognise` looks at the first character that counts: JSON, EDN or the native text.
3. `_from_value` looks into a JSON or EDN value: through request wrappers and strings that hold a document,
   to the keys that only one format has.
4. The format's reader makes the tree: `composer`, `composer_dsl`, `quantmage`, `elements`, or
   `treefolio.strategy.text` for the native form.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from treefolio.errors import FormatError, LimitError, StrategyError, did_you_mean
from treefolio.formats.composer import read_composer
from treefolio.formats.composer_dsl import is_dsl, read_dsl
from treefolio.formats.desk import Desk, Limits, Place
from treefolio.formats.edn import Form, parse_edn
from treefolio.formats.elements import read_elements
from treefolio.formats.quantmage import read_quantmage
from treefolio.formats.report import Report
from treefolio.formats.scalars import shown
from treefolio.indicators import SIGNATURES
from treefolio.strategy import Limits as TreeLimits
from treefolio.strategy import text as native
from treefolio.strategy.json_text import BOM, parse_json
from treefolio.strategy.tree import Strategy

COMPOSER_JSON, COMPOSER_EDN, COMPOSER_DSL = "composer-json", "composer-edn", "composer-dsl"
QUANTMAGE_JSON, ELEMENTS_JSON, NATIVE = "quantmage-json", "elements-json", "native"
FORMATS: Mapping[str, str] = {
    COMPOSER_JSON: "Composer's JSON (nodes with a step)",
    COMPOSER_EDN: "Composer's EDN (the same nodes)",
    COMPOSER_DSL: "Composer's Clojure language (defsymphony)",
    QUANTMAGE_JSON: "QuantMage's JSON (an incantation)",
    ELEMENTS_JSON: "elements documents (a list of elements)",
    NATIVE: "Treefolio's own YAML or JSON (a tree)",
}
"""The formats, as messages name them."""

_KNOWN = f"Known formats: {'; '.join(FORMATS.values())}."
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BLANK = re.compile(r"(?:[\s,]++|;[^\n]*+)*+")
_EDN = re.compile(r"[\[{](?:[\[{\s,]++|;[^\n]*+)*+[(:#]")
_TREE_KEY = re.compile(r"""^(?:tree|"tree"|'tree')[ \t]*:""", re.MULTILINE)
_YAML_KEY = re.compile(r"^([A-Za-z_][\w-]*)[ \t]*:(?:[ \t\r]|$)", re.MULTILINE)
_FLOW = re.compile(r"""\{\s*+(?=\w)(?=.*\btree["']?\s*:)""", re.DOTALL)
_WRAPPERS = ("symphony", "raw_value", "raw-value")
_DEEPEST_WRAPPING = 5
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A strategy, and what its import has to say.

    Attributes:
        format: one of `FORMATS`.
    """

    strategy: Strategy
    format: str
    report: Report = field(default_factory=Report)


def read(
    source: str | Path, *, name: str | None = None, lenient: bool = False, limits: Limits | None = None
) -> Import:
    """The strategy in a file, whatever the file is called.

    Args:
        source: path of the file: UTF-8, with or without a byte-order mark, or UTF-16 with one.
        name: the strategy's name, instead of the one in the file.
        lenient: leave out what is not supported, with a note, instead of failing.
        limits: how large the file and the tree may be.

    Raises:
        FormatError: the file cannot be read, is damaged, in no known format, or says what is not known.
        LimitError: it is larger than the limits.
    """
    path = Path(source)
    limits = limits or Limits()
    found = read_text(text_of(path, limits), source=path.name, lenient=lenient, limits=limits)
    if name:
        return replace(found, strategy=replace(found.strategy, name=name))
    return found


def text_of(path: Path, limits: Limits | None = None) -> str:
    """The text in a strategy's file.

    Raises:
        FormatError: it cannot be read, or holds no text. LimitError: it is larger than the limits.
    """
    limits = limits or Limits()
    try:
        with path.open("rb") as file:
            data = file.read(limits.bytes + 1)
    except OSError as error:
        raise FormatError(
            f"the file cannot be read: {error.strerror or error}",
            source=str(path),
            hint=f"Name a file that is there, and that you may read; looked in {path.absolute().parent}.",
        ) from error
    if len(data) > limits.bytes:
        raise _too_large(limits, str(path))
    return _decode(data, path.name)


def read_text(
    text: str, *, source: str | None = None, lenient: bool = False, limits: Limits | None = None
) -> Import:
    """The strategy in a text. ``source`` names it in messages; the rest is as in `read`.

    Raises:
        FormatError: the text is damaged, in no known format, or says what is not known.
        LimitError: it is larger than the limits.
    """
    return _read(text, Desk(source=source, lenient=lenient, limits=limits or Limits()))


def examine(
    text: str, *, source: str | None = None, limits: Limits | None = None
) -> tuple[Import | None, tuple[StrategyError, ...]]:
    """The strategy in a text and no error, or None and all that is wrong with it, as far as it can be seen.

    Where something is damaged, reading goes on beside it. At most `validate.MOST_PROBLEMS` and one are told.
    """
    problems: list[StrategyError] = []
    found = None
    try:
        found = _read(text, Desk(source=source, limits=limits or Limits(), problems=problems))
    except StrategyError as error:
        problems.append(error)
    return (None if problems else found), tuple(problems)


def _read(text: str, desk: Desk) -> Import:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise FormatError("the text holds half a surrogate pair", source=desk.source) from error
    if size > desk.limits.bytes:
        raise _too_large(desk.limits, desk.source)
    strategy, kind = _recognise(text.removeprefix(BOM), desk, 0)
    return Import(strategy=strategy, format=kind, report=desk.notebook.report())


def _too_large(limits: Limits, source: str | None) -> LimitError:
    return LimitError(
        f"the file is larger than {limits.bytes:,} bytes",
        source=source,
        hint="Raise the limit if this is meant.",
    )


def _decode(data: bytes, source: str) -> str:
    """The file's text.

    Raises:
        FormatError: it is empty, or no text.
    """
    try:
        text = data.decode("utf-16") if data.startswith(_UTF16) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise FormatError(
            "the file is not UTF-8 text", source=source, line=line, column=column, hint=_KNOWN
        ) from error
    if "\0" in text:
        raise FormatError("the file is binary, not text", source=source, hint=_KNOWN)
    return text


def _recognise(text: str, desk: Desk, depth: int) -> tuple[Strategy, str]:
    """The strategy of a text and its format, by the first characters that count."""
    blank = _BLANK.match(text)
    at = blank.end() if blank else 0
    head = text[at : at + 2]
    if not head:
        raise FormatError("the file is empty", source=desk.source, hint=_KNOWN)
    if head in ("#_", "#{") or head[0] == "(" or _EDN.match(text, at):
        return _from_edn(text, desk, depth)
    if head[0] in '[{"' and not _FLOW.match(text, at) and not _TREE_KEY.match(text, at):
        return _from_json(text, desk, depth)
    return _from_native(text, desk)


def _from_json(text: str, desk: Desk, depth: int) -> tuple[Strategy, str]:
    value, positions = parse_json(text, source=desk.source)
    if isinstance(value, dict) and "tree" in value:
        return _from_native(text, desk)
    desk.positions = positions
    return _from_value(value, desk, depth, COMPOSER_JSON)


def _from_edn(text: str, desk: Desk, depth: int) -> tuple[Strategy, str]:
    forms, desk.positions = parse_edn(text, source=desk.source)
    if len(forms) != 1:
        place = Place("root", None, forms[1] if forms else None)
        desk.fail(f"one strategy is wanted; the text holds {len(forms)} forms", place, hint=_KNOWN)
    return _from_value(forms[0], desk, depth, COMPOSER_EDN)


def _from_native(text: str, desk: Desk) -> tuple[Strategy, str]:
    """The native text form, when it has its key ``tree``."""
    if not text.lstrip().startswith("{") and not _TREE_KEY.search(text):
        keys = _YAML_KEY.findall(text)[:5]
        found = f"YAML with the keys {', '.join(keys)}, but no tree" if keys else _first_words(text)
        hint = did_you_mean("tree", keys) if keys else None
        raise FormatError(
            f"the format is not known: this is {found}", source=desk.source, hint=hint or _KNOWN
        )
    limits = TreeLimits(items=desk.limits.nodes)
    made = native.parse(text, SIGNATURES, source=desk.source, limits=limits, problems=desk.problems)
    return made, NATIVE


def _from_value(value: object, desk: Desk, depth: int, kind: str) -> tuple[Strategy, str]:
    """The strategy in a JSON or EDN value, through wrappers and strings that hold a document."""
    for _ in range(_DEEPEST_WRAPPING):
        if type(value) is str and depth < _DEEPEST_WRAPPING:
            return _from_string(value, desk, depth + 1)
        if isinstance(value, Form) or is_dsl(value):
            return read_dsl(value, desk), COMPOSER_DSL
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
            continue
        if not isinstance(value, dict):
            break
        for key, (reader, name) in _BY_KEY.items():
            if key in value:
                return reader(value, desk), name or kind
        wrapper = next((key for key in _WRAPPERS if key in value), None)
        if wrapper is None:
            break
        _note_request(value, wrapper, desk)
        value = value[wrapper]
    return _unknown(value, desk)


def _from_string(value: str, desk: Desk, depth: int) -> tuple[Strategy, str]:
    """The strategy in a string; places are counted inside it."""
    try:
        return _recognise(value, desk, depth)
    except FormatError as error:
        if error.line is not None and error.hint is None:
            error.hint = "Line and column are counted inside the string that holds the strategy."
        raise


def _note_request(request: Mapping[str, object], wrapper: str, desk: Desk) -> None:
    """What stands beside the strategy in a request is about a run."""
    settings = [
        f"{key} {shown(value)}"
        for key, value in request.items()
        if key != wrapper and value not in (None, "", [])
    ]
    if settings:
        place = Place("request", None, request)
        desk.note("ignored", f"settings of a run, no part of the strategy: {', '.join(settings)}", place)


def _unknown(value: object, desk: Desk) -> tuple[Strategy, str]:
    place = Place("root", None, value)
    if isinstance(value, dict):
        keys = [str(key) for key in value][:5]
        found = f"a mapping with the keys {', '.join(keys)}" if keys else "an empty mapping"
        wanted = [*_BY_KEY, *_WRAPPERS, "tree"]
        hint = next((near for key in keys if (near := did_you_mean(key, wanted))), None)
        desk.fail(f"the format is not known: this is {found}", place, hint=hint or _KNOWN)
    desk.fail(f"the format is not known: this is {shown(value)}", place, hint=_KNOWN)


def _first_words(text: str) -> str:
    words = " ".join(text.split())
    return f"text that begins {words[:_LONGEST_SHOWN]!r}"


_Reader = Callable[[dict[str, object], Desk], Strategy]
_BY_KEY: Mapping[str, tuple[_Reader, str | None]] = {
    "step": (read_composer, None),
    "incantation": (read_quantmage, QUANTMAGE_JSON),
    "incantation_type": (read_quantmage, QUANTMAGE_JSON),
    "elements": (read_elements, ELEMENTS_JSON),
}
"""The key that only one format has → its reader and name (Composer's depends on the notation)."""
