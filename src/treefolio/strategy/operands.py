"""What a condition compares: tokens → numbers, tickers, and readings with their arithmetic.

A part of the grammar in `treefolio.strategy.expression`. Each function takes the tokens that are its own and
leaves the others.
"""

from __future__ import annotations

from dataclasses import replace

from treefolio.errors import StrategyError, did_you_mean
from treefolio.strategy.signature import Signatures, bind
from treefolio.strategy.tokens import CONNECTIVES, Token, Tokens
from treefolio.strategy.tree import Constant, NumberLike, Operand, Reading, Var, Word

UNQUOTED = "Within [ ] or { } put quotation marks around an expression that has a comma."
NO_NUMBERS = ("nan", "inf", "infinity")


def operand(tokens: Tokens, signatures: Signatures, *, ranked: bool = False) -> Operand:
    """``scale * reading + offset``, or a number alone."""
    start = tokens.next
    factors = [_factor(tokens, signatures, ranked=ranked)]
    if tokens.accept("*"):
        factors.append(_factor(tokens, signatures, ranked=ranked))
    readings = [factor for factor in factors if isinstance(factor, Reading)]
    if len(readings) > 1:
        raise tokens.error("an indicator can be multiplied by a number only", start)
    added = offset(tokens)
    if not readings:
        value = factors[0]
        if len(factors) > 1 or added is not None or isinstance(value, Reading):
            raise tokens.error("arithmetic needs an indicator", start, hint="Write the result itself.")
        return Constant(value)
    scales = [factor for factor in factors if not isinstance(factor, Reading)]
    return replace(readings[0], scale=scales[0] if scales else 1, offset=0 if added is None else added)


def reading(tokens: Tokens, signatures: Signatures, *, ranked: bool) -> Reading:
    """As `operand`, where a number alone has no meaning."""
    start = tokens.next
    found = operand(tokens, signatures, ranked=ranked)
    if not isinstance(found, Reading):
        raise tokens.error("expected an indicator, found a number", start)
    return found


def number(tokens: Tokens) -> NumberLike:
    """A number, perhaps negative, or a variable."""
    if tokens.accept("-"):
        if tokens.next.kind != "number":
            raise tokens.error(
                f"expected a number behind '-', found {tokens.next}", hint="Write -1 * … instead."
            )
        return -_plain_number(tokens)
    if tokens.next.kind == "variable":
        return Var(str(tokens.take().value))
    return _plain_number(tokens)


def ticker(tokens: Tokens) -> Word:
    """A ticker, quoted or not, or a variable."""
    token = tokens.next
    if token.kind == "variable":
        tokens.take()
        return Var(str(token.value))
    if token.kind == "number":
        raise tokens.error(
            f"expected a ticker, found {token}", hint=f'Quote a ticker that is a number: "{token.text}".'
        )
    if token.kind not in ("word", "string") or not token.value:
        raise tokens.error(f"expected a ticker, found {token}")
    tokens.take()
    return str(token.value)


def offset(tokens: Tokens) -> NumberLike | None:
    """What ``+ 5``, ``- 5`` or ``+ $x`` adds; None when nothing is added."""
    if tokens.at("/"):
        raise tokens.error("there is no division", hint="Multiply: 0.5 * sma(SPY, 10).")
    sign = tokens.accept("+", "-")
    if sign is None:
        return None
    if tokens.next.kind == "word":
        raise tokens.error(
            "only a number can be added to an indicator", hint="Compare two indicators with each other."
        )
    value = number(tokens)
    if sign.text == "+":
        return value
    if isinstance(value, Var):
        raise tokens.error(
            "a variable can be added, not subtracted", sign, hint="Let it take negative values."
        )
    return -value


def _factor(tokens: Tokens, signatures: Signatures, *, ranked: bool) -> Reading | NumberLike:
    calls = tokens.next.kind == "variable" and tokens.after_next.text == "("
    if tokens.next.kind == "word" or calls:
        return _call(tokens, signatures, ranked=ranked)
    if tokens.next.kind not in ("number", "variable") and not tokens.at("-"):
        raise tokens.error(f"expected an indicator or a number, found {tokens.next}")
    return number(tokens)


def _plain_number(tokens: Tokens) -> int | float:
    token = tokens.next
    if isinstance(token.value, str):
        odd = token.text.lower() in NO_NUMBERS
        raise tokens.error(f"expected a number, found {token}", hint="Numbers are finite." if odd else None)
    tokens.take()
    return token.value


def _call(tokens: Tokens, signatures: Signatures, *, ranked: bool) -> Reading:
    """``indicator(ticker, params)[sessions_ago]``; without ticker where a branch is `ranked`."""
    name = tokens.take()
    indicator: Word = Var(str(name.value)) if name.kind == "variable" else str(name.value)
    if not isinstance(indicator, Var) and indicator not in signatures:
        hint = did_you_mean(indicator, [*signatures, *CONNECTIVES])
        if indicator.lower() in NO_NUMBERS:
            hint = "Numbers are finite."
        raise tokens.error(f"unknown indicator {indicator!r}", name, hint=hint)
    of: Word | None = None
    positional: list[NumberLike] = []
    keyword: dict[str, NumberLike] = {}
    if tokens.at("(") or not ranked:
        tokens.expect("(", hint=f"Write {name.text}(TICKER, …).")
        of = None if ranked else _reading_ticker(tokens, name)
        _parameters(tokens, positional, keyword, first=ranked)
    try:
        params = _bound(signatures, indicator, positional, keyword)
    except StrategyError as error:
        raise tokens.located(error, name) from None
    ago: NumberLike = 0
    if tokens.accept("["):
        ago = number(tokens)
        tokens.expect("]")
    return Reading(indicator, params, of, ago)


def _bound(
    signatures: Signatures, indicator: Word, positional: list[NumberLike], keyword: dict[str, NumberLike]
) -> tuple[NumberLike, ...]:
    """The parameters in order. Of an indicator that is a variable they stay as they are written."""
    if not isinstance(indicator, Var):
        return bind(signatures, indicator, positional, keyword)
    if keyword:
        raise StrategyError(f"the parameters of {indicator} cannot be named", hint="Write them in order.")
    return tuple(positional)


def _reading_ticker(tokens: Tokens, name: Token) -> Word:
    if tokens.next.kind in ("number", "symbol"):
        raise tokens.error(
            f"{name.text} needs a ticker, found {tokens.next}", hint=f"Write {name.text}(TICKER, …)."
        )
    return ticker(tokens)


def _parameters(
    tokens: Tokens, positional: list[NumberLike], keyword: dict[str, NumberLike], *, first: bool
) -> None:
    """The parameters up to the closing parenthesis; the `first` one has no comma before it."""
    while not tokens.accept(")"):
        if not first:
            tokens.expect(",", hint=UNQUOTED if tokens.next.kind == "end" else None)
        first = False
        if tokens.next.kind == "word" and tokens.after_next.text == "=":
            name = tokens.take()
            tokens.take()
            if name.text in keyword:
                raise tokens.error(f"{name.text} is given twice", name)
            keyword[name.text] = number(tokens)
        elif tokens.next.kind in ("word", "string"):
            raise tokens.error(
                f"expected a number, found {tokens.next}",
                hint="A ranked branch has no ticker: write rsi(10)." if not positional else None,
            )
        elif keyword:
            raise tokens.error("a parameter without name stands behind a named one")
        else:
            positional.append(number(tokens))
