"""What attributes a data object may have."""

from decimal import Decimal
from typing import Any

import pytest

from worker.domain.search import attributes

NESTED = "a name, with those around it, has at most 100 characters"
NAMED = "a name has letters, digits and _, and begins with no digit"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": None, "b": True, "c": 1, "d": Decimal("1.5"), "e": "x", "f": ["y", 2], "g": {"h": [{"i": 1}]}},
        {"_a1": 1, "größe": 2, "a.b.c": 3},
        {"x" * 100: 1},
        {"a": {"b": "x" * 98}},
        {"a": list(range(500))},
        {"a": {"b": {"c": {"d": {"e": 1}}}}},
        {"a": [[[["x"]]]]},
        {"a": -(2**1023)},
        {"a": Decimal(5e-324)},  # noqa: RUF032 - with all its digits
        {"a": Decimal("1e-1100")},
        {"a": "x " * 125_000},
        {f"a{n}": "some words" * 50 for n in range(500)},
    ],
)
def test_such_attributes_can_be_searched(value: Any) -> None:
    assert attributes.mistakes_of(value) == []


@pytest.mark.parametrize(
    ("value", "path", "sentence"),
    [
        ([], "", "attributes are an object"),
        ("x", "", "attributes are an object"),
        ({"": 1}, ".", NAMED),
        ({"1a": 1}, ".1a", NAMED),
        ({"a-b": 1}, ".a-b", NAMED),
        ({"a b": 1}, ".a b", NAMED),
        ({"a.": 1}, ".a.", NAMED),
        ({"a..b": 1}, ".a..b", NAMED),
        ({"a\n": 1}, ".a\n", NAMED),
        ({"a": [{"b:c": 1}]}, ".a[0].b:c", NAMED),
        ({"-" * 300: 1}, "." + "-" * 50, NAMED),
        ({"x" * 101: 1}, "." + "x" * 50, NESTED),
        ({"a": {"b" * 99: 1}}, ".a." + "b" * 50, NESTED),
        (
            {"a": {"b": {"c": {"d": {"e": {}}}}}},
            ".a.b.c.d.e",
            "attributes are at most 5 objects and lists deep",
        ),
        ({"a": [[[[[1]]]]]}, ".a[0][0][0][0]", "attributes are at most 5 objects and lists deep"),
        ({"a": list(range(501))}, "", "attributes have at most 500 values, not 501"),
        ({"a": 10**400}, ".a", "a number lies between -1.7e308 and 1.7e308"),
        ({"a": Decimal("-1e309")}, ".a", "a number lies between -1.7e308 and 1.7e308"),
        ({"a": Decimal("1e-1101")}, ".a", "a number has at most 1,100 decimals"),
        ({"a": b"x"}, ".a", "a value is a text, a number, true, false or null"),
    ],
)
def test_other_attributes_are_refused_with_their_place(value: Any, path: str, sentence: str) -> None:
    assert attributes.mistakes_of(value) == [(f"$.attributes{path}", sentence)]


def test_attributes_whose_terms_no_tsvector_holds_are_refused() -> None:
    letter = "\N{MATHEMATICAL BOLD CAPITAL A}"  # of four bytes
    value: dict[str, Any] = {letter * 90: {f"a{n}": "2020-01-01" for n in range(490)}}
    assert attributes.mistakes_of(value) == []
    value["other"] = "word " * 60_000
    sentence = "the values, each with the whole name of its attribute, are too long to be searched"
    assert attributes.mistakes_of(value) == [("$.attributes", sentence)]


def test_no_more_than_twenty_mistakes_are_listed() -> None:
    assert len(attributes.mistakes_of({f"-{n}": 1 for n in range(100)})) == 20
