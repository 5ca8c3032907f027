"""What went wrong, on standard error: what, where, and on the last line what to do about it."""

from __future__ import annotations

import os
import re
import sys
import traceback

import typer

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


def tell(error: BaseException) -> int:
    """Prints the error; returns the exit status that goes with it."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return say("stopped", "What is complete is kept; run it again when you like.", STOPPED)
    if isinstance(error, TreefolioError):
        status = STOPPED if isinstance(error, Halted) else MISUSE if isinstance(error, _MISUSES) else FAILED
        remedy = next(text for kind, text in _REMEDIES if isinstance(error, kind))
        return say(str(error), None if error.hint else remedy, status)
    if hasattr(error, "format_message"):  # of typer's parser, whose classes are private in some versions
        return say(_OFFERS.sub("", error.format_message()).rstrip(". "), _parser_hint(error), MISUSE)
    if isinstance(error, MemoryError):
        return say("the memory is full", "Sweep fewer values at a time, or use fewer threads.", FAILED)
    if isinstance(error, OSError):
        return say(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), _HELP, FAILED)
    return _fault(error)


def _parser_hint(error: BaseException) -> str:
    """What the parser offers instead of a word that it does not know, and the page that says more."""
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", None) or "treefolio"
    word = str(getattr(error, "option_name", "") or "")
    known = [name for each in getattr(getattr(context, "command", None), "params", []) for name in each.opts]
    if not word and (verbs := getattr(getattr(context, "command", None), "commands", None)):
        known, word = list(verbs), str(error).partition("'")[2].partition("'")[0]
    offer = did_you_mean(word, known) if word else None
    page = f"`{path} --help` says what it takes."
    return f"{offer} {page}" if offer else page


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
