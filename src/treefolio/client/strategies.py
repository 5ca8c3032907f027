"""Strategies that a service keeps: add, list, versions, what changed, links for others.

kept = client.strategies.add(Path("hot.yaml").read_text(), folder="trend").strategy
client.strategies.add_version(kept.id, text, note="a higher threshold")
client.strategies.diff(kept.id, 1, 2).changes
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from treefolio.client.naming import find
from treefolio.client.transport import Transport, asked
from treefolio.service.strategies.models import (
    Difference,
    Imported,
    Inspection,
    MadeShare,
    Share,
    SharedStrategy,
    Shares,
    Strategies,
    Strategy,
    Validation,
    Versions,
    VersionText,
)

if TYPE_CHECKING:
    from treefolio.jobs.requests import Asked, RunRequest

_PAGE = 500


class StrategyGroup:
    """The strategies of the user. Methods raise ServiceError."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def add(
        self,
        text: str,
        *,
        name: str | None = None,
        file_name: str | None = None,
        folder: str = "",
        tags: Collection[str] = (),
        note: str = "",
        key: str | None = None,
    ) -> Imported:
        """Keeps a strategy in any of the formats.

        Args:
            name: under which it is kept; None for the one in the text.
            key: the same key again gives the same strategy.
        """
        body = {
            "text": text,
            "name": name,
            "file_name": file_name,
            "folder": folder,
            "tags": list(tags),
            "note": note,
        }
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return self.transport.send(Imported, "POST", "/strategies", body, headers=headers, repeat=True)

    def validate(self, text: str, *, file_name: str | None = None) -> Validation:
        """What a text holds, or all that is wrong with it. Nothing is kept."""
        body = {"text": text, "file_name": file_name}
        return self.transport.send(Validation, "POST", "/strategies/validate", body, repeat=True)

    def list(
        self,
        *,
        folder: str | None = None,
        tags: Collection[str] = (),
        search: str | None = None,
        sort: str = "-changed",
        limit: int = 100,
        offset: int = 0,
    ) -> Strategies:
        """A page of the strategies. folder: and those below it. search: in the name, or a ticker."""
        query = asked(folder=folder, tag=tags, q=search, sort=sort, limit=limit, offset=offset)
        return self.transport.get(Strategies, "/strategies", query)

    def get(self, strategy: UUID) -> Strategy:
        """A strategy with its newest version."""
        return self.transport.get(Strategy, f"/strategies/{strategy}")

    def find(self, name: str) -> Strategy:
        """The one strategy of this name, or of this id or its beginning.

        Raises:
            UsageError: there is none, or there are several.
        """
        return find(name, get=self.get, near=lambda: self._near(name), noun="strategy", group="strategies")

    def _near(self, name: str) -> Sequence[Strategy]:
        """Those with this in their names; where there are none, all others."""
        return [*self._searched(name)] or [*self._searched("")]

    def _searched(self, words: str) -> Iterator[Strategy]:
        """All strategies with these words in their names."""
        offset, total = 0, 1
        while offset < total:
            page = self.list(search=words, sort="name", limit=_PAGE, offset=offset)
            yield from page.strategies
            offset, total = offset + _PAGE, page.total

    def change(
        self,
        strategy: UUID,
        *,
        name: str | None = None,
        folder: str | None = None,
        tags: Collection[str] | None = None,
    ) -> Strategy:
        """Another name, folder or tags; None leaves it."""
        body = {"name": name, "folder": folder, "tags": None if tags is None else list(tags)}
        return self.transport.send(Strategy, "PATCH", f"/strategies/{strategy}", body, repeat=True)

    def remove(self, strategy: UUID) -> None:
        """Removes a strategy with its versions and links."""
        self.transport.ask("DELETE", f"/strategies/{strategy}")

    # Versions.

    def add_version(
        self,
        strategy: UUID,
        text: str,
        *,
        file_name: str | None = None,
        note: str = "",
        parent: int | None = None,
        expect: int | None = None,
    ) -> Imported:
        """Keeps the next version; the same content again is the version that it was.

        Args:
            expect: the newest version that is known here; a later one is a conflict.
        """
        body = {"text": text, "file_name": file_name, "note": note, "parent": parent, "expect": expect}
        return self.transport.send(Imported, "POST", f"/strategies/{strategy}/versions", body, repeat=True)

    def versions(self, strategy: UUID, *, limit: int = 100, offset: int = 0) -> Versions:
        """A page of the versions, the latest first."""
        query = asked(limit=limit, offset=offset)
        return self.transport.get(Versions, f"/strategies/{strategy}/versions", query)

    def version(self, strategy: UUID, number: int | None = None) -> VersionText:
        """A version with its text; None for the newest."""
        meant = self.get(strategy).newest.number if number is None else number
        return self.transport.get(VersionText, f"/strategies/{strategy}/versions/{meant}")

    def original(self, strategy: UUID, number: int) -> bytes:
        """A version as it was sent."""
        return self.transport.ask("GET", f"/strategies/{strategy}/versions/{number}/original").content

    def convert(self, strategy: UUID, number: int, to: Literal["yaml", "json"]) -> str:
        """A version as native YAML or JSON."""
        path = f"/strategies/{strategy}/versions/{number}/convert"
        return self.transport.ask("GET", path, params=asked(to=to)).text

    def inspect(self, strategy: UUID, number: int) -> Inspection:
        """What a version holds."""
        return self.transport.get(Inspection, f"/strategies/{strategy}/versions/{number}/inspect")

    def diff(self, strategy: UUID, older: int, newer: int) -> Difference:
        """What changed from one version to another."""
        query = (("from", str(older)), ("to", str(newer)))
        return self.transport.get(Difference, f"/strategies/{strategy}/diff", query)

    def run_request(
        self,
        strategy: UUID,
        asked: Asked,
        *,
        number: int | None = None,
        values: Mapping[str, int | float | str] | None = None,
    ) -> RunRequest:
        """A run of a version, for `Client.submit`: out of sample from the day on which it was made."""
        from treefolio.jobs.requests import RunRequest  # noqa: PLC0415 - heavy, and nothing else needs it

        found = self.version(strategy, number)
        return RunRequest(
            strategy=found.text,
            asked=asked,
            values=dict(values or {}),
            out_of_sample_from=found.out_of_sample_from,
        )

    # Links for others.

    def share(
        self, strategy: UUID, *, version: int | None = None, expires_at: dt.datetime | None = None
    ) -> MadeShare:
        """A link that shows a version, or always the newest one, to whoever has it."""
        moment = None if expires_at is None else expires_at.isoformat()
        body = {"version": version, "expires_at": moment}
        return self.transport.send(MadeShare, "POST", f"/strategies/{strategy}/shares", body)

    def shares(self, strategy: UUID) -> Sequence[Share]:
        """The links to a strategy, the latest first."""
        return self.transport.get(Shares, f"/strategies/{strategy}/shares").shares

    def revoke(self, strategy: UUID, share: UUID) -> None:
        """Has a link show nothing from now on."""
        self.transport.ask("DELETE", f"/strategies/{strategy}/shares/{share}")

    def shared(self, secret: str) -> SharedStrategy:
        """What a link shows."""
        return self.transport.get(SharedStrategy, f"/shared/{secret}")
