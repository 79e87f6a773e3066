"""HTML as elements, so that what is written is always well-formed and escaped.

Markdown comes from docstrings and from contracts/README.md; a link in it that leaves the page becomes plain
text, since the page must work alone, from a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

from defusedxml import ElementTree
from markdown_it import MarkdownIt

Content = str | Element

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).enable("table")


def element(name: str, *content: Content, **attributes: str) -> Element:
    """Make an element; `class_` is the class."""
    made = Element(name, {key.rstrip("_"): value for key, value in attributes.items()})
    append(made, content)
    return made


def append(parent: Element, content: Iterable[Content]) -> None:
    for item in content:
        if isinstance(item, Element):
            parent.append(item)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + item
        else:
            parent.text = (parent.text or "") + item


def code(text: str) -> Element:
    return element("code", text)


def link(anchor: str, text: str) -> Element:
    return element("a", element("code", text), href=f"#{anchor}")


def joined(items: Sequence[Content], separator: str) -> list[Content]:
    """Put the separator between items."""
    content: list[Content] = []
    for item in items:
        content += [item] if not content else [separator, item]
    return content


def table(heads: Sequence[str], rows: Iterable[Sequence[Content | list[Content]]]) -> Element:
    """Make a table. On a phone each row becomes a block whose lines name their column."""
    body = element("tbody")
    for row in rows:
        cells = [element("td", *(cell if isinstance(cell, list) else [cell])) for cell in row]
        for head, cell in zip(heads, cells, strict=True):
            cell.set("data-head", head)
        body.append(element("tr", *cells))
    head_row = element("tr", *(element("th", name) for name in heads))
    return element("div", element("table", element("thead", head_row), body, class_="rows"), class_="wide")


def sentence(markdown: str) -> Element:
    """Render one line of Markdown."""
    return _read(f"<span>{_MARKDOWN.renderInline(markdown)}</span>")


def chapter(markdown: str, prefix: str) -> Element:
    """Render a document without its title; its headings go down one step and get anchors."""
    rendered = _read(f"<div>{_MARKDOWN.render(markdown)}</div>")
    for title in rendered.findall("h1"):
        rendered.remove(title)
    for level in (4, 3, 2):
        for heading in rendered.findall(f"h{level}"):
            heading.tag = f"h{level + 1}"
            heading.set("id", f"{prefix}-{slug(''.join(heading.itertext()))}")
    for anchor in rendered.iter("a"):
        anchor.set("href", f"#{prefix}-{anchor.get('href', '').removeprefix('#')}")
    for index, child in enumerate(list(rendered)):
        if child.tag == "table":
            rendered.remove(child)
            rendered.insert(index, element("div", child, class_="wide"))
    return rendered


def slug(text: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in text.lower()).split())


def _read(html: str) -> Element:
    read: Element = ElementTree.fromstring(html)
    for anchor in read.iter("a"):
        if not anchor.get("href", "").startswith("#"):
            anchor.tag = "span"
            anchor.attrib.clear()
    return read
