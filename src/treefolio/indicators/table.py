"""What one row of the table of indicators says. The rows are in `treefolio.indicators`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.strategy.signature import Parameter, Signature

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One indicator.

    Attributes:
        name: canonical name, as written in expressions.
        label: as shown to people.
        parameters: in order.
        inputs: price fields that `function` takes, of close, open, high, low, volume.
        unit: price, fraction, index (0–100), count, shares ...
        level: the value scales with the price (so, on a branch, depends on where its series starts).
        formula: one line for the docs: definition, seed and first value.
        lookback_sessions: sessions before the first value: ``lookback_sessions(*params) -> int``.
        settle_sessions: sessions after the first value until the seed weighs below 1e-6 (0: no memory).
        function: ``function(*inputs, *params) -> series``; inputs are contiguous and finite; the result
            has their length, NaN where undefined.
        branch_code: the indicator's number in `branch.evaluate`, or None where a branch has no such value.
        source: which library or definition the numbers come from.
        composer, quantmage, elements: this indicator's names in these dialects.
        percent: Composer and QuantMage state it in percent; importers divide by 100.
    """

    name: str
    label: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[str, ...]
    unit: str
    formula: str
    lookback_sessions: Callable[..., int]
    settle_sessions: Callable[..., int]
    function: Callable[..., Series]
    source: str
    level: bool = False
    branch_code: int | None = None
    composer: tuple[str, ...] = ()
    quantmage: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    percent: bool = False

    @property
    def signature(self) -> Signature:
        """What a reader must know of it."""
        return Signature(name=self.name, parameters=self.parameters)

    def typed(self, values: Sequence[object]) -> list[int | float]:
        """Numbers for the parameters, in the type that each one has: windows are int."""
        numbers = [float(str(value)) for value in values]
        return [int(x) if p.whole else x for x, p in zip(numbers, self.parameters, strict=True)]
