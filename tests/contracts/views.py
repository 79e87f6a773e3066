"""Answers of any content: every field of a view has a value, or any value that the wire allows."""

import types
import typing
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import wild
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType, structs

from contracts import answers
from contracts.errors import ErrorKey

EVERY = sorted(
    {view for view in (*answers.COMPLETED.values(), *answers.NOTICES.values(), answers.REJECTED) if view},
    key=lambda view: view.__name__,
)
_SOME = {str: "text", int: 1, float: 0.5, bool: True, Decimal: Decimal("1.5"), ErrorKey: ErrorKey.MALFORMED}
_ANY: dict[type, st.SearchStrategy[Any]] = {
    str: wild.texts,
    int: st.integers(0, 10**14),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: st.decimals(-(10**9), 10**9, places=4),
    ErrorKey: st.sampled_from(ErrorKey),
    UnsetType: st.just(UNSET),
    type(None): st.none(),
}


@cache
def full(view: type[Any]) -> Any:
    """Make a view in which every field has a value."""
    return view(**{field.name: _some(field.type) for field in structs.fields(view)})


def _some(annotation: Any) -> Any:
    kind = _options(annotation)[0]
    if typing.get_origin(kind) is tuple:
        return (_some(typing.get_args(kind)[0]),)
    if typing.get_origin(kind) is dict:
        return {"a name": _some(typing.get_args(kind)[1])}
    return full(kind) if issubclass(kind, msgspec.Struct) else _SOME[kind]


def wild_ones(view: type[Any]) -> st.SearchStrategy[Any]:
    """Draw views with any fields unset and texts as wild as a wire allows."""
    return st.builds(view, **{field.name: _drawn(field.type) for field in structs.fields(view)})


def _drawn(annotation: Any) -> st.SearchStrategy[Any]:
    return st.one_of([_drawn_kind(kind) for kind in _options(annotation)])


def _drawn_kind(kind: Any) -> st.SearchStrategy[Any]:
    if typing.get_origin(kind) is tuple:
        return st.lists(_drawn(typing.get_args(kind)[0]), max_size=2).map(tuple)
    if typing.get_origin(kind) is dict:
        return st.dictionaries(wild.texts, _drawn(typing.get_args(kind)[1]), max_size=2)
    return wild_ones(kind) if issubclass(kind, msgspec.Struct) else _ANY[kind]


def _options(annotation: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    return typing.get_args(annotation) if is_union else (annotation,)
