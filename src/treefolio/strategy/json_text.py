"""JSON text as Python values, to any depth, with the line and column of every object and list.

`parse_json` hands sound text to the standard library, which is fast and whose recursion is bounded. What
that refuses (damage, deep nesting, repeated keys, numbers that are none) is read again by `_Reader`, which
keeps its own stack and says where the trouble is. `Positions` reads the text a second time in the same way,
and only when somebody asks for a place, which is when there is an error to report.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeAlias

from treefolio.errors import FormatError

BOM = "\ufeff"
_LONGEST_WHOLE = 300  # digits; beyond them a whole number has no float

_TOKEN = re.compile(
    r"""[ \t\n\r]*+(?:
      (?P<string>"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+")
    | (?P<mark>[{}\[\],:])
    | (?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![\w.]))
    | (?P<word>(?:true|false|null)\b)
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\n\r]*+")
_WORD = re.compile(r"[^\s\[\]{},:\"]{1,40}|.", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_WORDS = {"true": True, "false": False, "null": None}
_CLOSES = {"{": "}", "[": "]"}

_State: TypeAlias = "Callable[[str, str, int], _State | None]"
"""What may come next: takes a token's kind, text and offset, and gives the state after it."""


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """The line and column of a character, both counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class Positions:
    """Where the objects and lists of a value stand in its text.

    Args:
        text: the text that was read.
        value: the value read from it, kept alive because its parts are known by identity.
        locate: gives the offset of each container by its `id`; called once, when first asked.
    """

    def __init__(self, text: str, value: object, locate: Callable[[], dict[int, int]]) -> None:
        self.text = text
        self.value = value
        self._locate = locate
        self._offsets: dict[int, int] | None = None

    def of(self, container: object) -> tuple[int, int] | None:
        """Line and column at which the container begins; None for what is no part of the value."""
        if self._offsets is None:
            self._offsets = self._locate()
        offset = self._offsets.get(id(container))
        return None if offset is None else line_and_column(self.text, offset)


def parse_json(text: str, *, source: str | None = None) -> tuple[object, Positions]:
    """The value of a JSON text and the positions of its objects and lists. Depth is bounded by memory.

    Objects keep the order of their keys. A byte-order mark is passed over.

    Raises:
        FormatError: damaged text, a repeated key, NaN or an infinity, half a surrogate pair;
            with line and column.
    """
    text = text.removeprefix(BOM)
    if not _SURROGATE.search(text):
        try:
            value = _DECODER.decode(text)
        except (ValueError, RecursionError):
            pass  # read again below, by the reader that knows places
        else:
            return value, Positions(text, value, lambda: _locate(text, value))
    reader = _Reader(text, source)
    value = reader.read()
    return value, Positions(text, value, lambda: reader.offsets)


def _locate(text: str, value: object) -> dict[int, int]:
    """The offset of each container of ``value`` by identity: both are walked in the text's order."""
    reader = _Reader(text, None)
    twin = reader.read()
    return {
        id(ours): reader.offsets[id(theirs)]
        for ours, theirs in zip(_containers(value), _containers(twin), strict=True)
    }


def _containers(value: object) -> Iterator[object]:
    """Every object and list of a value, itself included, in the order in which the text opens them."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(reversed(item.values()))
        elif isinstance(item, list):
            yield item
            stack.extend(reversed(item))


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a repeated key")
    return made


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("too large a number")
    return number


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_WHOLE:
        raise ValueError("too large a number")
    return int(digits)


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_finite, parse_int=_whole, parse_constant=_refuse
)


class _Reader:
    """Reads one JSON text with a stack of its own, noting the offset of each container."""

    def __init__(self, text: str, source: str | None) -> None:
        self.text = text
        self.source = source
        self.offsets: dict[int, int] = {}
        self._open: list[tuple[dict[str, object] | list[object], str, int]] = []
        self._keys: list[str | None] = []
        self._root: object = None

    def read(self) -> object:
        """The text's one value."""
        at = 0
        wanted: _State | None = self._value
        while wanted is not None:
            match = _TOKEN.match(self.text, at)
            if match is None:
                self._fail_at_word(at)
            kind = str(match.lastgroup)
            wanted = wanted(kind, match[kind], match.start(kind))
            at = match.end()
        return self._root

    def _value(self, kind: str, token: str, at: int) -> _State | None:
        """Wants a value."""
        if kind == "mark" and token in _CLOSES:
            made: dict[str, object] | list[object] = {} if token == "{" else []
            self.offsets[id(made)] = at
            self._place(made)
            self._open.append((made, _CLOSES[token], at))
            self._keys.append(None)
            return self._first_key if token == "{" else self._first_item
        if kind in ("mark", "end"):
            self._fail("a value is missing here" if kind == "mark" else self._unfinished(), at)
        self._place(_WORDS[token] if kind == "word" else self._scalar(kind, token, at))
        return self._next

    def _first_item(self, kind: str, token: str, at: int) -> _State | None:
        """Wants a value, or the end of an empty list."""
        return self._close() if token == "]" and kind == "mark" else self._value(kind, token, at)

    def _first_key(self, kind: str, token: str, at: int) -> _State | None:
        """Wants a key, or the end of an empty object."""
        return self._close() if token == "}" and kind == "mark" else self._key(kind, token, at)

    def _key(self, kind: str, token: str, at: int) -> _State | None:
        """Wants a key."""
        if kind != "string":
            self._fail(self._unfinished() if kind == "end" else "a key in double quotes is missing here", at)
        key = str(self._scalar(kind, token, at))
        container = self._open[-1][0]
        if isinstance(container, dict) and key in container:
            self._fail(f"the key {key!r} is given twice in one object", at)
        self._keys[-1] = key
        return self._colon

    def _colon(self, kind: str, token: str, at: int) -> _State | None:
        """Wants the colon after a key."""
        if kind != "mark" or token != ":":
            self._fail(f"a colon is missing after the key {self._keys[-1]!r}", at)
        return self._value

    def _next(self, kind: str, token: str, at: int) -> _State | None:
        """Wants a comma or the end of the container; after the root, the end of the text."""
        if not self._open:
            if kind != "end":
                self._fail("there is more text after the end of the document", at)
            return None
        container, closing, _ = self._open[-1]
        if kind == "mark" and token == closing:
            return self._close()
        if kind != "mark" or token != ",":
            self._fail(self._unfinished() if kind == "end" else f"a comma or {closing} is missing here", at)
        return self._key if isinstance(container, dict) else self._value

    def _close(self) -> _State:
        self._open.pop()
        self._keys.pop()
        return self._next

    def _place(self, value: object) -> None:
        """Puts a value into the innermost open container."""
        if not self._open:
            self._root = value
            return
        container, key = self._open[-1][0], self._keys[-1]
        if isinstance(container, list):
            container.append(value)
        else:
            container[str(key)] = value

    def _scalar(self, kind: str, token: str, at: int) -> object:
        if kind == "string":
            if "\\" not in token:
                return token[1:-1]
            try:
                text = str(json.loads(token))
                text.encode()
            except ValueError:
                self._fail("a string holds an escape that stands for no character", at)
            return text
        try:
            return _finite(token) if set(token) & set(".eE") else _whole(token)
        except ValueError:
            self._fail(f"the number {token[:20]}… is too large", at)

    def _unfinished(self) -> str:
        if not self._open:
            return "the text is empty"
        line, column = line_and_column(self.text, self._open[-1][2])
        opening = "{" if self._open[-1][1] == "}" else "["
        return f"the text ends before the {opening} of line {line}, column {column} is closed"

    def _fail_at_word(self, at: int) -> NoReturn:
        """Says what stands where no token begins."""
        match = _SPACE.match(self.text, at)
        at = match.end() if match else at
        if self.text[at] == '"':
            self._fail("a string begins here and is not closed, or holds a bare control character", at)
        word = _WORD.match(self.text, at)
        self._fail(f"{word[0] if word else self.text[at]!r} is no JSON value", at)

    def _fail(self, message: str, at: int) -> NoReturn:
        line, column = line_and_column(self.text, at)
        raise FormatError(f"damaged JSON: {message}", source=self.source, line=line, column=column)
