"""A submission that varies over lists by their names, ``@levels``, → one with their values.

Values are put in when a job is submitted: a list that is changed afterwards changes no job.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from treefolio.errors import SpaceError, did_you_mean
from treefolio.indicators import SIGNATURES
from treefolio.jobs.requests import Request, SpaceRequest
from treefolio.service.lists.models import Kind
from treefolio.service.lists.store import ListStore
from treefolio.service.problems import Declined
from treefolio.strategy.places import Literal
from treefolio.strategy.text import parse
from treefolio.strategy.tree import Strategy
from treefolio.sweep.ask import opened

_NAMED = re.compile(r"@([A-Za-z0-9_][A-Za-z0-9_.-]*)")


def expanded(request: Request, owner: str, lists: ListStore) -> Request:
    """The request with the values of the owner's lists.

    Raises:
        Declined: there is no such list, or no variable takes its kind.
        FormatError, StrategyError, SpaceError: the strategy cannot be read, or its variable does not take
            these values.
    """
    if not isinstance(request, SpaceRequest):
        return request
    named = {name: _NAMED.fullmatch(spec) for name, spec in request.vary.items() if isinstance(spec, str)}
    if not any(named.values()):
        return request
    strategy = parse(request.strategy, SIGNATURES)
    vary: dict[str, str | Sequence[Literal]] = dict(request.vary)
    for position, name in enumerate(request.vary):
        found = named.get(name)
        if found is not None:
            vary[name] = _values(strategy, name, found[1], f"body.vary.{position}.1", owner, lists)
    return replace(request, vary=vary)


def _values(
    strategy: Strategy, variable: str, name: str, place: str, owner: str, lists: ListStore
) -> Sequence[Literal]:
    """The values of a list, of which the first has a meaning for the variable."""
    found = lists.named(owner, name)
    if found is None:
        hint = did_you_mean(name, [each.name for each in lists.list(owner)])
        raise Declined(
            f"there is no list {name!r}",
            code="no_list",
            status=422,
            path=place,
            hint=hint or "GET /api/v1/lists lists those that there are.",
        )
    if found.kind is Kind.DATE:
        raise Declined(
            f"the list {name!r} holds dates, and no variable of a strategy is one",
            code="list_kind",
            status=422,
            path=place,
            hint="Name a list of numbers or tickers.",
        )
    try:
        opened(strategy, {variable: found.values[0]})
    except SpaceError as error:
        error.path = place
        raise
    return found.values
