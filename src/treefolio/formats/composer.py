"""Composer's trees of ``step`` maps → strategy. JSON and EDN hold the same maps; both are read here.

`STEPS` is the table of node kinds: which keys each one has a meaning for, and the function that reads it.
Conditions are in `composer_conditions`; the Clojure DSL is in `composer_dsl`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from treefolio.errors import did_you_mean
from treefolio.formats import composer_words as words
from treefolio.formats.composer_conditions import CONDITION_KEYS, condition_seed, note_stale_sides, windows_of
from treefolio.formats.desk import (
    Branches,
    Desk,
    Place,
    Seed,
    as_condition,
    as_node,
    as_nodes,
    grow,
)
from treefolio.formats.dialect import indicator_named, note_level, parameters
from treefolio.formats.keys import pass_over
from treefolio.formats.scalars import exact, flag, mapping, sequence, shown, text, whole, word
from treefolio.strategy.tree import (
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    Reading,
    Strategy,
)

_EVERYWHERE = {"step", "children", "weight"}
_FOR_DISPLAY = {
    *("id", "name", "description", "collapsed?", "collapsed-specified-weight?", "color", "hidden?"),
    *("suppress-incomplete-warnings", "suppress-incomplete-warnings?", "exchange", "price", "dollar-volume"),
    *("has-marketcap", "children-count", "asset-class", "asset-classes", "sparkgraph-url", "tags", "notes"),
    *("hashtag", "hashtags", "version", "version-id", "created-at", "updated-at", "last-updated-at", "icon"),
    *(
        "symphony-id",
        "sid",
        "copied-from",
        "owner",
        "owner-id",
        "user-id",
        "public?",
        "is-public?",
        "comment",
    ),
    *("weight-method", "window-days-label", "share-with-everyone?", "benchmarks", "currency", "display-name"),
}


def read_composer(document: dict[str, object], desk: Desk) -> Strategy:
    """The strategy of a Composer tree, its root or any step of it.

    Raises:
        FormatError: as described in `docs/formats.md`, with path, line and column.
        LimitError: more nodes than the limit.
    """
    place = Place("root", None, document)
    reader = _Reader(desk)
    root = as_node(grow(Seed(document, place, reader.expand), desk))
    if reader.for_display:
        seen = ", ".join(sorted(reader.for_display))
        desk.note("ignored", f"keys for display only: {seen}", place)
    is_root = document.get("step") == "root"
    return Strategy(
        name=text(document.get("name"), desk, place, "the name") or words.DEFAULT_NAME,
        description=text(document.get("description"), desk, place, "the description"),
        root=root,
        rebalance=words.rebalance(
            document.get("rebalance") if is_root else None,
            document.get("rebalance-corridor-width") if is_root else None,
            desk,
            place,
        ),
    )


@dataclass(frozen=True, slots=True)
class Step:
    """How one kind of node is read.

    Attributes:
        read: gives the item or its branches.
        keys: what has a meaning, beside ``step``, ``children`` and ``weight``.
    """

    read: Callable[[_Reader, dict[str, object], Place], Item | Branches]
    keys: frozenset[str] = frozenset()


class _Reader:
    """Reads the maps of one document."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.for_display: set[str] = set()

    def expand(self, value: object, place: Place) -> Item | Branches:
        """The node that a map stands for."""
        node = mapping(value, self.desk, place, "a node")
        kind = node.get("step")
        step = STEPS.get(kind) if isinstance(kind, str) else None
        if step is None:
            hint = did_you_mean(kind, STEPS) if isinstance(kind, str) else "Every node has a step."
            self.desk.unsupported(f"the step {shown(kind)} is not known", place, hint=hint)
        self.check_keys(node, step.keys, place)
        return step.read(self, node, place)

    def check_keys(self, node: Mapping[str, object], keys: frozenset[str], place: Place) -> None:
        """No key with a meaning may go unread."""
        for key in node:
            if key in keys or key in _EVERYWHERE:
                continue
            plain_key = str(key).replace("_", "-")
            if plain_key in _FOR_DISPLAY:
                if plain_key not in ("name", "description"):
                    self.for_display.add(str(key))
            elif plain_key in _VESTIGIAL and node[key] is not None:
                self.desk.note("ignored", f"{key} is left over where it has no meaning", place)
            else:
                pass_over(str(key), node[key], keys | _EVERYWHERE, self.desk, place)

    def children(self, node: dict[str, object], place: Place, *, weighted: bool = False) -> list[Seed]:
        """The node's children. A child's ``weight`` counts under specified weights only."""
        seeds = []
        for k, child in enumerate(sequence(node.get("children"), self.desk, place, "the children"), 1):
            label = f"child[{k}]"
            if isinstance(child, dict):
                label = _label(child, label)
                if not weighted and child.get("weight") is not None:
                    self.desk.note(
                        "ignored", f"a weight below {node.get('step')} has no effect", place.at(label)
                    )
            seeds.append(Seed(child, place.at(label, child), self.expand))
        return seeds

    def together(self, node: dict[str, object], place: Place) -> Branches:
        """Children that share equally when there are several."""
        return Branches(
            self.children(node, place),
            lambda items: words.together(as_nodes(items), self.desk, place),
        )

    def equal(self, node: dict[str, object], place: Place) -> Branches:
        return Branches(
            self.children(node, place), lambda items: words.equal(as_nodes(items), self.desk, place)
        )

    def market_cap(self, node: dict[str, object], place: Place) -> Branches:
        self.desk.note("approximated", words.MARKET_CAP, place)
        return self.equal(node, place)

    def specified(self, node: dict[str, object], place: Place) -> Branches:
        children = self.children(node, place, weighted=True)
        lone = len(children) == 1
        weights = [self.weight(child.value, child.place, lone=lone) for child in children]
        return Branches(children, lambda items: words.specified(as_nodes(items), weights, self.desk, place))

    def weight(self, child: object, place: Place, *, lone: bool) -> Fraction:
        """A child's share: numerator over denominator. A lone child needs none."""
        given = child.get("weight") if isinstance(child, dict) else None
        if given is None:
            if not lone:
                self.desk.fail("a weight is missing below wt-cash-specified", place)
            return Fraction(1)
        weight = mapping(given, self.desk, place, "the weight")
        numerator = exact(weight.get("num"), self.desk, place, "the weight's num")
        denominator = exact(weight.get("den", 100), self.desk, place, "the weight's den")
        if denominator == 0:
            self.desk.fail("the weight's den is zero", place)
        return numerator / denominator

    def inverse_volatility(self, node: dict[str, object], place: Place) -> Branches:
        window = node.get("window-days")
        if window is None:
            window = mapping(node.get("fn-params"), self.desk, place, "fn-params").get("window")
        sessions = whole(window, self.desk, place, "the window of inverse volatility", minimum=2)
        return Branches(
            self.children(node, place),
            lambda items: (
                InverseVolatility(as_nodes(items), sessions) if items else words.empty(self.desk, place)
            ),
        )

    def group(self, node: dict[str, object], place: Place) -> Branches:
        name = text(node.get("name"), self.desk, place, "the group's name")
        return Branches(
            self.children(node, place),
            lambda items: Group(name, words.together(as_nodes(items), self.desk, place)),
        )

    def asset(self, node: dict[str, object], place: Place) -> Item:
        if node.get("children"):
            self.desk.unsupported("an asset has children", place)
        return words.asset(node.get("ticker"), self.desk, place)

    def empty(self, node: dict[str, object], place: Place) -> Item:
        if node.get("children"):
            self.desk.unsupported("an empty step has children", place)
        return words.empty(self.desk, place)

    def filter(self, node: dict[str, object], place: Place) -> Branches:
        for key in ("select?", "sort-by?"):
            if not flag(node.get(key), self.desk, place, key, default=True):
                self.desk.unsupported(f"a filter with {key} false is not known", place)
        called = node.get("sort-by-fn")
        indicator = indicator_named(called, "composer", self.desk, place)
        given = windows_of(node, "sort-by", self.desk, place)
        params = parameters(indicator, given, self.desk, place, called=called) if indicator.parameters else ()
        if given and not indicator.parameters:
            self.desk.note("ignored", f"{called} takes no window; one is left over", place)
        direction = word(node.get("select-fn"), _DIRECTIONS, self.desk, place, "the selection")
        count = whole(node.get("select-n"), self.desk, place, "the number to select")

        def join(items: list[Item]) -> Item:
            nodes = as_nodes(items)
            if not nodes:
                return words.empty(self.desk, place)
            note_level(indicator, any(map(words.is_branch, nodes)), self.desk, place)
            return Filter(nodes, Reading(indicator.name, params), direction, count)

        return Branches(self.children(node, place), join)

    def choice(self, node: dict[str, object], place: Place) -> Branches:
        """``if``: the branch that has a condition, and the one that is the else branch."""
        cases = []
        for child in sequence(node.get("children"), self.desk, place, "the children"):
            if not isinstance(child, dict) or child.get("step") != "if-child":
                self.desk.unsupported("an if holds something that is no if-child", place)
            cases.append(child)
        elses = [
            flag(case.get("is-else-condition?"), self.desk, place, "is-else-condition?") for case in cases
        ]
        if elses.count(False) != 1 or elses.count(True) > 1:
            self.desk.unsupported(
                f"an if has {elses.count(False)} conditions and {elses.count(True)} else branches",
                place,
                hint="There is one branch with a condition and at most one without.",
            )
        then = cases[elses.index(False)]
        seeds = [
            condition_seed(then, self.desk, place.at("condition", then)),
            Seed(then, place.at("then", then), self.expand_case),
        ]
        if True in elses:
            other = cases[elses.index(True)]
            seeds.append(Seed(other, place.at("else", other), self.expand_case))

        def join(items: list[Item]) -> Item:
            otherwise = as_node(items[2]) if len(items) > len(("condition", "then")) else None
            if otherwise is None:
                otherwise = words.empty(self.desk, place.at("else"))
            return If(as_condition(items[0]), as_node(items[1]), otherwise)

        return Branches(seeds, join)

    def expand_case(self, value: object, place: Place) -> Item | Branches:
        """What an if-child holds; its condition is read apart."""
        case = mapping(value, self.desk, place, "a branch")
        self.check_keys(case, CONDITION_KEYS, place)
        if case.get("is-else-condition?"):
            note_stale_sides(case, "else branch", self.desk, place)
        if not case.get("children"):
            return words.empty(self.desk, place)
        return self.together(case, place)

    def stray_case(self, node: dict[str, object], place: Place) -> Item:
        return self.desk.unsupported(f"an {node['step']} stands outside an if", place)


