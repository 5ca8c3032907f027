"""What a service refuses because of how it is written, in words that say how to write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from treefolio.errors import UsageError


@contextmanager
def explained(rules: Mapping[str, str]) -> Iterator[None]:
    """Says what something may be, where the service finds it ill-formed.

    Args:
        rules: a sentence for each field of what is sent.

    Raises:
        UsageError: it is one of these. ServiceError: whatever else the service says.
    """
    from treefolio.client import ServiceError  # noqa: PLC0415 - heavy

    try:
        yield
    except ServiceError as error:
        field = (error.path or "").partition(".")[0]
        if error.code != "invalid" or field not in rules:
            raise
        raise UsageError(f"the service takes no such {field}", hint=rules[field]) from None
