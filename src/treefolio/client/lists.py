"""Lists of tickers, numbers and dates that a service keeps; a sweep varies over one as ``@name``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from treefolio.client.transport import Transport, read
from treefolio.service.lists.models import Kind, Pasted, ValueList, ValueLists


class ListGroup:
    """The lists of the user. Methods raise ServiceError."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def add(self, name: str, text: str, *, kind: Kind | None = None) -> ValueList:
        """Keeps a list; its kind is found out when it is not given."""
        body = json.dumps({"name": name, "text": text, "kind": kind})
        return read(ValueList, self.transport.ask("POST", "/lists", content=body))

    def all(self) -> Sequence[ValueList]:
        """All lists, by name."""
        return self.transport.get(ValueLists, "/lists").lists

    def get(self, which: UUID) -> ValueList:
        """A list with its values."""
        return self.transport.get(ValueList, f"/lists/{which}")

    def change(self, which: UUID, *, name: str | None = None, text: str | None = None) -> ValueList:
        """Another name, or other values of the same kind; None leaves it."""
        body = json.dumps({"name": name, "text": text})
        return read(ValueList, self.transport.ask("PATCH", f"/lists/{which}", content=body))

    def remove(self, which: UUID) -> None:
        """Removes a list."""
        self.transport.ask("DELETE", f"/lists/{which}")

    def parse(self, text: str, *, kind: Kind | None = None) -> Pasted:
        """The values in a text, and all pieces of it that are none. Nothing is kept."""
        body = json.dumps({"text": text, "kind": kind})
        return read(Pasted, self.transport.ask("POST", "/lists/parse", content=body))
