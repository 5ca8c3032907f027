"""``treefolio doctor``: is the installation whole, and what does it lack?"""

from __future__ import annotations

import dataclasses
import json
import sys

from treefolio.cli import show
from treefolio.cli.flags import AsJson
from treefolio.cli.stored import Home
from treefolio.errors import TreefolioError

_SIGNS = {"ok": "✓", "missing": "✗", "note": "·"}
_STYLES = {"ok": "green", "missing": "bold red", "note": ""}


def verb(home: Home = None, as_json: AsJson = False) -> int:
    """Check the installation and the folder of a service, and say what is missing."""
    from treefolio.service.examination import examine  # noqa: PLC0415 - heavy

    found = examine(None if home is None else home.expanduser().absolute())
    missing = [each for each in found if each.state == "missing"]
    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(each) for each in found], indent=2) + "\n")
    else:
        for each in found:
            show.say(f"{_SIGNS[each.state]} {each.what}: {each.said}", style=_STYLES[each.state])
    if missing:
        wants = "wants" if len(missing) == 1 else "want"
        raise TreefolioError(
            f"{len(missing)} of {len(found)} {wants} attention: {', '.join(each.what for each in missing)}",
            hint=missing[0].remedy,
        )
    return 0
