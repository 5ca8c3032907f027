"""Charts as SVG that belongs to its page: Matplotlib draws, the page's style sheet colours and sets the type.

1. `draw` opens Matplotlib's default settings plus `_SETTINGS`, whatever the user's own say, and lets a
   function paint on one `Axes` of a fixed size. It never touches ``pyplot``.
2. Colours are painted as stand-ins (`colour`); `_themed` replaces each by its CSS variable, rounds the
   coordinates to 0.1 unit, and makes identifiers unique within the page. The same drawing gives the same
   text.

Text stays text (small, selectable, in the page's font). Only words of our own and numbers are drawn; what
strangers named goes into HTML around the chart.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from treefolio.report.markup import Html, escape
from treefolio.report.style import COLOURS
from treefolio.report.ticks import Ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE = 1000
"""Units across a chart that is as wide as the page; 1 unit is 1 CSS pixel there."""
SMALL = 480
"""Units across one of two charts that stand side by side."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 8, 8, 26

_SETTINGS: dict[str, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "treefolio",
    "svg.image_inline": True,
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "path.simplify": True,
    "font.size": 12.0,
    "axes.axisbelow": True,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.major.pad": 7.0,
    "ytick.major.pad": 8.0,
    "lines.solid_joinstyle": "round",
}

_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_KEPT = ("backend", "backend_fallback", "toolbar", "interactive")
"""Settings that drawing does not depend on, and that belong to the user's own windows."""

_LOCK = threading.Lock()
"""Matplotlib's settings belong to the process, so only one thread at a time may have ours in force."""

_STAND_IN = {name: f"#fade{k:02x}" for k, name in enumerate(COLOURS)}


def colour(name: str) -> str:
    """What to give Matplotlib for one of the colours of `treefolio.report.style`."""
    return _STAND_IN[name]


def draw(name: str, label: str, paint: Callable[[Axes], None], *, width: int = WIDE, height: int) -> Html:
    """One chart.

    Args:
        name: unique within the page; identifiers inside begin with it.
        label: what the chart shows, for readers who do not see it.
        paint: draws on the axes.
        width, height: units; the page scales the chart to the width that it has.
    """
    import matplotlib as mpl  # noqa: PLC0415 - half a second, for those who draw
    from matplotlib.figure import Figure  # noqa: PLC0415

    settings: dict[Any, Any] = {k: v for k, v in mpl.rcParamsDefault.items() if k not in _KEPT}
    target = io.StringIO()
    with _LOCK, mpl.rc_context(settings | _SETTINGS):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        across, down = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM
        axes = figure.add_axes((_LEFT / width, _BOTTOM / height, across / width, down / height))
        _plain(axes)
        paint(axes)
        figure.patch.set_visible(False)
        figure.savefig(target, format="svg", metadata=_METADATA)
    return _themed(target.getvalue(), name, label, width, height)


def mark(axes: Axes, *, x: Ticks | None = None, y: Ticks | None = None) -> None:
    """Puts marks and their labels on the axes; no others remain."""
    for axis, ticks in ((axes.xaxis, x), (axes.yaxis, y)):
        if ticks is not None:
            axis.set_ticks([at for at, _ in ticks], labels=[text for _, text in ticks])
            axis.set_ticks([], minor=True)


def _plain(axes: Axes) -> None:
    """No frame, a light grid across, labels in the soft colour."""
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color(colour("line"))
    axes.grid(axis="y", color=colour("line"), linewidth=1.0)
    axes.tick_params(labelcolor=colour("soft"))


_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_PATH = re.compile(r'(?<= d=")[^"]*(?=")')
_BLANK = re.compile(r"\s+")
_FONT = re.compile(r"font: ?(\d+\.?\d*)px [^;\"]*;?|font-family: ?[^;\"]*;? ?")
_ID = re.compile(r'(?<=[ ]id=")[^"]*(?=")')
_REFERENCE = re.compile(r'(?<=url\(#)[^)]*(?=\))|(?<=xlink:href="#)[^"]*(?=")')


def _themed(svg: str, name: str, label: str, width: int, height: int) -> Html:
    """The drawing as part of a page."""
    inner = svg[svg.index("<defs>", svg.index("<svg")) : svg.rindex("</svg>")]
    for key, stand_in in _STAND_IN.items():
        inner = inner.replace(stand_in, f"var(--{key})")
    inner = _FONT.sub(lambda found: f"font-size:{found[1]}px;" if found[1] else "", inner)
    inner = _PATH.sub(lambda found: _BLANK.sub(" ", _short(found[0])).strip(), inner)
    inner = _own_ids(inner, name)
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}" '
    return Html(head + f'xmlns:xlink="http://www.w3.org/1999/xlink">{inner}</svg>')


def _short(path: str) -> str:
    return _NUMBER.sub(lambda found: f"{float(found[0]):.1f}", path)


def _own_ids(inner: str, name: str) -> str:
    """Identifiers that something refers to are numbered after the chart; the others go."""
    wanted = {key: f"{name}-{k}" for k, key in enumerate(dict.fromkeys(_REFERENCE.findall(inner)))}
    kept = _REFERENCE.sub(lambda found: wanted[found[0]], inner)
    kept = _ID.sub(lambda found: wanted.get(found[0], ""), kept)
    return kept.replace(' id=""', "")
