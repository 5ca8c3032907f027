"""How fields of requests travel, and are kept, that are not plain data by themselves.

Names with values are pairs: their order is that of the columns, and not every reader of JSON keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, PlainValidator

from treefolio.sweep.assignments import Listed, Sample
from treefolio.sweep.lengths import parse_length
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling, Scheme

Value: TypeAlias = int | float | str
_LENGTHS = ("train", "test", "step")


def _pairs(values: Mapping[str, str | Sequence[Value] | Value]) -> list[list[Any]]:
    return [[name, given if isinstance(given, Value) else list(given)] for name, given in values.items()]


def _scheme_of(data: Mapping[str, Any] | Scheme) -> Scheme:
    """What `Scheme.describe` gives, as a scheme. Raises KeyError, TypeError, UsageError."""
    if isinstance(data, Rolling | Combinatorial):
        return data
    if data["scheme"] == "cpcv":
        return Combinatorial(**{name: value for name, value in data.items() if name != "scheme"})
    train, test, step = (parse_length(data[name], name) for name in _LENGTHS)
    return Rolling(train=train, test=test, step=step, anchored=data["anchored"])


def _selection_of(data: Mapping[str, Any] | Sample | Listed | None) -> Sample | Listed | None:
    if data is None or isinstance(data, Sample | Listed):
        return data
    if "count" in data:
        return Sample(**data)
    return Listed(name=data["name"], columns=dict(data["columns"]))


def _selected(select: Sample | Listed | None) -> dict[str, object] | None:
    if isinstance(select, Listed):
        return {"name": select.name, "columns": _pairs(select.columns)}
    return None if select is None else {"count": select.count, "seed": select.seed, "method": select.method}


Values: TypeAlias = Annotated[Mapping[str, Value], BeforeValidator(dict), PlainSerializer(_pairs)]
"""Names, each with its value."""
Varied: TypeAlias = Annotated[
    Mapping[str, str | Sequence[Value]], BeforeValidator(dict), PlainSerializer(_pairs)
]
"""Names, each with a SPEC as ``--vary`` takes it, or with its values."""
Selection: TypeAlias = Annotated[
    Sample | Listed | None, PlainValidator(_selection_of), PlainSerializer(_selected)
]
"""A sample, listed combinations, or None for all."""
Way: TypeAlias = Annotated[Scheme, PlainValidator(_scheme_of), PlainSerializer(lambda way: way.describe())]
"""Which sessions choose, and which judge."""
