"""Which service is spoken to: ``--url`` and ``--token``, before or after the verb, or the environment's."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from typer import Argument, Context, Option

from treefolio.cli import offered
from treefolio.cli.flags import spread
from treefolio.errors import UsageError
from treefolio.settings import PREFIX

if TYPE_CHECKING:
    from treefolio.client import Client

Id = Annotated[str, Argument(metavar="ID", help="Of the job, or its beginning.")]
_SHORTEST = 4
_CUT = "…"
"""So ends an id in a table that is wider than the terminal."""
_LOOKED_AT = 500
_PATIENCE_SECONDS = 5.0
"""Somebody waits at a terminal; `watch` is more patient by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which service."""

    url: Annotated[
        str | None,
        Option(metavar="URL", help="Of the service [TREEFOLIO_URL].", callback=offered.note_url),
    ] = None
    token: Annotated[str | None, Option(metavar="T", help="Where users log in [TREEFOLIO_TOKEN].")] = None


@spread
def before(context: Context, service: Service) -> int:
    """Keeps what is said before the verb."""
    context.obj = _over(service, context.obj)
    return 0


def connect(service: Service, context: Context) -> Client:
    """A client of the service that is meant: by the verb, before it, or by the environment."""
    from treefolio.client import DEFAULT_URL, Client  # noqa: PLC0415 - heavy

    meant = _over(service, context.obj)
    url = meant.url or os.environ.get(f"{PREFIX}URL") or DEFAULT_URL
    token = meant.token or os.environ.get(f"{PREFIX}TOKEN") or None
    return Client(url, token=token, patience=_PATIENCE_SECONDS, hasty=True)


def _over(service: Service, other: object) -> Service:
    """What the verb says, and where it is silent what was said before it."""
    if not isinstance(other, Service):
        return service
    return Service(url=service.url or other.url, token=service.token or other.token)


def job_id(text: str, client: Client) -> UUID:
    """The job that is meant by an id or its beginning.

    Raises:
        UsageError: none of the latest jobs begins so, or several do.
    """

    def latest() -> list[UUID]:
        return [job.id for job in client.jobs(limit=_LOOKED_AT).jobs]

    return whole_id(text, latest, noun="job", listing="jobs list")


def whole_id(text: str, ids: Callable[[], Sequence[UUID]], *, noun: str, listing: str) -> UUID:
    """The id that is meant, by itself or by its beginning.

    Args:
        ids: those that it may be; they are asked for when the text is no whole id.
        noun, listing: what has it, and the verbs that list them.

    Raises:
        UsageError: none begins so, or several do.
    """
    text = text.removesuffix(_CUT)
    try:
        return UUID(text)
    except ValueError:
        pass
    shown = f"`treefolio {listing}` shows them."
    if len(text) < _SHORTEST:
        hint = f"Give {_SHORTEST} characters or more; {shown}"
        raise UsageError(f"the id {text!r} is too short", hint=hint)
    found = [each for each in ids() if str(each).startswith(text.casefold())]
    if len(found) != 1:
        what = f"is of several {noun}s" if found else f"is no {noun}'s"
        raise UsageError(f"the id {text!r} {what}", hint=shown)
    return found[0]
