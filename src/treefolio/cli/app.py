"""The verbs together, and what becomes of errors: one message on standard error, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from treefolio.cli import (
    answer,
    asked,
    backup,
    check,
    compare,
    convert,
    data,
    demo,
    doctor,
    explain,
    fail,
    inspect,
    jobs,
    keys,
    lists,
    log,
    offered,
    open_,
    restore,
    reveal,
    robustness,
    run,
    secrets,
    serve,
    show,
    strategies,
    sweep,
    top,
    users,
    walkforward,
    worker,
)

VERBS = (
    run,
    sweep,
    walkforward,
    reveal,
    robustness,
    inspect,
    convert,
    explain,
    check,
    compare,
    top,
    open_,
    demo,
)
"""Each module has a function `verb`; its name is the module's, without what keeps it from Python's own."""
HOUSE = (serve, worker, doctor, backup, restore)
"""Verbs of who runs a service; docs/service.md has them."""

app = typer.Typer(
    name="treefolio",
    help="Backtest rule-tree portfolios: one strategy, or 200,000 variants of it.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (*VERBS, *HOUSE):
    app.command(module.__name__.rpartition(".")[2].rstrip("_"))(module.verb)
app.command("answer", hidden=True)(answer.verb)
app.add_typer(data.app, name="data")
app.add_typer(jobs.app, name="jobs")
app.add_typer(strategies.app, name="strategies")
app.add_typer(lists.app, name="lists")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(secrets.app, name="secrets")


def _version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata  # noqa: PLC0415 - only this option needs it

        sys.stdout.write(f"treefolio {importlib.metadata.version('treefolio')}\n")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Backtest rule-tree portfolios: one strategy, or 200,000 variants of it."""
    del version  # its callback has done what there is to do


COMMAND = typer.main.get_command(app)


def start(arguments: Sequence[str] | None = None) -> int:
    """The exit status of the command line with these arguments (of the process, when None)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with log.lines():
            asked.begin()
            offered.begin()
            show.begin(document="--json" in given)
            found = COMMAND.main(given or ["--help"], prog_name="treefolio", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return fail.FAILED
    except (Exception, KeyboardInterrupt) as error:
        return fail.tell(error, COMMAND, given)
    if found == fail.STOPPED:
        return fail.tell(KeyboardInterrupt())
    return found if given and isinstance(found, int) else (0 if given else fail.MISUSE)


def _forget_output() -> None:
    """Nobody reads on (``| head``): what is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
