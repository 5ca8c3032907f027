"""What a reader must know of an indicator: its name and its parameters.

The table of indicators stands in `treefolio.indicators`, below this package; readers are handed its
signatures, so that a text can be checked, and its defaults filled in, where it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from treefolio.errors import StrategyError, did_you_mean
from treefolio.strategy.tokens import finite
from treefolio.strategy.tree import NumberLike, Var


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an indicator.

    Attributes:
        default: None when it must be given.
        whole: only whole numbers make sense (windows).
        minimum, maximum: both included.
    """

    name: str
    default: int | float | None = None
    whole: bool = True
    minimum: float = 1
    maximum: float = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """An indicator's canonical name and its parameters in order."""

    name: str
    parameters: tuple[Parameter, ...] = ()


Signatures = Mapping[str, Signature]


def bind(
    signatures: Signatures,
    name: str,
    positional: Sequence[NumberLike] = (),
    keyword: Mapping[str, NumberLike] | None = None,
) -> tuple[NumberLike, ...]:
    """All parameters of indicator ``name`` in order, defaults filled in and ranges checked.

    Raises:
        StrategyError: unknown indicator or parameter, too many of them, one missing or out of range.
    """
    keyword = dict(keyword or {})
    signature = signatures.get(name)
    if signature is None:
        raise StrategyError(f"unknown indicator {name!r}", hint=did_you_mean(name, signatures))
    usage = f"{name}({', '.join(['TICKER', *(p.name for p in signature.parameters)])})"
    if len(positional) > len(signature.parameters):
        raise StrategyError(
            f"{name} takes {len(signature.parameters)} parameters, not {len(positional)}",
            hint=f"Write {usage}.",
        )
    values: list[NumberLike] = []
    for k, parameter in enumerate(signature.parameters):
        if k < len(positional):
            if parameter.name in keyword:
                raise StrategyError(f"{name}: {parameter.name} is given twice")
            value: NumberLike | None = positional[k]
        else:
            value = keyword.pop(parameter.name, parameter.default)
        if value is None:
            raise StrategyError(f"{name} needs {parameter.name}", hint=f"Write {usage}.")
        values.append(check_parameter(name, parameter, value))
    if keyword:
        unknown = next(iter(keyword))
        names = [p.name for p in signature.parameters]
        raise StrategyError(
            f"{name} has no parameter {unknown!r}", hint=did_you_mean(unknown, names) or f"Write {usage}."
        )
    return tuple(values)


def check_parameter(name: str, parameter: Parameter, value: NumberLike) -> NumberLike:
    """The value, as int where the parameter is whole; variables pass.

    Raises:
        StrategyError: not a number, not whole, or out of range.
    """
    if isinstance(value, Var):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not finite(value):
        raise StrategyError(f"{name}: {parameter.name} must be a finite number, not {value!r}")
    if parameter.whole:
        if value != int(value):
            raise StrategyError(f"{name}: {parameter.name} must be a whole number, not {value!r}")
        value = int(value)
    if not parameter.minimum <= value <= parameter.maximum:
        raise StrategyError(
            f"{name}: {parameter.name} must be from {parameter.minimum:g} to "
            f"{parameter.maximum:g}, not {value!r}"
        )
    return value
