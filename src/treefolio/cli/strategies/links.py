"""``treefolio strategies shares`` and ``unshare``: the links to a strategy, and their end."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Context

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Service, connect, whole_id
from treefolio.cli.strategies.named import Strategic

if TYPE_CHECKING:
    from treefolio.service.strategies.models import Share

Link = Annotated[str, Argument(metavar="LINK", help="The id of the link, or its beginning.")]


@spread
def shares(name: Strategic, context: Context, service: Service, as_json: AsJson = False) -> int:
    """List the links to a strategy, the latest first; what stands in them is not kept."""
    with connect(service, context) as client:
        strategy = client.strategies.find(name)
        found = client.strategies.shares(strategy.id)
    if as_json:
        from treefolio.service.strategies.models import Shares  # noqa: PLC0415 - heavy

        sys.stdout.write(Shares(shares=list(found)).model_dump_json(indent=2) + "\n")
        return 0
    if not found:
        show.offer(f"No links; `treefolio strategies share {shlex.quote(strategy.name)}` makes one.")
        return 0
    headings = ("link", "version", "made", "state")
    now = dt.datetime.now(dt.UTC)
    show.plain_table(headings, [_line(each, now) for each in found], left=len(headings))
    return 0


@spread
def unshare(name: Strategic, link: Link, context: Context, service: Service) -> int:
    """Have a link show nothing from now on."""
    with connect(service, context) as client:
        strategy = client.strategies.find(name)
        listing = f"strategies shares {shlex.quote(strategy.name)}"
        known = [each.id for each in client.strategies.shares(strategy.id)]
        meant = whole_id(link, lambda: known, noun="link", listing=listing)
        client.strategies.revoke(strategy.id, meant)
    show.say(f"The link {meant} shows nothing any more")
    return 0


def _line(each: Share, now: dt.datetime) -> tuple[str, ...]:
    version = "the newest" if each.version is None else f"{each.version:,}"
    return str(each.id), version, show.when(each.made_at), _state(each, now)


def _state(each: Share, now: dt.datetime) -> str:
    if each.revoked_at is not None:
        return f"revoked {show.when(each.revoked_at)}"
    if each.expires_at is None:
        return "open"
    return f"{'open until' if each.expires_at > now else 'expired'} {show.when(each.expires_at)}"
