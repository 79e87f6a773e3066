"""What queries find: our terms and predicates against a plain reading of the same query on the attributes.

Neither side knows the other: predicates are looked up in the terms of an object, as the store does it, and
the query's meaning is computed on the values themselves, from the tree that its text is written from.
"""

import operator
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.domain.search import lucene, terms
from worker.domain.search.predicates import (
    AllOf,
    AnyOf,
    Between,
    InLabel,
    Like,
    Not,
    Phrase,
    Predicate,
    Query,
    Term,
)

Lexemes = dict[str, list[int]]
Holds = Callable[[dict[str, Any], str], bool]
Asked = tuple[str, Holds]  # a query's text, and whether it holds for attributes and a label
AT = datetime(2024, 1, 1, tzinfo=UTC)


def lexemes(literal: str) -> Lexemes:
    found = re.findall(r"'((?:[^']|'')*)'(?::([\d,]+))?", literal)
    return {
        lexeme.replace("''", "'").replace("\\\\", "\\"): [int(place) for place in places.split(",") if place]
        for lexeme, places in found
    }


def has_phrase(words: tuple[str, ...], there: Lexemes) -> bool:
    return any(
        all(first + step in there.get(word, ()) for step, word in enumerate(words))
        for first in there.get(words[0], ())
    )


def is_like(term: str, pattern: str) -> bool:
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return bool(re.fullmatch("".join(wild.get(p) or re.escape(p[-1]) for p in pieces), term, re.DOTALL))


def is_between(term: str, asked: Between) -> bool:
    above = operator.ge if asked.includes_low else operator.gt
    below = operator.le if asked.includes_high else operator.lt
    return term.startswith(asked.prefix) and above(term, asked.low) and below(term, asked.high)


def holds(asked: Predicate, there: Lexemes, label: Lexemes) -> bool:  # noqa: PLR0911 - one for each kind
    match asked:
        case Term(text=text, is_prefix=True):
            return any(term.startswith(text) for term in there)
        case Term(text=text):
            return text in there
        case Phrase(terms=words):
            return has_phrase(words, there)
        case Like(prefix=prefix, pattern=pattern):
            return any(term.startswith(prefix) and is_like(term, pattern) for term in there)
        case Between():
            return any(is_between(term, asked) for term in there)
        case InLabel(part=part):
            return holds(part, there, label) or holds(part, label, label)
        case AllOf(parts=parts):
            return all(holds(part, there, label) for part in parts)
        case AnyOf(parts=parts):
            return any(holds(part, there, label) for part in parts)
        case Not(part=part):
            return not holds(part, there, label)


def values(attributes: dict[str, Any], field: str) -> Iterator[Any]:
    value: Any = attributes
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    yield from value if isinstance(value, list) else [value] if value is not None else []


def texts(attributes: dict[str, Any]) -> list[str]:
    all_values = [value for field in FIELDS for value in values(attributes, field)]
    return ["provider-1", *(value for value in all_values if isinstance(value, str))]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if re.fullmatch(r"-?\d+(\.\d+)?(e[-+]?\d+)?", value, re.ASCII) else None
    return None if isinstance(value, bool) else float(value)


def date(value: Any) -> datetime | None:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        return None
    read = datetime.fromisoformat(value)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def as_text(value: Any) -> str | None:
    return (
        value.lower() if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else None
    )


FIELDS = ["a", "b", "n.x"]
fields = st.sampled_from(FIELDS)
dates = st.sampled_from(["2024-01-05", "2024-01-05T10:11:12.5Z", "2024-01-05T12:00:00+02:00", "1969-07-20"])
floats = st.floats(-1e6, 1e6).map(repr) | st.integers(-3, 3).map(str)
strings = st.text("aAbBéÉ -_%*?\\\"'", min_size=1, max_size=6) | st.sampled_from(
    ["Foo Bar", "foo-bar", "true"]
)
scalars = strings | dates | floats | floats.map(Decimal) | st.integers(-3, 3) | st.booleans()
attribute = scalars | st.lists(scalars, max_size=3) | st.none()
objects = st.fixed_dictionaries(
    {"a": attribute, "b": attribute, "n": st.fixed_dictionaries({"x": attribute})}
)


def quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def escaped(text: str) -> str:
    return "".join(c if c.isalnum() else f"\\{c}" for c in text)


def equals(field: str, text: str, write: Callable[[str], str]) -> Asked:
    def has(attributes: dict[str, Any], _: str) -> bool:
        return any(
            as_text(value) == text.lower()
            or (not isinstance(value, str) and number(text) is not None and number(text) == number(value))
            or (date(text) is not None and date(text) == date(value))
            for value in values(attributes, field)
        )

    return f"{field}:{write(text)}", has


