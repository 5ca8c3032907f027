"""Words of the expression language: text → tokens, each with its place.

A token is a number (``5%`` is 0.05), a word (``rsi``, ``BRK.B``, ``for``), a variable (``$hot``), a quoted
string, a symbol, or the end. `Tokens` is a cursor over them; `treefolio.strategy.expression` is the grammar.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from treefolio.errors import StrategyError, did_you_mean
from treefolio.strategy.tree import Number

Kind = Literal["number", "word", "variable", "string", "symbol", "end"]

VARIABLE_NAME = r"[A-Za-z_]\w*(?:\.\w+)*"
"""``hot``, and ``c12.threshold`` for a handle that was opened."""
NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?%?"
CONNECTIVES = ("and", "or", "not", "for", "all", "any", "none")
WORD = r"\w(?:[\w.:/-]*\w)?"
"""What needs no quotes: ``rsi``, ``BRK.B``, ``BF-B``, ``0700.HK``."""

_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<variable>\${VARIABLE_NAME})
    | (?P<number>{NUMBER}(?![\w.%]))
    | (?P<word>{WORD})
    | (?P<string>"(?:[^"\\]|\\.)*"|'[^']*')
    | (?P<symbol>>=|<=|==|!=|[-><()\[\],*+/=])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression.

    Attributes:
        text: as written.
        value: the number, the word, the variable's name without ``$``, or the string without its quotes.
        start: offset in the text.
    """

    kind: Kind
    text: str
    value: Number | str
    start: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text)


def to_number(text: str) -> Number:
    """``70`` as int, ``0.5`` and ``1e-5`` as the nearest float, ``5%`` as 0.05.

    Raises:
        ValueError: not a number, or not a finite one.
    """
    if text.endswith("%"):
        value: Number = float(Decimal(text[:-1]).scaleb(-2))
    elif re.fullmatch(r"[+-]?[0-9]+", text):
        value = int(text)
    else:
        value = float(text)
    if not finite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def finite(value: Number) -> bool:
    """The number is neither NaN nor infinite, and not too large for a float."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def is_word(text: str) -> bool:
    """The text is read as one word, without quotation marks."""
    match = _TOKEN.match(text)
    return match is not None and match["word"] == text


class Tokens:
    """A cursor over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = self._split()
        self._position = 0

    def _split(self) -> list[Token]:
        found: list[Token] = []
        offset = 0
        while not found or found[-1].kind != "end":
            match = _TOKEN.match(self.text, offset)
            if match is None:
                raise self._unexpected(offset)
            found.append(self._token(match))
            offset = match.end()
        return found

    def _token(self, match: re.Match[str]) -> Token:
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        text, start = match[kind], match.start(kind)
        value: Number | str = text
        try:
            if kind == "number":
                value = to_number(text)
            elif kind == "variable":
                value = text[1:]
            elif kind == "string":
                value = json.loads(text, strict=False) if text[0] == '"' else text[1:-1]
        except ValueError as problem:
            what = "a number must be finite" if kind == "number" else f"a damaged string ({problem})"
            raise self.error(f"{what}: {text[:40]}", Token(kind, text, text, start)) from None
        return Token(kind, text, value, start)

    def _unexpected(self, offset: int) -> StrategyError:
        offset += len(self.text[offset:]) - len(self.text[offset:].lstrip())
        character = self.text[offset]
        hints = {
            "$": "A variable is written $name.",
            '"': "The quotation mark is never closed.",
            "'": "The quotation mark is never closed.",
        }
        return self.error(
            f"unexpected {character!r}",
            Token("symbol", character, character, offset),
            hint=hints.get(character, "Quote a ticker that has unusual characters."),
        )

    @property
    def next(self) -> Token:
        """The token that comes next; it stays."""
        return self._tokens[self._position]

    @property
    def after_next(self) -> Token:
        """The token behind `next`."""
        return self._tokens[min(self._position + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The next token; the cursor moves behind it, never beyond the end."""
        token = self.next
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def at(self, *texts: str) -> bool:
        """The next token is one of these words or symbols (not a quoted string)."""
        return self.next.kind in ("word", "symbol") and self.next.text in texts

    def accept(self, *texts: str) -> Token | None:
        """The next token, taken, when it is one of these words or symbols."""
        return self.take() if self.at(*texts) else None

    def expect(self, text: str, *, hint: str | None = None) -> Token:
        """Take this word or symbol.

        Raises:
            StrategyError: something else is there.
        """
        if not self.at(text):
            raise self.error(f"expected {text!r}, found {self.next}", hint=hint)
        return self.take()

    def end(self, *, known: Iterable[str] = ()) -> None:
        """Nothing is left.

        Raises:
            StrategyError: something is; a word among `known` that is near is offered.
        """
        if self.next.kind != "end":
            raise self.error(f"unexpected {self.next}", hint=did_you_mean(self.next.text, known))

    def error(self, message: str, token: Token | None = None, *, hint: str | None = None) -> StrategyError:
        """The error to raise at `token`, by default at the next one."""
        return self.located(StrategyError(message, hint=hint), token)

    def located(self, error: StrategyError, token: Token | None = None) -> StrategyError:
        """The error with the place of `token` in it, line and column counted from 1 within the text."""
        start = (token or self.next).start
        error.line = self.text.count("\n", 0, start) + 1
        error.column = start - self.text.rfind("\n", 0, start)
        return error
