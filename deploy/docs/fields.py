"""The fields of a schema as rows for people: name, type, required, limits, what it means."""

from __future__ import annotations

import json
from typing import Any
from xml.etree.ElementTree import Element

from markup import Content, code, element, joined, link, sentence, table

Schema = dict[str, Any]
Row = list[Content | list[Content]]

# Least and most, and of what.
_BOUNDS = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
)
_OPEN_BOUNDS = (("exclusiveMinimum", "more than"), ("exclusiveMaximum", "less than"))
_HEADS = ("Field", "Type", "Required", "Limits", "Meaning")
_IGNORED = "Taken and ignored."
_WORDS = {"string": "text", "boolean": "true or false", "object": "object", "null": "null"}


def fields(schema: Schema) -> Element | None:
    """Make the table of an object's fields, without columns that are empty; None when it has no fields."""
    required, unread = schema.get("required", ()), ignored(schema)
    rows: list[Row] = [
        [code(name), type_of(field), ["yes"] if name in required else [], _limits(field), _says(field)]
        for name, field in schema.get("properties", {}).items()
        if name not in unread
    ]
    shown = [number for number in range(len(_HEADS)) if any(row[number] != [] for row in rows)]
    if not rows:
        return None
    return table([_HEADS[number] for number in shown], [[row[number] for number in shown] for row in rows])


def ignored(schema: Schema) -> list[str]:
    """Name the fields that may be sent and are not looked at."""
    properties = schema.get("properties", {})
    return [name for name, field in properties.items() if field.get("description") == _IGNORED]


def type_of(schema: Schema) -> list[Content]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [link(f"type-{name}", name)]
    if "anyOf" in schema:
        return joined_lists([type_of(option) for option in schema["anyOf"]], " or ")
    if "const" in schema:
        return [code(json.dumps(schema["const"]))]
    if "enum" in schema:
        return joined([code(json.dumps(value)) for value in schema["enum"]], " or ")
    if schema.get("type") == "array":
        return ["list of ", *type_of(schema.get("items", {}))]
    types = schema.get("type", "anything")
    return [" or ".join(_WORDS.get(name, name) for name in ([types] if isinstance(types, str) else types))]


def joined_lists(parts: list[list[Content]], separator: str) -> list[Content]:
    content: list[Content] = []
    for part in parts:
        content += part if not content else [separator, *part]
    return content


def _limits(schema: Schema) -> list[Content]:
    parts: list[list[Content]] = [
        [_range(schema.get(least), schema.get(most)) + of]
        for least, most, of in _BOUNDS
        if least in schema or most in schema
    ]
    parts += [[f"{words} {schema[bound]:,}"] for bound, words in _OPEN_BOUNDS if bound in schema]
    for option in schema.get("anyOf", ()):
        limits = _limits(option)
        parts += [limits] if limits else []
    if "pattern" in schema:
        parts.append(["matches ", element("code", _visible(schema["pattern"]), class_="long")])
    if schema.get("default") not in (None, "", [], {}):
        parts.append(["default ", code(json.dumps(schema["default"]))])
    return joined_lists(parts, ", ")


def _range(least: int | None, most: int | None) -> str:
    if least is None:
        return f"up to {most:,}"
    return f"{least:,} to {most:,}" if most is not None else f"{least:,} or more"


def _visible(pattern: str) -> str:
    """Spell control characters as escapes: HTML has no way to hold them."""
    return "".join(f"\\x{ord(letter):02x}" if letter < " " else letter for letter in pattern)


def _says(schema: Schema) -> list[Content]:
    return [sentence(schema["description"])] if schema.get("description") else []