def ranges(field: str, low: str | None, high: str | None, ends: tuple[str, str]) -> Asked:
    given_ends = [end for end in (low, high) if end is not None]
    read: Callable[[Any], Any] = as_text
    if given_ends and all(number(end) is not None for end in given_ends):
        read = lambda value: None if isinstance(value, str) else number(value)  # noqa: E731
        low_end, high_end = (None if end is None else number(end) for end in (low, high))
    elif given_ends and all(date(end) is not None for end in given_ends):
        read = date
        low_end, high_end = (None if end is None else date(end) for end in (low, high))
    else:
        low_end, high_end = (None if end is None else end.lower() for end in (low, high))
    above = operator.le if ends[0] == "[" else operator.lt
    below = operator.le if ends[1] == "]" else operator.lt

    def has(attributes: dict[str, Any], _: str) -> bool:
        found = list(values(attributes, field))
        if not given_ends:
            return bool(found)
        return any(
            (low_end is None or above(low_end, value)) and (high_end is None or below(value, high_end))
            for value in map(read, found)
            if value is not None
        )

    low_text, high_text = ("*" if end is None else quoted(end) for end in (low, high))
    return f"{field}:{ends[0]}{low_text} TO {high_text}{ends[1]}", has


def to_pattern(pieces: list[str]) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(p) or re.escape(p.lower()) for p in pieces), re.DOTALL)


def matches(field: str, pieces: list[str]) -> Asked:
    pattern = to_pattern(pieces)
    written = "".join(p if p in {"*", "?"} else escaped(p) for p in pieces)
    return f"{field}:{written}", lambda attributes, _: any(
        pattern.fullmatch(text) for text in map(as_text, values(attributes, field)) if text is not None
    )


def exists(field: str) -> Asked:
    return f"{field}:*", lambda attributes, _: bool(list(values(attributes, field)))


def says(phrase: str) -> Asked:
    wanted = words(phrase)

    def has(attributes: dict[str, Any], label: str) -> bool:
        there = [words(text) for text in (*texts(attributes), label)]
        return any(
            wanted == found[start : start + len(wanted)] for found in there for start in range(len(found))
        )

    return quoted(phrase), has


def says_like(pieces: list[str]) -> Asked:
    pattern = to_pattern(pieces)

    def has(attributes: dict[str, Any], label: str) -> bool:
        there = [word for text in (*texts(attributes), label) for word in words(text)]
        return any(pattern.fullmatch(word) for word in there)

    return "".join(pieces), has


def negated(asked: Asked, sign: str) -> Asked:
    return f"{sign}({asked[0]})", lambda attributes, label: not asked[1](attributes, label)


def joined(parts: list[Asked], sign: str) -> Asked:
    decide = any if sign in {" OR ", " || "} else all
    text = sign.join(f"({text})" for text, _ in parts)
    return text, lambda attributes, label: decide(has(attributes, label) for _, has in parts)


writers = st.sampled_from([quoted, escaped])
bounds = floats | dates | strings | st.none()
same_kind = st.tuples(floats, floats) | st.tuples(dates, dates) | st.tuples(bounds, bounds)
brackets = st.tuples(st.sampled_from("[{"), st.sampled_from("]}"))
letters = st.sampled_from("aAbÉf")
signs = st.lists(st.sampled_from(["a", "b", "É", "-", " ", "_", "%", "*", "?"]), max_size=4)
word_signs = st.lists(st.sampled_from(["a", "b", "É", "o", "_", "*", "?"]), max_size=3)
phrases = (strings | st.just("provider 1")).filter(lambda text: bool(words(text)))
leaf = (
    st.builds(equals, fields, strings | floats | dates, writers)
    | st.builds(lambda field, both, ends: ranges(field, *both, ends), fields, same_kind, brackets)
    | st.builds(lambda field, first, rest: matches(field, [first, *rest, "*"]), fields, letters, signs)
    | st.builds(exists, fields)
    | st.builds(says, phrases)
    | st.builds(lambda first, rest: says_like([first, *rest, "?"]), letters, word_signs)
)
queries = st.recursive(
    leaf,
    lambda inner: (
        st.builds(negated, inner, st.sampled_from(["NOT ", "-", "!"]))
        | st.builds(
            joined,
            st.lists(inner, min_size=2, max_size=3),
            st.sampled_from([" ", " AND ", " && ", " +", " OR ", " || "]),
        )
    ),
    max_leaves=4,
)


@settings(max_examples=200)
@given(queries, st.lists(objects, min_size=1, max_size=4), strings)
def test_a_query_finds_what_its_meaning_says(asked: Asked, found: list[dict[str, Any]], label: str) -> None:
    text, has = asked
    query = lucene.parse([text])
    assert isinstance(query, Query), (text, query)
    in_label = lexemes(terms.of_label(label))
    for attributes in found:
        there = lexemes(terms.of_object("provider-1", ("DS1",), AT, attributes).literal)
        assert holds(query.predicate, there, in_label) == has(attributes, label), text


@given(st.floats(), st.floats(), st.floats(allow_nan=False, allow_infinity=False), brackets)
def test_a_range_of_numbers_is_exact_to_the_last_bit(
    low: float, high: float, value: float, ends: tuple[str, str]
) -> None:
    if low != low or high != high:  # noqa: PLR0124 - not a number
        return
    for end in (low, high, value):
        read = lucene.parse([f'x:{ends[0]}"{_json(low)}" TO "{_json(high)}"{ends[1]}'])
        assert isinstance(read, Query)
        if abs(end) == float("inf"):
            continue
        there = lexemes(terms.of_object("p", (), AT, {"x": Decimal(end)}).literal)
        above = low <= end if ends[0] == "[" else low < end
        below = end <= high if ends[1] == "]" else end < high
        assert holds(read.predicate, there, {}) == (above and below)


def _json(number: float) -> str:
    return {float("inf"): "1e999", float("-inf"): "-1e999"}.get(number) or repr(number)
