"""The expression language: conditions, readings, rankings and constraints as one line of text.

    rsi(TQQQ, 10) > 79 and price(SPY) > 1.02 * sma(SPY, $slow)

`condition` reads a condition, `reading` an indicator of a ticker, `ranking` the head of a filter,
`constraint` a comparison of variables; `number`, `ticker` and `call` read what else a strategy's text
contains. The words come from `treefolio.strategy.tokens`, operands from `treefolio.strategy.operands`;
`treefolio.strategy.spelling` writes all of it back. The grammar, loosest first (where a number stands,
a ``$variable`` may stand, likewise for a ticker,
a comparator and an indicator):

    condition   either {"or" either}
    either      negated {"and" negated}
    negated     "not" negated | lasting
    lasting     primary {"for" NUMBER ("session" | "sessions")}
    primary     "(" condition ")" | ("any" | "all" | "none") "(" [condition {"," condition}] ")" | comparison
    comparison  operand COMPARATOR operand
    operand     NUMBER | [NUMBER "*"] reading ["*" NUMBER] [("+" | "-") NUMBER]
    reading     INDICATOR "(" TICKER {"," [NAME "="] NUMBER} ")" ["[" NUMBER "]"]

Nesting is kept on a list, not on Python's stack: it is bounded by the length of the text alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from treefolio.errors import did_you_mean
from treefolio.strategy import operands
from treefolio.strategy.signature import Signatures
from treefolio.strategy.tokens import CONNECTIVES, Token, Tokens
from treefolio.strategy.tree import (
    COMPARATORS,
    DIRECTIONS,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Constraint,
    Lasting,
    NoneOf,
    NumberLike,
    Reading,
    Term,
    Var,
    Word,
)

Opener = Literal["", "(", "all", "any", "none"]
COMBINERS: dict[str, Callable[[tuple[Condition, ...]], Condition]] = {
    "all": AllOf,
    "any": AnyOf,
    "none": NoneOf,
}
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The head of a filter: ``top 2 by rsi(10)``."""

    direction: Word
    count: NumberLike
    by: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A name with numbers: ``threshold(5%)``, ``inverse_volatility(20)``, or the bare name."""

    name: str
    arguments: tuple[NumberLike, ...] = ()


def condition(text: str, signatures: Signatures) -> Condition:
    """The condition that the text says.

    Raises:
        StrategyError: with line and column within the text.
    """
    return _whole(text, lambda tokens: _condition(tokens, signatures))


def reading(text: str, signatures: Signatures) -> Reading:
    """An indicator of a ticker, such as ``2 * rsi(SPY, 10)[1] + 1``.

    Raises:
        StrategyError: with line and column within the text.
    """
    return _whole(text, lambda tokens: operands.reading(tokens, signatures, ranked=False))


def ranking(text: str, signatures: Signatures) -> Ranking:
    """The head of a filter, such as ``top 2 by rsi(10)``: the indicator is of the branch that is ranked.

    Raises:
        StrategyError: with line and column within the text.
    """
    return _whole(text, lambda tokens: _ranking(tokens, signatures))


def constraint(text: str) -> Constraint:
    """A comparison of variables and numbers, such as ``$fast + 10 < $slow``.

    Raises:
        StrategyError: with line and column within the text.
    """
    return _whole(text, _constraint)


def number(text: str) -> NumberLike:
    """A number, a percentage or a variable.

    Raises:
        StrategyError: with line and column within the text.
    """
    return _whole(text, operands.number)


def ticker(text: str) -> Word:
    """A ticker, quoted where it has unusual characters, or a variable.

    Raises:
        StrategyError: with line and column within the text.
    """
    return _whole(text, operands.ticker)


def call(text: str) -> Call:
    """A name, and numbers in parentheses behind it if there are any.

    Raises:
        StrategyError: with line and column within the text.
    """
    return _whole(text, _call)


def _whole(text: str, read: Callable[[Tokens], Value]) -> Value:
    """What `read` finds, when nothing is left behind it."""
    tokens = Tokens(text)
    value = read(tokens)
    tokens.end(known=CONNECTIVES)
    return value


@dataclass(slots=True)
class _Level:
    """One level of nesting that is still open.

    Attributes:
        opener: what opened it: the text's beginning, a parenthesis or a combiner.
        arguments: conditions that a comma has finished (combiners only).
        alternatives: what ``or`` has separated so far.
        conjuncts: what ``and`` has separated so far, since the last ``or``.
        negations: how many ``not`` wait for the next condition.
    """

    opener: Opener
    token: Token
    arguments: list[Condition] = field(default_factory=list)
    alternatives: list[Condition] = field(default_factory=list)
    conjuncts: list[Condition] = field(default_factory=list)
    negations: int = 0

    def add(self, found: Condition) -> None:
        """A condition is complete: the negations before it apply."""
        for _ in range(self.negations):
            found = NoneOf((found,))
        self.negations = 0
        self.conjuncts.append(found)

    def close_conjunction(self) -> None:
        """An ``or`` or the end of the level was met."""
        self.alternatives.append(_joined(self.conjuncts, AllOf))
        self.conjuncts = []

    def close_argument(self) -> None:
        """A comma or the end of the level was met."""
        self.close_conjunction()
        self.arguments.append(_joined(self.alternatives, AnyOf))
        self.alternatives = []

    def result(self) -> Condition:
        """The condition that the whole level says."""
        if self.opener in COMBINERS:
            return COMBINERS[self.opener](tuple(self.arguments))
        return self.arguments[0]


def _joined(found: list[Condition], combine: Callable[[tuple[Condition, ...]], Condition]) -> Condition:
    return found[0] if len(found) == 1 else combine(tuple(found))


def _condition(tokens: Tokens, signatures: Signatures) -> Condition:
    """Reads conditions and what joins them by turns, until the outermost level is complete."""
    levels = [_Level("", tokens.next)]
    while True:
        found = _opened(tokens, levels, signatures)
        while found is not None:
            levels[-1].add(_lasting(tokens, found))
            found = _joined_or_closed(tokens, levels)
            if not levels and found is not None:
                return found


def _opened(tokens: Tokens, levels: list[_Level], signatures: Signatures) -> Condition | None:
    """A comparison or an empty combiner; or None, when a new level was opened instead."""
    while tokens.accept("not"):
        levels[-1].negations += 1
    if token := tokens.accept("("):
        levels.append(_Level("(", token))
        return None
    if tokens.at(*COMBINERS) and tokens.after_next.text == "(":
        token = tokens.take()
        tokens.take()
        if tokens.accept(")"):
            return COMBINERS[token.text](())
        levels.append(_Level(token.text, token))  # type: ignore[arg-type]  # `at` has seen which it is
        return None
    return _comparison(tokens, signatures)


def _joined_or_closed(tokens: Tokens, levels: list[_Level]) -> Condition | None:
    """The condition of a level that ends here; or None, when another condition must follow."""
    level = levels[-1]
    if tokens.accept("and"):
        return None
    if tokens.accept("or"):
        level.close_conjunction()
        return None
    if level.opener in COMBINERS and tokens.accept(","):
        level.close_argument()
        return None
    _close(tokens, level)
    level.close_argument()
    return levels.pop().result()


def _close(tokens: Tokens, level: _Level) -> None:
    if level.opener == "":
        if tokens.at(*COMPARATORS):
            raise tokens.error("a comparison has two sides", hint="Join two comparisons with and.")
        tokens.end(known=CONNECTIVES)
    elif not tokens.accept(")"):
        opened = "(" if level.opener == "(" else f"{level.opener}("
        if tokens.next.kind == "end":
            raise tokens.error(f"{opened!r} is never closed", level.token, hint="Add ')'.")
        raise tokens.error(
            f"expected ')', found {tokens.next}", hint=did_you_mean(tokens.next.text, CONNECTIVES)
        )


def _lasting(tokens: Tokens, found: Condition) -> Condition:
    while tokens.accept("for"):
        sessions = operands.number(tokens)
        if not tokens.accept("session", "sessions"):
            raise tokens.error(f"expected 'sessions', found {tokens.next}", hint="Write: for 3 sessions.")
        found = Lasting(found, sessions)
    return found


def _comparison(tokens: Tokens, signatures: Signatures) -> Condition:
    left = operands.operand(tokens, signatures)
    comparator = _comparator(tokens)
    return Compare(left, comparator, operands.operand(tokens, signatures))


def _comparator(tokens: Tokens) -> Word:
    if token := tokens.accept(*COMPARATORS):
        return token.text
    if tokens.next.kind == "variable":
        return Var(str(tokens.take().value))
    hint = "Write == for equality." if tokens.at("=") else f"One of {' '.join(COMPARATORS)}."
    raise tokens.error(f"expected a comparator, found {tokens.next}", hint=hint)


def _ranking(tokens: Tokens, signatures: Signatures) -> Ranking:
    if tokens.next.kind == "variable":
        direction: Word = Var(str(tokens.take().value))
    elif token := tokens.accept(*DIRECTIONS):
        direction = token.text
    else:
        hint = did_you_mean(tokens.next.text, DIRECTIONS) or "Write: top 2 by rsi(10)."
        raise tokens.error(f"expected top or bottom, found {tokens.next}", hint=hint)
    count = operands.number(tokens)
    tokens.expect("by", hint="Write: top 2 by rsi(10).")
    return Ranking(direction=direction, count=count, by=operands.reading(tokens, signatures, ranked=True))


def _constraint(tokens: Tokens) -> Constraint:
    left = _term(tokens)
    token = tokens.accept(*COMPARATORS)
    if token is None:
        raise tokens.error(
            f"expected a comparator, found {tokens.next}", hint=f"One of {' '.join(COMPARATORS)}."
        )
    return Constraint(left, token.text, _term(tokens))


def _term(tokens: Tokens) -> Term:
    start = tokens.next
    scale: NumberLike = 1
    value = operands.number(tokens)
    if tokens.accept("*"):
        scale, value = value, operands.number(tokens)
        if isinstance(scale, Var):
            scale, value = value, scale
    if isinstance(scale, Var):
        raise tokens.error("a constraint multiplies a variable by a number only", start)
    if tokens.at("+", "-") and tokens.after_next.kind == "variable":
        raise tokens.error(
            "a constraint has one variable on each side",
            hint="Bring the other one across: $fast + 10 < $slow.",
        )
    added = operands.offset(tokens)
    return Term(value, scale, 0 if added is None or isinstance(added, Var) else added)


def _call(tokens: Tokens) -> Call:
    if tokens.next.kind != "word":
        raise tokens.error(f"expected a name, found {tokens.next}")
    name = tokens.take().text
    arguments: list[NumberLike] = []
    if tokens.accept("("):
        arguments.append(operands.number(tokens))
        while tokens.accept(","):
            arguments.append(operands.number(tokens))
        tokens.expect(")")
    return Call(name=name, arguments=tuple(arguments))
