"""What a service keeps under a name, where a file or values are expected: ``@strategy:2``, ``@list``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.strategies.named import version
from treefolio.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import datetime as dt

    from typer import Context

_SIGN = "@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A strategy's file. made_on: the day on which the service got this version; None for a file of ours."""

    path: Path
    made_on: dt.date | None = None


@contextmanager
def strategy_file(strategy: Path, service: Service, context: Context) -> Iterator[Opened]:
    """The file, or for ``@NAME`` and ``@NAME:2`` one with the text that the service keeps.

    Raises:
        UsageError: there is no such strategy. ServiceError: it has no such version.
    """
    name = str(strategy)
    if not name.startswith(_SIGN) or strategy.exists():
        yield Opened(path=strategy)
        return
    with connect(service, context) as client:
        _, found = version(name.removeprefix(_SIGN), client)
    with tempfile.TemporaryDirectory(prefix="treefolio-strategy-") as folder:
        path = Path(folder) / "strategy.yaml"
        path.write_text(found.text, encoding="utf-8")
        yield Opened(path=path, made_on=found.out_of_sample_from)


def with_lists(
    specs: Mapping[str, str], service: Service, context: Context
) -> dict[str, str | Sequence[int | float | str]]:
    """The specifications of ``--vary``, with the values of lists that are meant by ``@NAME``.

    Raises:
        UsageError: there is no such list, or it holds dates, which no variable is.
    """
    found: dict[str, str | Sequence[int | float | str]] = dict(specs)
    if not any(spec.startswith(_SIGN) for spec in specs.values()):
        return found
    with connect(service, context) as client:
        lists = {each.name: each for each in client.lists.all()}
    for variable, spec in specs.items():
        name = spec.removeprefix(_SIGN)
        if name == spec:
            continue
        if name not in lists:
            hint = did_you_mean(name, lists) or "`treefolio lists add NAME TEXT` keeps one."
            raise UsageError(f"--vary {variable}={spec}: there is no list {name!r}", hint=hint)
        if lists[name].kind == "date":
            hint = "Name a list of numbers or tickers."
            raise UsageError(f"--vary {variable}={spec}: no variable is a date", hint=hint)
        found[variable] = lists[name].values
    return found
