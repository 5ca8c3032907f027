"""``treefolio answer``: the part of `serve` that answers requests; `serve` starts it."""

from __future__ import annotations

from typing import Annotated

from typer import Argument


def verb(descriptor: Annotated[int, Argument(help="Of the socket that `serve` listens on.")]) -> int:
    """Answer requests on a socket."""
    from treefolio.service.answering import answer  # noqa: PLC0415 - heavy
    from treefolio.service.supervisor import end_with_parent  # noqa: PLC0415 - with the others

    end_with_parent()
    answer(descriptor)
    return 0
