"""Keys that a reader does not know: which of them may be passed over, and which may not."""

from __future__ import annotations

import re
from collections.abc import Collection

from treefolio.errors import did_you_mean
from treefolio.formats.desk import Desk, Place

_SPEAKS_OF_MEANING = re.compile(
    r"(^|[-_?])(fn|params?|windows?|days|n|weights?|comparator|select|sort|conditions?|lhs|rhs|lh|rh|child"
    r"|children|rebalanc\w*|corridor|threshold|operator|tickers?|symbol|val|values?|if|else|then|filter"
    r"|leverage|alloc\w*|short|hedge|cash|assets?|rank|top|bottom|count|max|min|limit|cap|scale|percent|ratio"
    r"|order|stop|target|override|period|indicators?|mode|direction|bias|incantations?)([-_?]|$)"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def pass_over(key: str, held: object, known: Collection[str], desk: Desk, place: Place) -> None:
    """Note a key that is not known and seems to be for display, or holds nothing; refuse any other.

    A key may carry a meaning when its name has a word that speaks of what is held, or when it holds more
    than a scalar.

    Raises:
        FormatError: it may (unless ``desk.lenient``).
    """
    if not held:
        desk.note("ignored", f"the key {key!r} holds nothing", place)
    elif isinstance(held, dict | list) or _SPEAKS_OF_MEANING.search(_HUMP.sub("-", key).casefold()):
        desk.unknown_key(key, place, hint=did_you_mean(key, known))
    else:
        desk.note("ignored", f"the key {key!r} is not known; it seems to be for display", place)
