"""JSON Schemas (2020-12) of every body: what a command may hold, what an event or an answer holds.

Generated from the structs. An answer's schema promises what is always there and stays open for more fields; a
command's is closed, as the codec is. Two things no schema here can say: a text has no NUL and no half of a
surrogate pair, and an integer is written without a point.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import NODEFAULT, inspect

from contracts import CONTRACT_VERSION, answers, commands
from contracts.body import Body, Number
from contracts.description import descriptions
from contracts.errors import ErrorKey

Schema = dict[str, Any]

IN_COMPONENTS = "#/components/schemas/"
_IN_DEFS = "#/$defs/"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The fields by which Intershop's objects say what they are: the same in every one of a kind.
_TAGS = ("name", "type")


def components() -> dict[str, Schema]:
    """Give the schema of every struct of the wire by its name, with references into an AsyncAPI document."""
    roots = list(dict.fromkeys(_roots().values()))
    _, found = msgspec.json.schema_components(
        roots, schema_hook=_schema_of, ref_template=IN_COMPONENTS + "{name}"
    )
    for struct in _structs(inspect.multi_type_info(roots)):
        if not issubclass(struct.cls, Body):
            _promise(found[struct.cls.__name__], struct)
    for name, schema in found.items():
        _describe(name, schema)
    found["ErrorKey"] = _error_key(found["ErrorKey"])
    return {name: _tidy(schema) for name, schema in sorted(found.items())}


def files() -> dict[str, bytes]:
    """Give every file of contracts/schemas by its name: one self-contained schema for each body."""
    known = components()
    return {f"{name}.json": encode(_alone(name, type_, known)) for name, type_ in sorted(_roots().items())}


def answer_name(type_: type[msgspec.Struct]) -> str:
    """Name the body of an answer as the world knows it: BasketView is a Basket."""
    return type_.__name__.removesuffix("View")


def encode(document: Schema) -> bytes:
    """Write a document as it is committed."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _roots() -> dict[str, type[msgspec.Struct]]:
    """Name every body: commands and events by their type, answers by what they are."""
    named: dict[str, type[msgspec.Struct]] = {**commands.BY_TYPE, **answers.NOTICES}
    for body in (*answers.COMPLETED.values(), answers.REJECTED):
        if body is not None:
            named[answer_name(body)] = body
    return named


def _schema_of(type_: type[Any]) -> Schema:
    """Describe our own types to msgspec; raises TypeError for one that nobody describes."""
    if issubclass(type_, Number):
        return dict(type_.json_schema)
    raise TypeError(f"no JSON Schema is known for {type_.__qualname__}: describe it here")


def _structs(found: Any) -> Iterator[inspect.StructType]:
    """Find every struct that a value of these types may hold."""
    if isinstance(found, inspect.StructType):
        yield found
        for field in found.fields:
            yield from _structs(field.type)
    elif isinstance(found, inspect.Type):
        for name in found.__struct_fields__:
            yield from _structs(getattr(found, name))
    elif isinstance(found, (list, tuple)):
        for item in found:
            yield from _structs(item)


def _promise(schema: Schema, struct: inspect.StructType) -> None:
    """Say of what we send that a field with a default is always there, and never null."""
    is_left_out = struct.cls.__struct_config__.omit_defaults
    for field in struct.fields:
        given = schema["properties"][field.encode_name]
        default = given.pop("default", None)
        options = given.get("anyOf", [])
        if is_left_out and {"type": "null"} in options:
            (shown,) = [option for option in options if option != {"type": "null"}]
            given.pop("anyOf")
            given.update(shown)
        elif isinstance(default, str) and field.encode_name in _TAGS:
            given["const"] = default
    if not is_left_out:
        schema["required"] = [
            field.encode_name
            for field in struct.fields
            if field.required or (field.default, field.default_factory) != (NODEFAULT, NODEFAULT)
        ]


def _describe(name: str, schema: Schema) -> None:
    for field, given in schema.get("properties", {}).items():
        if (said := descriptions.of(name, field)) is not None:
            given.setdefault("description", said)


def _error_key(schema: Schema) -> Schema:
    """Leave the list open: a reader must take a key that it does not know yet."""
    return {
        "title": schema["title"],
        "description": "An error key. More may come: take one that you do not know by its status.",
        "type": "string",
        "x-extensible-enum": [key.value for key in ErrorKey],
    }


def _tidy(schema: Any) -> Any:
    """Make it say what is on the wire: decimals are JSON numbers; every list of texts has its type."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        schema = {name: value for name, value in schema.items() if name != "format"} | {"type": "number"}
    if all(isinstance(value, str) for value in schema.get("enum", [0])):
        schema = {"type": "string", **schema}
    tidied = {name: _tidy(value) for name, value in schema.items() if (name, value) != ("required", [])}
    if isinstance(tidied.get("description"), str):
        tidied["description"] = " ".join(tidied["description"].split())
    return tidied


def _alone(name: str, type_: type[msgspec.Struct], known: dict[str, Schema]) -> Schema:
    used: dict[str, Schema] = {}
    root = _collect(known[type_.__name__], known, used)
    urn = f"urn:basketry:contract:{CONTRACT_VERSION}:{name}"
    defs = {"$defs": dict(sorted(used.items()))} if used else {}
    return {"$schema": _DIALECT, "$id": urn, **root, **defs}


def _collect(schema: Any, known: dict[str, Schema], used: dict[str, Schema]) -> Any:
    """Copy a schema with its references turned to $defs, and note all that it refers to."""
    if isinstance(schema, list):
        return [_collect(item, known, used) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copied = {}
    for key, value in schema.items():
        if key == "$ref":
            name = value.removeprefix(IN_COMPONENTS)
            copied[key] = _IN_DEFS + name
            if name not in used:
                used[name] = {}
                used[name] = _collect(known[name], known, used)
        else:
            copied[key] = _collect(value, known, used)
    return copied
