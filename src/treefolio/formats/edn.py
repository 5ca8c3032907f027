"""EDN text as Python values, to any depth, with positions.

=============  ==========================================
EDN            Python
=============  ==========================================
``(…)``        `Form`, a list
``[…] #{…}``   list
``{…}``        dict; keys are keywords, strings or other scalars
``:name``      `Keyword`, a str without the colon
``name``       `Symbol`, a str
``1/3``        `Fraction`
``1 1N``       int
``0.5 0.5M``   float
``nil``        None
``#tag v``     v alone (``#inst "2024-01-01"`` is the string)
=============  ==========================================

Keywords and symbols are strings, so a map reads like the same map in JSON. Comments (``;``) and discarded
forms (``#_``) are passed over.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NoReturn

from treefolio.errors import FormatError
from treefolio.strategy.json_text import BOM, Positions, line_and_column


class Keyword(str):
    """An EDN keyword, without its colon."""

    __slots__ = ()


class Symbol(str):
    """An EDN symbol, such as the name of an operation."""

    __slots__ = ()


class Form(list[object]):
    """An EDN list in parentheses: an operation and what it is applied to."""

    __slots__ = ()


_DELIMITER = r"(?=[\s,()\[\]{}\";]|\Z)"
_TOKEN = re.compile(
    rf"""(?:[\s,]++|;[^\n]*+)*+(?:
      (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")
    | (?P<mark>\#\{{|[(\[{{)\]}}])
    | (?P<discard>\#_)
    | (?P<number>[+-]?[0-9]++(?:(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]++)?M?|N|/[0-9]++){_DELIMITER})
    | (?P<keyword>:[^\s,()\[\]{{}}\";:][^\s,()\[\]{{}}\";]*+)
    | (?P<character>\\(?:newline|return|space|tab|u[0-9a-fA-F]{{4}}|\S){_DELIMITER})
    | (?P<tag>\#[A-Za-z][\w.*+!?$%&=<>/-]*+)
    | (?P<symbol>[^\s,()\[\]{{}}\";:\#\\0-9'`~@^][^\s,()\[\]{{}}\";]*+)
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_BLANK = re.compile(r"(?:[\s,]++|;[^\n]*+)*+")
_WORD = re.compile(r"[^\s,()\[\]{}\";]{1,40}|.", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "/": "/"}
_CHARACTERS = {"newline": "\n", "return": "\r", "space": " ", "tab": "\t"}
_WORDS = {"nil": None, "true": True, "false": False}
_CLOSES = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_LONGEST_WHOLE = 300


def parse_edn(text: str, *, source: str | None = None) -> tuple[list[object], Positions]:
    """All forms of an EDN text, in order, and the positions of their containers. Depth is bounded by memory.

    Raises:
        FormatError: damaged text, with line and column.
    """
    text = text.removeprefix(BOM)
    reader = _Reader(text, source)
    forms = reader.read()
    return forms, Positions(text, forms, lambda: reader.offsets)


@dataclass(slots=True)
class _Open:
    """A container that is not closed yet. ``discards`` forms that come next are to be passed over."""

    opening: str
    at: int
    items: list[object] = field(default_factory=list)
    discards: int = 0
    tagged: int | None = None


class _Reader:
    """Reads the forms of a text with a stack of its own, noting the offset of each container."""

    def __init__(self, text: str, source: str | None) -> None:
        self.text = text
        self.source = source
        self.offsets: dict[int, int] = {}
        self._stack = [_Open("", 0)]

    def read(self) -> list[object]:
        """The text's forms."""
        at = 0
        while True:
            match = _TOKEN.match(self.text, at)
            if match is None:
                self._fail_at_word(at)
            kind = str(match.lastgroup)
            start = match.start(kind)
            if kind == "end":
                return self._end(start)
            self._take(kind, match[kind], start)
            at = match.end()

    def _take(self, kind: str, token: str, at: int) -> None:
        if kind == "mark":
            if token in _CLOSES:
                self._stack.append(_Open(token, at))
            else:
                self._close(token, at)
        elif kind == "discard":
            self._stack[-1].discards += 1
        elif kind == "tag":
            self._stack[-1].tagged = at
        else:
            self._place(self._scalar(kind, token, at))

    def _place(self, value: object) -> None:
        """Puts a form into the innermost open container, unless it is to be passed over."""
        inner = self._stack[-1]
        inner.tagged = None
        if inner.discards:
            inner.discards -= 1
        else:
            inner.items.append(value)

    def _close(self, token: str, at: int) -> None:
        inner = self._stack[-1]
        if not inner.opening:
            self._fail(f"{token} closes nothing", at)
        if token != _CLOSES[inner.opening]:
            where = self._line_and_column(inner.at)
            self._fail(f"{token} cannot close the {inner.opening} of {where}", at)
        self._complete(inner, at)
        made = self._container(inner)
        self.offsets[id(made)] = inner.at
        self._stack.pop()
        self._place(made)

    def _container(self, inner: _Open) -> object:
        if inner.opening == "(":
            return Form(inner.items)
        if inner.opening != "{":
            return inner.items
        keys, values = inner.items[::2], inner.items[1::2]
        if len(keys) != len(values):
            self._fail("a map needs a value for each key", inner.at)
        made: dict[object, object] = {}
        for key, value in zip(keys, values, strict=True):
            if isinstance(key, list | dict):
                self._fail("a map's key must be a keyword, a string or a number", inner.at)
            if key in made:
                self._fail(f"the key {key!s} is given twice in one map", inner.at)
            made[key] = value
        return made

    def _complete(self, inner: _Open, at: int) -> None:
        """Nothing may be missing after a ``#_`` or a tag."""
        if inner.discards or inner.tagged is not None:
            self._fail("a form is missing here", at)

    def _end(self, at: int) -> list[object]:
        inner = self._stack[-1]
        if inner.opening:
            where = self._line_and_column(inner.at)
            self._fail(f"the text ends before the {inner.opening} of {where} is closed", at)
        self._complete(inner, at)
        return inner.items

    def _scalar(self, kind: str, token: str, at: int) -> object:
        if kind == "string":
            return self._string(token[1:-1], at)
        if kind == "keyword":
            return Keyword(token[1:])
        if kind == "number":
            return self._number(token, at)
        if kind == "character":
            name = token[1:]
            code = int(name[1:], 16) if len(name) == len("uFFFF") and name[0] == "u" else None
            return chr(code) if code is not None else _CHARACTERS.get(name, name)
        return _WORDS[token] if token in _WORDS else Symbol(token)

    def _number(self, token: str, at: int) -> int | float | Fraction:
        digits = token.rstrip("MN")
        if "/" in digits:
            numerator, denominator = digits.split("/")
            if int(denominator[:_LONGEST_WHOLE]) == 0:
                self._fail(f"{token} divides by zero", at)
            return Fraction(self._number_whole(numerator, at), self._number_whole(denominator, at))
        if digits.lstrip("+-").isdigit():
            return self._number_whole(digits, at)
        number = float(digits)
        if math.isinf(number):
            self._fail(f"the number {token[:20]} is too large", at)
        return number

    def _number_whole(self, digits: str, at: int) -> int:
        if len(digits) > _LONGEST_WHOLE:
            self._fail(f"the number {digits[:20]}… is too large", at)
        return int(digits)

    def _string(self, raw: str, at: int) -> str:
        if "\\" not in raw:
            return raw

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name[0] == "u" and len(name) > 1:
                return chr(int(name[1:], 16))
            if name not in _ESCAPES:
                self._fail(f"the escape \\{name} is not known", at + 1 + match.start())
            return _ESCAPES[name]

        made = _PAIR.sub(_join_pair, _ESCAPE.sub(replace, raw))
        try:
            made.encode()
        except UnicodeEncodeError:
            self._fail("a string holds an escape that stands for no character", at)
        return made

    def _line_and_column(self, at: int) -> str:
        line, column = line_and_column(self.text, at)
        return f"line {line}, column {column}"

    def _fail_at_word(self, at: int) -> NoReturn:
        """Says what stands where no token begins."""
        blank = _BLANK.match(self.text, at)
        at = blank.end() if blank else at
        if self.text[at] == '"':
            self._fail(
                "a string begins here and is not closed",
                at,
                hint="A double quote is missing here or earlier: look at the strings before this place.",
            )
        word = _WORD.match(self.text, at)
        self._fail(f"{word[0] if word else self.text[at]} is nothing that EDN knows", at)

    def _fail(self, message: str, at: int, hint: str | None = None) -> NoReturn:
        line, column = line_and_column(self.text, at)
        raise FormatError(f"damaged EDN: {message}", source=self.source, line=line, column=column, hint=hint)


def _join_pair(match: re.Match[str]) -> str:
    """Two escapes that together stand for one character."""
    return match[0].encode("utf-16", "surrogatepass").decode("utf-16")
