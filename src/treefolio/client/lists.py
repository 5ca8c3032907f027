"""Lists of tickers, numbers and dates that a service keeps; a sweep varies over one as ``@name``."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from treefolio.client.naming import find
from treefolio.client.transport import Transport
from treefolio.service.lists.models import Kind, Pasted, ValueList, ValueLists


class ListGroup:
    """The lists of the user. Methods raise ServiceError."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def add(self, name: str, text: str, *, kind: Kind | None = None) -> ValueList:
        """Keeps a list; its kind is found out when it is not given."""
        return self.transport.send(ValueList, "POST", "/lists", {"name": name, "text": text, "kind": kind})

    def all(self) -> Sequence[ValueList]:
        """All lists, by name."""
        return self.transport.get(ValueLists, "/lists").lists

    def get(self, which: UUID) -> ValueList:
        """A list with its values."""
        return self.transport.get(ValueList, f"/lists/{which}")

    def find(self, name: str) -> ValueList:
        """The list of this name, or of this id or its beginning.

        Raises:
            UsageError: there is none.
        """
        return find(name, get=self.get, near=self.all, noun="list", group="lists")

    def change(self, which: UUID, *, name: str | None = None, text: str | None = None) -> ValueList:
        """Another name, or other values of the same kind; None leaves it."""
        body = {"name": name, "text": text}
        return self.transport.send(ValueList, "PATCH", f"/lists/{which}", body, repeat=True)

    def remove(self, which: UUID) -> None:
        """Removes a list."""
        self.transport.ask("DELETE", f"/lists/{which}")

    def parse(self, text: str, *, kind: Kind | None = None) -> Pasted:
        """The values in a text, and all pieces of it that are none. Nothing is kept."""
        return self.transport.send(Pasted, "POST", "/lists/parse", {"text": text, "kind": kind}, repeat=True)
