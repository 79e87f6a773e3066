"""What may come over a wire that nobody checks: any JSON, any header value, any text."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import structs

# Letters that have cost somebody something: quotes, escapes, NUL, half surrogates, astral, combining, blanks.
LETTERS = "aZ09 .,:;-_/\\\"'{}[]<>&%$\t\n\r\x00\x1f\x7f\x85\xa0äß€\u0301\u2028\ufeff\uffff\ud800\udfff😀"
STORABLE_LETTERS = LETTERS.translate({0: None, 0xD800: None, 0xDFFF: None})

texts = st.text(LETTERS, max_size=20)
numbers = st.integers() | st.floats() | st.sampled_from([10**12, 10**400, -1, 0, 2**63, 2**64, 1e308])

json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)

# What AMQP tables may hold, as clients hand it over.
header_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats()
    | texts
    | st.binary(max_size=20)
    | st.datetimes()
    | st.decimals(allow_nan=False, allow_infinity=False).map(Decimal),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def is_storable(text: str) -> bool:
    """Whether Postgres takes it as text: UTF-8 without NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def all_texts(value: Any) -> list[str]:
    """List every text in a tree of structs, lists and objects, however deep it is."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, msgspec.Struct):
            waiting.extend(structs.asdict(one).values())
        elif isinstance(one, dict):
            waiting.extend([*one.keys(), *one.values()])
        elif isinstance(one, (list, tuple)):
            waiting.extend(one)
    return found


def changed(value: Any, draw: Any) -> Any:
    """Spoil a tree in one place, somewhere: another value, one missing, one too many, one repeated."""
    inside = [name for name, item in _members(value) if isinstance(item, (dict, list)) and item]
    if inside and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(inside))
        return _replaced(value, name, changed(value[name], draw))
    names = [name for name, _ in _members(value)]
    spoiling = draw(st.sampled_from(["replace", "drop", "add"] if names else ["add"]))
    if spoiling == "add":
        return _with_one_more(value, draw)
    name = draw(st.sampled_from(names))
    if spoiling == "replace":
        return _replaced(value, name, draw(json_values))
    return _without(value, name)


def _members(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else list(enumerate(value))


def _replaced(value: Any, name: Any, item: Any) -> Any:
    if isinstance(value, dict):
        return {**value, name: item}
    return [*value[:name], item, *value[name + 1 :]]


def _without(value: Any, name: Any) -> Any:
    return (
        {key: item for key, item in _members(value) if key != name} if isinstance(value, dict) else value[:-1]
    )


def _with_one_more(value: Any, draw: Any) -> Any:
    if isinstance(value, dict):
        return {**value, draw(texts): draw(json_values)}
    return [*value, draw(json_values)]