def _label(child: Mapping[str, object], label: str) -> str:
    if child.get("step") == "group" and isinstance(child.get("name"), str):
        return f'{label} "{child["name"]}"'
    return label


_DIRECTIONS = {"top": "top", "bottom": "bottom"}
_SORT = frozenset(
    {"sort-by-fn", "sort-by-fn-params", "sort-by-window-days", "sort-by?", "select?", "select-fn", "select-n"}
)
_VESTIGIAL = _SORT | CONDITION_KEYS | {"window-days", "fn-params", "ticker", "rebalance-corridor-width"}

STEPS: Mapping[str, Step] = {
    "root": Step(_Reader.together, frozenset({"rebalance", "rebalance-corridor-width"})),
    "wt-cash-equal": Step(_Reader.equal),
    "wt-cash-specified": Step(_Reader.specified),
    "wt-inverse-vol": Step(_Reader.inverse_volatility, frozenset({"window-days", "fn-params"})),
    "wt-marketcap": Step(_Reader.market_cap),
    "wt-market-cap": Step(_Reader.market_cap),
    "group": Step(_Reader.group),
    "if": Step(_Reader.choice),
    "if-child": Step(_Reader.stray_case, CONDITION_KEYS),
    "filter": Step(_Reader.filter, _SORT),
    "asset": Step(_Reader.asset, frozenset({"ticker"})),
    "empty": Step(_Reader.empty),
}
"""What each step means."""
