"""What tests of pages share, a reader that checks a page while it reads; and that it does."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from treefolio.report.markup import VOID

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """A page as a browser sees it.

    Attributes:
        tags: start tags in order, each with its attributes.
        text: all text outside of the style sheet.
        rows: the cells' text of every table row.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def ids(self) -> list[str]:
        return [str(given["id"]) for _, given in self.tags if "id" in given]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def check_inert(page: str) -> Page:
    """The page, read; it neither runs nor fetches anything, and is at most 1 MB."""
    read = Page(page)
    names = {tag for tag, _ in read.tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "link", "form", "base"}
    for _, given in read.tags:
        assert not [name for name in given if name.startswith("on") or name == "src"]
        for name in ("href", "xlink:href"):
            assert (given.get(name) or "#").startswith("#")
        assert "url(" not in (given.get("style") or "").replace("url(#", "")
    assert len(read.ids()) == len(set(read.ids()))
    linked = {str(given["href"])[1:] for tag, given in read.tags if tag == "a"}
    assert linked <= set(read.ids())
    assert len(page.encode()) <= 1_000_000
    return read


@pytest.mark.parametrize(
    "page",
    [
        "<p><script>alert(1)</script></p>",
        "<p onclick='alert(1)'></p>",
        "<video src='https://example.org/a'></video>",
        "<a href='https://example.org'></a>",
        "<a href='#nowhere'></a>",
        "<p style='background:url(https://example.org/a)'></p>",
        "<p id='a'></p><p id='a'></p>",
        "<p><b></p></b>",
        "<p>",
        "<p>" + "x" * 1_000_000 + "</p>",
    ],
)
def test_the_reader_refuses_what_is_alive_or_damaged(page: str):
    with pytest.raises((AssertionError, IndexError)):
        check_inert(page)


def test_the_reader_passes_what_is_inert():
    read = check_inert("<p id='a'>one <a href='#a'>two</a></p><table><tr><td>3</td></tr></table>")
    assert read.text == "one two 3"
    assert read.rows == [["3"]]
