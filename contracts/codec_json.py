"""JSON in and out, strictly: one body, one struct, every problem with its JSONPath.

Refused as malformed: what is not JSON in UTF-8, a root that is no object, duplicate keys, NaN and Infinity,
NUL and lone surrogates (no database stores them), numbers beyond reason, and wrong JSON types. A field that
nobody knows is a problem of its own, found together with all the others.
"""

from __future__ import annotations

import codecs
import functools
import json
import re
import types
import typing
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import structs

from contracts.body import Body, Command
from contracts.errors import ErrorKey, Problem, below

_T = TypeVar("_T")
_Command = TypeVar("_Command", bound=Command)
_RISKY_ESCAPE = re.compile(rb"\\u(0000|d[89a-f])", re.IGNORECASE)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_MAX_MESSAGE_CHARACTERS = 300  # msgspec's messages repeat the value
# The numbers of commands are Decimals of a class of their own.
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=Decimal)


def encode(value: Any) -> bytes:
    """Encode a wire struct; decimals become JSON numbers with the digits they have."""
    return _encoder.encode(value)


def decode(body: bytes, type_: type[_Command]) -> tuple[_Command | None, list[Problem]]:
    """Read a body. The command is None when nothing sensible can be made of the body.

    A command may come with problems: unknown fields are left out and named, so that the domain can still
    find what else is wrong.
    """
    if not body.strip() and type_.may_be_empty:
        body = b"{}"
    try:
        tree = _parse(body)
        if not isinstance(tree, dict):
            return None, [malformed("$", "the body must be a JSON object")]
        return read(tree, type_)
    except _UnstorableError as error:
        return None, [malformed(error.path[:_MAX_MESSAGE_CHARACTERS], str(error))]
    except (ValueError, RecursionError) as error:
        return None, [malformed("$", f"the body is not JSON as we take it: {error}")]


def read(tree: Any, type_: type[_Command]) -> tuple[_Command | None, list[Problem]]:
    """Read what a body says, whatever it was written in: objects, lists, texts, numbers as int or Decimal."""
    try:
        return _convert(tree, type_), []
    except msgspec.ValidationError:
        return _explain(tree, type_)


def _parse(body: bytes) -> Any:
    if body.startswith(codecs.BOM_UTF8):
        raise ValueError("it begins with a byte order mark: send plain UTF-8")
    tree = json.loads(
        body.decode("utf-8"),
        object_pairs_hook=_object,
        parse_constant=_refuse_constant,
        parse_float=_decimal,
    )
    if _RISKY_ESCAPE.search(body):
        _refuse_unstorable(tree, "$")
    return tree


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except ArithmeticError as error:
        raise ValueError(f"the number {digits[:50]} is out of range") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"the key {name[:100]!r} stands twice in one object")
        seen.add(name)
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


class _UnstorableError(ValueError):
    """Text that no database stores, and its place."""

    def __init__(self, path: str) -> None:
        super().__init__("the text holds NUL or half a surrogate pair")
        self.path = path


def _refuse_unstorable(tree: Any, path: str) -> None:
    if isinstance(tree, str) and _UNSTORABLE.search(tree):
        raise _UnstorableError(path)
    if isinstance(tree, dict):
        for name, value in tree.items():
            _refuse_unstorable(name, path)
            _refuse_unstorable(value, below(path, name))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            _refuse_unstorable(value, f"{path}[{index}]")


def _explain(tree: Any, type_: type[_Command]) -> tuple[_Command | None, list[Problem]]:
    """Find every problem of a tree that did not convert at once."""
    problems: list[Problem] = []
    cleaned = _clean(tree, type_, "$", problems)
    if any(problem.code is ErrorKey.MALFORMED for problem in problems):
        return None, problems
    return _convert(cleaned, type_), problems


def _clean(value: Any, annotation: Any, path: str, problems: list[Problem]) -> Any:
    """Give the value without unknown fields, noting these and everything of a wrong type on the way."""
    if value is None and types.NoneType in typing.get_args(annotation):
        return None
    type_ = _without_unset(annotation)
    if isinstance(type_, type) and issubclass(type_, Body) and isinstance(value, dict):
        return _clean_object(value, type_, path, problems)
    plain = typing.get_args(type_)[0] if typing.get_origin(type_) is typing.Annotated else type_
    if typing.get_origin(plain) is tuple and isinstance(value, list):
        (item_type, _) = typing.get_args(plain)
        inside: list[Problem] = []
        value = [_clean(item, item_type, f"{path}[{index}]", inside) for index, item in enumerate(value)]
        problems.extend(inside)
        if any(problem.code is ErrorKey.MALFORMED for problem in inside):
            return value
    try:
        _convert(value, type_)
    except msgspec.ValidationError as error:
        problems.append(malformed(path, str(error)))
    return value


def _clean_object(
    value: dict[str, Any], type_: type[Body], path: str, problems: list[Problem]
) -> dict[str, Any]:
    fields = _fields(type_)
    cleaned = {}
    for name, item in value.items():
        if name in fields:
            cleaned[name] = _clean(item, fields[name].type, f"{path}.{name}", problems)
        else:
            problems.append(unknown_field(path, name))
    for name, field in fields.items():
        if field.required and name not in cleaned:
            problems.append(malformed(f"{path}.{name}", "this field is required"))
    return cleaned


@functools.cache
def _fields(type_: type[Body]) -> dict[str, structs.FieldInfo]:
    """Give a body's fields by name; looked up once, since a body may hold one struct 87,000 times."""
    return {field.encode_name: field for field in structs.fields(type_)}


def _without_unset(annotation: Any) -> Any:
    """Give the type that a field has when it is sent, and not null."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        absent = (msgspec.UnsetType, types.NoneType)
        sent = [option for option in typing.get_args(annotation) if option not in absent]
        return sent[0] if len(sent) == 1 else annotation
    return annotation


def _convert(tree: Any, type_: type[_T]) -> _T:
    return msgspec.convert(tree, type_, dec_hook=_number)


def _number(type_: type[Any], value: Any) -> Any:
    """Read the decimal types of `commands`; numbers in quotes are text and refused."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise TypeError("a number is expected")
    return type_.read(Decimal(value))


def malformed(path: str, message: str) -> Problem:
    """Say what is wrong with the value at a path."""
    return Problem(code=ErrorKey.MALFORMED, message=message[:_MAX_MESSAGE_CHARACTERS], path=path)


def unknown_field(path: str, name: str) -> Problem:
    """Say that the object or list at a path has no such field."""
    message = f"there is no field {name[:100]!r}"
    return Problem(code=ErrorKey.UNKNOWN_FIELD, message=message, path=below(path, name[:100]))
