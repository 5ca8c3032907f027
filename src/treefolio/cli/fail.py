"""What went wrong, on standard error: what, where, and on the last line what to do about it."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from treefolio.cli import offered
from treefolio.errors import (
    FormatError,
    LimitError,
    PriceError,
    RunError,
    SpaceError,
    StrategyError,
    TreefolioError,
    UsageError,
    did_you_mean,
)

FAILED, MISUSE, STOPPED = 1, 2, 130
_HELP = "`treefolio --help` lists the verbs, `treefolio VERB --help` what each takes."
_MISUSES = (UsageError, SpaceError)
_REMEDIES: tuple[tuple[type[TreefolioError], str], ...] = (
    (LimitError, "Split the strategy, or write what repeats as variables."),
    (FormatError, "Correct the file at that place; `treefolio inspect FILE` reads it again."),
    (StrategyError, "Correct the strategy at that place; `treefolio inspect FILE` reads it again."),
    (PriceError, "Correct the price file at that place, or use another."),
    (SpaceError, "`treefolio inspect STRATEGY` lists variables and handles."),
    (RunError, "Choose another window, or change the strategy at that place."),
    (TreefolioError, _HELP),
)
"""What to do about an error that has no hint of its own: the first class that it is of."""
_OFFERS = re.compile(r"(?: \(Possible options: .*\)| Did you mean .*\?)$")
"""What some versions of the parser offer; `_parser_hint` does for all of them."""


class Halted(TreefolioError):  # noqa: N818 - it is what happened, not a fault
    """The user stopped it, and something that can be gone on with was kept."""


def tell(error: BaseException, command: Any = None, given: Sequence[str] = ()) -> int:
    """Prints the error of a command with these words; returns the exit status that goes with it."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return say("stopped", "What is complete is kept; run it again when you like.", STOPPED)
    if isinstance(error, TreefolioError):
        error.hint = _without_strange(offered.hint_of(error), _options(_verb(command, given)[1]))
        error.path = offered.place_of(error)
        remedy = next(text for kind, text in _REMEDIES if isinstance(error, kind))
        return say(str(error), None if error.hint else remedy, _status(error))
    if hasattr(error, "format_message"):  # of typer's parser, whose classes are private in some versions
        return say(
            _OFFERS.sub("", error.format_message()).rstrip(". "), _parser_hint(error, command, given), MISUSE
        )
    if isinstance(error, MemoryError):
        return say("the memory is full", "Sweep fewer values at a time, or use fewer threads.", FAILED)
    if isinstance(error, OSError):
        return say(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), _HELP, FAILED)
    return _fault(error)


def _status(error: TreefolioError) -> int:
    """The exit status that goes with an error, whoever found it: this machine, or a service."""
    if isinstance(error, Halted):
        return STOPPED
    misused = isinstance(error, _MISUSES) or getattr(error, "code", None) in offered.MISUSES
    return MISUSE if misused else FAILED


def _parser_hint(error: BaseException, command: Any, given: Sequence[str]) -> str:
    """What the parser offers instead of a word that it does not know, and the page that says more."""
    path, meant = _verb(command, given)
    if (context := getattr(error, "ctx", None)) is not None:
        path, meant = context.command_path, context.command
    word = str(getattr(error, "option_name", "") or "")
    known, verbs = _options(meant), getattr(meant, "commands", {})
    if not word and verbs:
        known, word = list(verbs), str(error).partition("'")[2].partition("'")[0]
    later = [name for name in (*given, *verbs) if name in verbs and word in _options(verbs[name])]
    if later:
        offer: str | None = f"It goes after the verb: `{path} {later[0]} {word} …`."
    else:
        offer = did_you_mean(word, known) if word and word not in known else None
    page = f"`{path} --help` says what it takes."
    return f"{offer} {page}" if offer else page


def _without_strange(hint: str | None, flags: Sequence[str]) -> str | None:
    """The hint of a verb that looks at one session, and so has no --start to go with --missing."""
    if hint is None or "--missing" not in flags or "--start" in flags:
        return hint
    return re.sub(" (?:and|with) a --start", "", hint)


def _verb(command: Any, given: Sequence[str]) -> tuple[str, Any]:
    """The verb that words name, as far as they name one, and what stands behind it."""
    path = "treefolio"
    for word in given:
        if word in (verbs := getattr(command, "commands", {})):
            path, command = f"{path} {word}", verbs[word]
    return path, command


def _options(command: Any) -> list[str]:
    """The names of what a verb takes."""
    return [name for each in getattr(command, "params", []) for name in each.opts]


def _fault(error: BaseException) -> int:
    """An error that nobody foresaw."""
    if os.environ.get("TREEFOLIO_TRACEBACK"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return say(
        f"a fault of Treefolio itself: {what} ({os.path.basename(frame.filename)}:{frame.lineno})",
        "Please report it with this message; TREEFOLIO_TRACEBACK=1 shows how it came about.",
        FAILED,
    )


def say(message: str, hint: str | None, status: int) -> int:
    """Prints the message and, on the last line, what to do; returns the status."""
    sys.stdout.flush()
    lines = [f"Error: {message}", *([hint] if hint else [])]
    sys.stderr.write(clean("\n".join(lines)) + "\n")
    return status


def clean(text: str) -> str:
    """The text without characters that a terminal would obey; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
