"""Where a document is turned into a tree: places in it, what to do about trouble, growth without recursion.

A reader of a format is a set of functions, each of which looks at one piece of the document (a `Seed`) and
answers with the item that it stands for, or with `Branches`: the pieces below it and how to join what they
grow into. `grow` does the rest with a stack of its own, so depth is bounded by memory alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, cast

from treefolio.errors import FormatError, LimitError, StrategyError
from treefolio.formats.report import Kind, Notebook
from treefolio.strategy.json_text import Positions
from treefolio.strategy.tree import AllOf, Condition, Empty, Item, Node
from treefolio.strategy.validate import keep

_LONGEST_PATH = 40  # labels; of a longer path the middle is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a document may be.

    Attributes:
        nodes: nodes and conditions in the document.
        bytes: size of the file, or of the text in UTF-8.
    """

    nodes: int = 1_000_000
    bytes: int = 100_000_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Place:
    """A place in the document: its label, the place around it, and the container that stands there."""

    label: str
    around: Place | None = None
    container: object = None

    def at(self, label: str, container: object = None) -> Place:
        """The place called ``label`` inside this one."""
        return Place(label, self, container)

    def __str__(self) -> str:
        labels: list[str] = []
        place: Place | None = self
        while place is not None:
            labels.append(place.label)
            place = place.around
        labels.reverse()
        if len(labels) > _LONGEST_PATH:
            half = _LONGEST_PATH // 2
            labels[half:-half] = [f"… {len(labels) - 2 * half} more …"]
        return " > ".join(labels)


class Unsupported(FormatError):  # noqa: N818 - never seen outside as a class of its own
    """A part of the document has a meaning that we do not know; ``lenient`` leaves that part out."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """What every reader needs at hand while it works on one document.

    Attributes:
        source: the file's name, for messages.
        positions: where the document's containers stand in its text.
        lenient: leave out what is not supported, instead of failing.
        problems: collects errors, so that reading goes on after them; None: the first one ends it.
    """

    source: str | None = None
    positions: Positions | None = None
    lenient: bool = False
    limits: Limits = field(default_factory=Limits)
    notebook: Notebook = field(default_factory=Notebook)
    problems: list[StrategyError] | None = None
    _grown: int = 0

    def note(self, kind: Kind, message: str, place: Place) -> None:
        """Say something in the report."""
        self.notebook.add(kind, message, place)

    def fail(self, message: str, place: Place, *, hint: str | None = None) -> NoReturn:
        """Refuse the document.

        Raises:
            FormatError: always, with the place's path, line and column.
        """
        raise self._error(FormatError, message, place, hint)

    def unsupported(self, message: str, place: Place, *, hint: str | None = None) -> NoReturn:
        """Refuse this part of the document; under ``lenient`` the node that it belongs to becomes empty.

        Raises:
            FormatError: always.
        """
        raise self._error(Unsupported, message, place, hint)

    def unknown_key(self, key: str, place: Place, *, hint: str | None = None) -> None:
        """Refuse an unknown key that may carry a meaning; under ``lenient`` it is noted and passed over.

        Raises:
            FormatError: unless ``lenient``.
        """
        if not self.lenient:
            keep(self._error(FormatError, f"the key {key!r} is not known here", place, hint), self.problems)
            return
        self.note("unsupported", f"the key {key!r} is not known and was passed over", place)

    def located(self, error: StrategyError, place: Place) -> FormatError:
        """The same trouble, with its place in the document."""
        return self._error(FormatError, error.message, place, error.hint)

    def count(self, place: Place) -> None:
        """Count one more node or condition.

        Raises:
            LimitError: there are more than the limit.
        """
        self._grown += 1
        if self._grown > self.limits.nodes:
            raise LimitError(
                f"the strategy has more than {self.limits.nodes:,} nodes and conditions",
                path=str(place),
                source=self.source,
                hint="Raise the limit if this is meant.",
            )

    def _error(self, kind: type[FormatError], message: str, place: Place, hint: str | None) -> FormatError:
        line, column = self._line_and_column(place) or (None, None)
        return kind(message, path=str(place), line=line, column=column, source=self.source, hint=hint)

    def _line_and_column(self, place: Place) -> tuple[int, int] | None:
        """Of the innermost container around the place that has a position."""
        around: Place | None = place
        while self.positions is not None and around is not None:
            if around.container is not None:
                found = self.positions.of(around.container)
                if found is not None:
                    return found
            around = around.around
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """A piece of the document, and the function that knows what it stands for.

    Attributes:
        is_node: it stands for a node, so that it can be left empty; otherwise for a condition.
    """

    value: object
    place: Place
    expand: Expand
    is_node: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """The pieces below an item, and how to join what they grow into."""

    seeds: Sequence[Seed]
    join: Callable[[list[Item]], Item]


Expand = Callable[[object, Place], "Item | Branches"]


def grow(root: Seed, desk: Desk) -> Node:
    """The node that ``root`` stands for, with everything below it.

    Raises:
        FormatError: as the readers say. Under ``desk.lenient``, a part that is not supported makes the node
            that it belongs to `Empty`, with a note, instead.
        LimitError: more nodes and conditions than the limit.
    """
    stack: list[tuple[Seed, Branches, list[Item]]] = []
    seed = root
    while True:
        made = _expand(seed, desk)
        if made is None:
            while not seed.is_node:
                seed = stack.pop()[0]
            made = Empty()
        if isinstance(made, Branches) and made.seeds:
            stack.append((seed, made, []))
        else:
            item = made.join([]) if isinstance(made, Branches) else made
            while stack:
                _, branches, grown = stack[-1]
                grown.append(item)
                if len(grown) < len(branches.seeds):
                    break
                item = branches.join(grown)
                stack.pop()
            else:
                return cast(Node, item)
        _, branches, grown = stack[-1]
        seed = branches.seeds[len(grown)]


def _expand(seed: Seed, desk: Desk) -> Item | Branches | None:
    """What the seed stands for; None when that is not supported and may be left out.

    Where errors are collected, an empty branch stands in for a damaged node, and for a damaged condition one
    that always holds.
    """
    desk.count(seed.place)
    try:
        return seed.expand(seed.value, seed.place)
    except StrategyError as error:
        if desk.lenient and isinstance(error, Unsupported):
            desk.note("unsupported", f"{error.message}; the branch was left empty", seed.place)
            return None
        keep(error, desk.problems)
        return Empty() if seed.is_node else AllOf(())


def as_node(item: Item) -> Node:
    """The item as the node that its seed promised."""
    return cast(Node, item)


def as_nodes(items: Sequence[Item]) -> tuple[Node, ...]:
    """The items as the nodes that their seeds promised."""
    return tuple(cast(Node, item) for item in items)


def as_condition(item: Item) -> Condition:
    """The item as the condition that its seed promised."""
    return cast(Condition, item)


def as_conditions(items: Sequence[Item]) -> tuple[Condition, ...]:
    """The items as the conditions that their seeds promised."""
    return tuple(cast(Condition, item) for item in items)
