"""XML in and out. A body becomes the tree that its JSON twin gives, and is then read by the very same code.

So wrong types, missing and unknown fields are the same problems with the same JSONPaths. The struct says what
an element stands for: an object, a list of named items, or a text that is a truth value, a number or a text.
A field is an attribute or a child element, once; `ID` is `id`. The attributes `type` and `name` are taken
everywhere and mean nothing where the struct has no such field of its own. `xml_writing` writes the answers.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import structs

from contracts import codec_json, xml_reading
from contracts.body import Body, Command, Decoration
from contracts.errors import Problem
from contracts.xml_reading import BLANKS, Element, Unreadable
from contracts.xml_writing import encode

__all__ = ["decode", "encode"]

_Command = TypeVar("_Command", bound=Command)
_DECORATIONS = ("type", "name")
_TEXT_ITEM = "String"
_NAMED_ITEM = "Parameter"  # <Parameter name="level">2</Parameter> is as good as <level>2</level>
# As JSON writes them: no plus sign, no leading zero, no NaN.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_STANDS_FOR = {"integer": int, "number": Decimal, "boolean": bool}


def decode(body: bytes, type_: type[_Command]) -> tuple[_Command | None, list[Problem]]:
    """Read a body, as `codec_json.decode` does; never raises."""
    if not body.strip() and type_.may_be_empty:
        return codec_json.read({}, type_)
    strangers: list[Problem] = []
    try:
        tree = _object(_root(body, type_), type_, "$", strangers)
        command, problems = codec_json.read(tree, type_)
    except Unreadable as error:
        return None, [codec_json.malformed("$", f"the body is not XML as we take it, {error}")]
    return command, strangers + problems


def _root(body: bytes, type_: type[Command]) -> Element:
    root = xml_reading.read(body)
    expected = _element_name(type_)
    if root.name != expected:
        raise _at(root, f"the root element must be {expected!r}, not {root.name[:100]!r}")
    return root


def _element_name(type_: Any) -> str:
    """Name the element that a struct is in a list or as a root."""
    if isinstance(type_, type) and issubclass(type_, Body):
        return type_.xml_name or type_.__name__
    return _TEXT_ITEM


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What a field takes: an object, a list, or a text that may stand for something else."""

    body: type[Body] | None
    item: _Wanted | None
    item_name: str
    is_scalar: bool
    is_truth: bool
    is_number: bool
    is_decoration: bool


@cache
def _fields(type_: type[Body]) -> dict[str, _Wanted]:
    return {field.encode_name: _wanted(field.type) for field in structs.fields(type_)}


def _wanted(annotation: Any) -> _Wanted:
    kinds = list(_kinds(annotation))
    classes = [kind for kind in kinds if isinstance(kind, type)]
    bodies = [class_ for class_ in classes if issubclass(class_, Body)]
    items = [typing.get_args(kind)[0] for kind in kinds if typing.get_origin(kind) is tuple]
    return _Wanted(
        body=bodies[0] if bodies else None,
        item=_wanted(items[0]) if items else None,
        item_name=_element_name(items[0]) if items else "",
        is_scalar=len(bodies) + len(items) < len(kinds),
        is_truth=bool in classes,
        is_number=any(issubclass(class_, (int, Decimal)) and class_ is not bool for class_ in classes),
        is_decoration=annotation == Decoration,
    )


def _kinds(annotation: Any) -> Iterator[Any]:
    """List the plain types of an annotation; `Any` is what its schema says that it stands for."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        inner, *notes = typing.get_args(annotation)
        schemas = [note.extra_json_schema or {} for note in notes if isinstance(note, msgspec.Meta)]
        names = [str(schema.get("type")) for schema in schemas]
        meant = [_STANDS_FOR[name] for name in names if name in _STANDS_FOR]
        yield from meant if inner is Any and meant else _kinds(inner)
    elif origin in (types.UnionType, typing.Union):
        for option in typing.get_args(annotation):
            yield from _kinds(option)
    elif annotation is not msgspec.UnsetType:
        yield annotation


def _value(element: Element, wanted: _Wanted, path: str, strangers: list[Problem]) -> Any:
    is_object = bool(element.children or element.attributes.keys() - set(_DECORATIONS))
    if wanted.item is not None and (element.children or not wanted.is_scalar):
        return _list(element, wanted, wanted.item, path, strangers)
    if wanted.body is not None and (is_object or not wanted.is_scalar):
        return _object(element, wanted.body, path, strangers)
    return _anything(element) if is_object else _scalar(element.text, wanted)


def _object(element: Element, type_: type[Body], path: str, strangers: list[Problem]) -> Any:
    """Give the fields of an element; when it holds text instead, the text, which is then a wrong type."""
    if element.text:
        return element.text
    fields = _fields(type_)
    decorations: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name, text in element.attributes.items():
        if name not in _DECORATIONS or (name in fields and not fields[name].is_decoration):
            known = _once(name, element, fields, found)
            found[known] = _scalar(text.strip(BLANKS), fields[known]) if known in fields else None
        elif name in fields:
            decorations[name] = text
    for child in element.children:
        known = _once(child.name, child, fields, found)
        wanted = fields.get(known)
        found[known] = _value(child, wanted, f"{path}.{known}", strangers) if wanted is not None else None
    return decorations | found


def _once(name: str, element: Element, fields: dict[str, _Wanted], found: dict[str, Any]) -> str:
    """Give the field's name, if it has not been found before."""
    field_name = "id" if name == "ID" and "id" in fields else name
    if field_name in found:
        raise _at(element, f"the field {field_name[:100]!r} stands twice in one element")
    return field_name


def _list(
    element: Element, wanted: _Wanted, item: _Wanted, path: str, strangers: list[Problem]
) -> list[Any] | str:
    """Give the items of a wrapper; what has another name than they is a field that nobody knows."""
    if element.text:
        return element.text
    names = element.attributes.keys() - set(_DECORATIONS)
    items: list[Any] = []
    for child in element.children:
        if child.name == wanted.item_name:
            items.append(_value(child, item, f"{path}[{len(items)}]", strangers))
        else:
            names.add(child.name)
    strangers += [codec_json.unknown_field(path, name) for name in sorted(names)]
    return items


def _scalar(text: str, wanted: _Wanted) -> Any:
    if wanted.is_truth and text in ("true", "false"):
        return text == "true"
    if wanted.is_number and (match := _NUMBER.fullmatch(text)):
        return _number(text, is_whole=match[2] is None and match[3] is None)
    return text


def _number(digits: str, *, is_whole: bool) -> int | Decimal | str:
    """Read a number as JSON does; one that is out of all reason stays text, which is no number."""
    try:
        return int(digits) if is_whole else Decimal(digits)
    except (ValueError, ArithmeticError):
        return digits


def _anything(element: Element) -> Any:
    """Give fields that no struct names: free ones, ignored with a decoration, or refused as a wrong type.

    Nothing says what a text stands for here, so it stays a text; several elements of one name are a list.
    """
    if not element.children and not element.attributes:
        return element.text
    found: dict[str, list[Any]] = {name: [text] for name, text in element.attributes.items()}
    for child in element.children:
        is_named = child.name == _NAMED_ITEM and child.attributes.keys() == {"name"} and not child.children
        name, value = (child.attributes["name"], child.text) if is_named else (child.name, _anything(child))
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _at(element: Element, reason: str) -> Unreadable:
    return Unreadable(reason, element.line, element.column)
