"""XML in, hardened: the bytes of a body become plain elements, or the one reason why not, with its place.

Nothing is declared, expanded or fetched: a DTD ends the reading at its first character, so there are no
entities but the five of XML itself. Only UTF-8 is read, whatever a byte order mark or a declaration says.
Depth and number of elements are bounded while reading. Comments and processing instructions are skipped.
What the elements stand for is for `codec_xml` to say.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ErrorString

from defusedxml import DefusedXmlException, ElementTree

MAX_DEPTH = 20
MAX_PARTS = 20_000  # elements and attributes together
BLANKS = " \t\r\n"


class Unreadable(ValueError):  # noqa: N818 - it says what is the case
    """Why a body is not taken, and where: lines and columns count from 1, columns in characters."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")


@dataclass(slots=True, kw_only=True)
class Element:
    """An element with all that a body may mean by it. A name in a namespace is `{uri}name`."""

    name: str
    attributes: dict[str, str]
    line: int
    column: int
    children: list[Element] = field(default_factory=list)
    text: str = ""  # without the blanks around it


def read(body: bytes) -> Element:
    """Give the root element of a body; raises Unreadable, and nothing else, for whatever else it is."""
    body = body.removeprefix(codecs.BOM_UTF8)
    _refuse_other_encodings(body)
    building = _Building()
    parser = ElementTree.XMLParser(target=building, encoding="utf-8", forbid_dtd=True)
    building.expat = expat = parser.parser
    expat.XmlDeclHandler = building.declare
    try:
        parser.feed(body)
        root: Element = parser.close()
    except ParseError as error:
        line, column = error.position
        raise Unreadable(ErrorString(error.code), line, column + 1) from error
    except DefusedXmlException as error:
        reason = "a DTD, and entities of its own, are not taken"
        raise Unreadable(reason, expat.CurrentLineNumber, expat.CurrentColumnNumber + 1) from error
    return root


def _refuse_other_encodings(body: bytes) -> None:
    """Expat turns to UTF-16 when the first bytes look like it, against the encoding it was told."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("this is not UTF-8", *_place(body, error.start)) from error
    if b"\0" in body:
        raise Unreadable("NUL is not taken", *_place(body, body.index(b"\0")))


def _place(body: bytes, offset: int) -> tuple[int, int]:
    lines = (body[:offset] + b".").splitlines()
    return len(lines), len(lines[-1].decode())


class _Building:
    """The parser's target: builds elements, and stops at the first that is too much."""

    def __init__(self) -> None:
        self.expat: Any = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []  # of each open element
        self._parts = 0
        self._root: Element | None = None

    def declare(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise self._unreadable(f"the encoding must be UTF-8, not {encoding[:50]!r}")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._parts += 1 + len(attributes)
        if self._parts > MAX_PARTS:
            raise self._unreadable(f"more than {MAX_PARTS} elements and attributes are not taken")
        if len(self._open) == MAX_DEPTH:
            raise self._unreadable(f"elements more than {MAX_DEPTH} deep are not taken")
        line, column = self._place()
        element = Element(name=name, attributes=attributes, line=line, column=column)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)
        self._texts.append([])

    def data(self, text: str) -> None:
        self._texts[-1].append(text)

    def end(self, _name: str) -> None:
        element = self._open.pop()
        element.text = "".join(self._texts.pop()).strip(BLANKS)
        if element.text and element.children:
            raise self._unreadable(f"text stands beside the child elements of {element.name[:100]!r}")

    def close(self) -> Element | None:
        return self._root

    def _unreadable(self, reason: str) -> Unreadable:
        return Unreadable(reason, *self._place())

    def _place(self) -> tuple[int, int]:
        return self.expat.CurrentLineNumber, self.expat.CurrentColumnNumber + 1
