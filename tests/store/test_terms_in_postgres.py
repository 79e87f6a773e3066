"""PostgreSQL takes the terms of any object, letter for letter, and places their words as we do."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from worker.domain.search import attributes, lucene, terms
from worker.domain.search.predicates import AllOf, AnyOf, Query, Term

AT = datetime(2024, 1, 1, tzinfo=UTC)
LETTER = "\N{MATHEMATICAL BOLD CAPITAL A}"  # of four bytes
storable = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def stored(tx: Connection, literal: str) -> dict[str, list[int] | None]:
    rows = tx.execute(text("SELECT lexeme, positions FROM unnest(CAST(:t AS tsvector))"), {"t": literal})
    return {lexeme: places for lexeme, places, *_ in rows}


def of_object(value: dict[str, Any]) -> str:
    return terms.of_object("p1", ("URN:1",), AT, value).literal


@settings(max_examples=30)
@given(storable | st.text("'\\ \"ab:,*|&!", max_size=20))
def test_every_text_is_stored_letter_for_letter(tx: Connection, value: str) -> None:
    found = stored(tx, of_object({"a": value}))
    assert terms.text_term("a", value) in found
    assert {term for term in found if term.startswith("w")} == {
        "wp1",
        *(f"w{word}" for word in terms.words_of(value)),
    }


@pytest.mark.parametrize(
    "value",
    [
        {"a": "word " * 50_000},
        {"a": " ".join(f"w{n}" for n in range(40_000))},
        {"a": LETTER * 60_000},
        {f"a{n}": f"{n}{'x' * 400}-{'y' * 50}" for n in range(490)},
        {LETTER * 90: {f"a{n}": f"2020-01-01T00:00:00.{n}" for n in range(500)}},
    ],
)
def test_the_longest_attributes_that_we_take_are_stored(tx: Connection, value: dict[str, Any]) -> None:
    assert attributes.mistakes_of(value) == []
    literal = of_object(value)
    assert len(stored(tx, literal)) == literal.count(" '") + 1


def test_a_phrase_is_found_within_a_text_and_not_across_two(tx: Connection) -> None:
    literal = of_object({"a": ["red green", "blue"], "b": "Blue sky"})
    asked = text("SELECT CAST(:t AS tsvector) @@ CAST(:q AS tsquery)")
    phrases = ["'wred' <-> 'wgreen'", "'wblue' <-> 'wsky'", "'wgreen' <-> 'wblue'", "'wblue' <-> 'wblue'"]
    assert [tx.scalar(asked, {"t": literal, "q": phrase}) for phrase in phrases] == [True, True, False, False]


def terms_of(part: object) -> list[str]:
    if isinstance(part, AllOf | AnyOf):
        return [term for inner in part.parts for term in terms_of(inner)]
    assert isinstance(part, Term)
    return [f"'{part.text}'" + ":*" * part.is_prefix]


@pytest.mark.parametrize(("field", "count"), [("a", 58), (LETTER * 100, 7)], ids=["short", "long"])
def test_the_widest_query_that_we_take_is_one_tsquery(tx: Connection, field: str, count: int) -> None:
    query = lucene.parse([f"{field}:[0.1 TO 12.345] " * count])
    assert isinstance(query, Query)
    assert not isinstance(lucene.parse([f"{field}:[0.1 TO 12.345] " * (count + 1)]), Query)
    asked = " | ".join(terms_of(query.predicate))
    matches = text("SELECT CAST(:t AS tsvector) @@ CAST(:q AS tsquery)")
    assert tx.scalar(matches, {"t": of_object({field: 12.345}), "q": asked}) is True
    assert tx.scalar(matches, {"t": of_object({field: 12.346}), "q": asked}) is False
