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
storable_texts = st.text(STORABLE_LETTERS, max_size=20)
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
