"""``treefolio keys set``: keys at a vendor, asked for so that nobody else sees them."""

from __future__ import annotations

from typing import Annotated

from typer import Context, Option

from treefolio.cli import entered, show
from treefolio.cli.asked import one_of
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.keys.kinds import KINDS, PARTS, Kind, in_person
from treefolio.errors import UsageError


@spread
def verb(
    kind: Kind,
    context: Context,
    service: Service,
    live: Annotated[bool, Option("--live", help="Of Alpaca: they move real money, not paper.")] = False,
) -> int:
    """Keep your keys at a vendor, encrypted, in place of those of the same kind.

    They are asked for, and not shown as you type. Where there is no terminal they are read from standard
    input, one on each line: of alpaca the key's id, then the secret; of massive the key. They are never an
    argument or an option: all programs of a machine can read those, and the shell writes them down.
    """
    one_of(kind, KINDS, "KIND")
    if context.args:
        raise UsageError(
            "keys are never taken as arguments: all programs of a machine can read those",
            hint="Leave them out: they are asked for. Was that a key? Then make a new one at the vendor.",
        )
    if live and kind != "alpaca":
        raise UsageError("--live is of alpaca", hint="Leave it out.")
    with connect(service, context) as client, in_person(client):
        earlier = {each.kind for each in client.keys.all()}  # who may not set keys hears so before typing
        given = _given(kind)
        if kind == "alpaca":
            client.keys.set_alpaca(**given, live=live)
        else:
            client.keys.set_massive(**given)
    account = f" of a {'live' if live else 'paper'} account" if kind == "alpaca" else ""
    instead = ", in place of the earlier ones" if kind in earlier else ""
    show.say(f"The keys at {kind}{account} are kept{instead}.")
    return 0


def _given(kind: str) -> dict[str, str]:
    """The parts of such keys, from the terminal or from standard input. Raises UsageError."""
    from pydantic import ValidationError  # noqa: PLC0415 - heavy

    from treefolio.jobs.vault import KINDS as MODELS  # noqa: PLC0415 - with the others

    found = (_typed if entered.is_terminal() else _read)(kind)
    given = dict(zip(PARTS[kind], found, strict=True))
    try:
        MODELS[kind].model_validate(given)
    except ValidationError as error:
        part = _words(str(error.errors()[0]["loc"][0]))
        raise UsageError(
            f"the {part} is too short, too long, or has characters that no key has",
            hint=f"Copy it whole from {kind}, without spaces.",
        ) from None
    return given


def _typed(kind: str) -> list[str]:
    """What somebody types, unseen. Raises UsageError."""
    return [entered.hidden(f"{kind}, {_words(part)}") for part in PARTS[kind]]


def _read(kind: str) -> list[str]:
    """The lines of standard input. Raises UsageError: there are more or fewer than parts."""
    lines = [line.strip() for line in entered.text().splitlines() if line.strip()]
    parts = PARTS[kind]
    if len(lines) != len(parts):
        raise UsageError(
            f"lines on standard input: {len(lines)}; {kind} takes {len(parts)}",
            hint=f"Write the {', then the '.join(map(_words, parts))}: one on each line.",
        )
    return lines


def _words(part: str) -> str:
    return part.replace("_", " ")
