"""The shell of every page: head, style, title, banner, navigation, foot. No script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from treefolio.report.markup import Html, el, shortened
from treefolio.report.style import SHEET

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""Said to the browser: whatever may stand in the page, nothing of it runs and nothing is fetched."""

_LONGEST_NAME = 200
_LONGEST_NOTE = 600
_MOST_NOTES = 24


def page(
    *,
    kind: str,
    name: str,
    lead: str,
    alerts: Iterable[Html | None],
    links: Sequence[tuple[str, str]],
    parts: Iterable[Html | None],
    foot: str,
) -> str:
    """A whole page.

    Args:
        kind: what it is a page of, above the title.
        name: the strategy's, which is the title.
        lead: the line below the title.
        alerts: boxes before everything else.
        links: anchor and text, for the line of navigation.
    """
    title = shortened(name, _LONGEST_NAME) or "(without a name)"
    header = el(
        "header",
        el("p", kind, class_="over"),
        el("h1", el("bdi", title)),
        el("p", lead, class_="lead"),
        *alerts,
        el("nav", *(el("a", text, href=f"#{anchor}") for anchor, text in links), aria_label="On this page"),
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · {kind}"),
        el("style", Html(SHEET)),
    )
    body = el("body", el("main", header, *parts, el("footer", foot)))
    return "<!doctype html>\n" + el("html", head, "\n", body, lang="en") + "\n"


def synthetic_alert(synthetic: bool) -> Html | None:
    """The banner over results from made-up prices."""
    if not synthetic:
        return None
    text = " The market on this page is made up. Nothing here says anything about real funds."
    return el("div", el("p", el("strong", "SYNTHETIC PRICES."), text), class_="alert", role="note")


def notes_alert(notes: Sequence[str]) -> Html | None:
    """What the reader should know before the numbers, or nothing."""
    if not notes:
        return None
    said = [shortened(_sentence(note), _LONGEST_NOTE) for note in notes[:_MOST_NOTES]]
    if len(notes) > _MOST_NOTES:
        said.append(f"And {len(notes) - _MOST_NOTES} more notes.")
    items = el("ul", *(el("li", sentence) for sentence in said))
    return el("div", items, class_="alert", role="note")


def cards(entries: Iterable[tuple[str, str, str, str]]) -> Html:
    """Headline numbers. An entry is: what it is, its convention (on hover), the number, the line below it."""
    found = (
        el("div", el("dt", label, **_hover(convention)), el("dd", number), el("dd", beside or Html("&nbsp;")))
        for label, convention, number, beside in entries
    )
    return el("dl", *found, class_="cards")


def chart(svg: Html, *, key: Html | None = None, caption: str | None = None, small: bool = False) -> Html:
    """A drawing with its legend above and a caption below."""
    below = None if caption is None else el("figcaption", caption)
    return el("figure", key, el("div", svg), below, class_="small" if small else "wide")


def _hover(convention: str) -> dict[str, str]:
    return {"title": convention} if convention else {}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
