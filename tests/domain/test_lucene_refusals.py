"""Queries that are refused: each with its place and a sentence, and none at a cost."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.search import lucene
from worker.domain.search.lucene import Invalid
from worker.domain.search.predicates import Query

END = "something is missing at the end, such as a term or a closing parenthesis"
URN = r"a value with a colon, such as a URN, must be in quotes, or each colon written \:"
REGEX = "regular expressions are not taken: put a text with / in quotes"
SIMILAR = "searches for what is similar or near (~) are not taken"
BOOST = "boosts (^) are not taken: results have no ranks"
LEADING = "a text must not begin with a wildcard"
WILD_WORD = "without a field, wildcards are for one word, of letters, digits and _"
NO_WORD = "there is no word in this: letters, digits and _ make words"
BARE_RANGE = "a range needs its field before it, as in field:[1 TO 5]"
RANGE_WILDCARD = "a range has no wildcard but * alone, for an open end"
MINUS = "a minus here is that of a number: quote a text that begins with it"
PLUS = "a term must follow this plus"
DEEP = "a query is nested at most 50 deep"
MANY = "a query has at most 1000 terms"
LONG = "a query has at most 65536 characters"
COSTLY = "the query asks for too many words and ranges at once"
ESCAPE = "a backslash must be followed by the character that it escapes"


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("AND", 0, "'AND' has no place here"),
        ("a AND", 5, END),
        ("a OR OR b", 5, "'OR' has no place here"),
        ("OR a", 0, "'OR' has no place here"),
        ("a &&", 4, END),
        ("NOT", 3, END),
        ("a !", 3, END),
        ("a -", 3, END),
        ("(a", 2, END),
        ("a)", 1, "')' has no place here"),
        ("()", 1, "')' has no place here"),
        ("x:", 2, END),
        (":x", 0, "':x' has no place here"),
        ("x::y", 2, "':y' has no place here"),
        ('"a":b', 3, "':b' has no place here"),
        ("x:[1 TO 2", 9, END),
        ("x:[1 2]", 5, "'2]' has no place here"),
        ("x:[1 to 2]", 5, "'to' has no place here"),
        ("x:[1 TO 2) a", 9, "')' has no place here"),
        ("a b c d e f g)", 13, "')' has no place here"),
        ('x:[1 "at position 1!"]', 5, "'\"at' has no place here"),
        ("a +", 2, PLUS),
        ("a + AND b", 2, PLUS),
        ("+", 0, PLUS),
        ("x:[1 TO +]", 8, PLUS),
        ('a "b', 2, "this quote is not closed"),
        ('a"b c"', 1, "a quote within a text: escape it, or quote the whole"),
        ("a'b 'c", 4, '"\'" has no meaning here: put a text with it in quotes'),
        ("a\\", 1, ESCAPE),
        ("a \\\nb", 2, ESCAPE),
        ("a&&b", 1, "put blanks around &&, or quotes around the text"),
        ("a ||b", 2, "put blanks around ||, or quotes around the text"),
        ("a/b /c d/", 4, REGEX),
        ("a /c", 2, REGEX),
        ("x:/c/", 2, REGEX),
        ("a b~", 3, SIMILAR),
        ("a~0.5", 1, SIMILAR),
        ('"a b"~2', 5, SIMILAR),
        ("a~1.2.3", 1, SIMILAR),
        ("a^2", 1, BOOST),
        ("a^1.2.3", 1, BOOST),
        ("(a b)^4", 5, BOOST),
        ("a *b", 2, LEADING),
        ("?b", 0, LEADING),
        ("**", 0, LEADING),
        ("x:*b", 2, LEADING),
        ("x:?", 2, LEADING),
        ("foo-b*", 0, WILD_WORD),
        ("a.*b", 0, WILD_WORD),
        ("a b?" + "c" * 199, 2, "a text with wildcards has at most 200 characters"),
        ("x:b" + "c" * 199 + "*", 2, "a text with wildcards has at most 200 characters"),
        ("a ...", 2, NO_WORD),
        ('a "-"', 2, NO_WORD),
        ('""', 0, NO_WORD),
        ("a [1 TO 5]", 2, BARE_RANGE),
        (">5", 0, BARE_RANGE),
        ("x:[a* TO b]", 3, RANGE_WILDCARD),
        ("x:[1 TO ?]", 8, RANGE_WILDCARD),
        ("x:>=a*", 4, RANGE_WILDCARD),
        ("x:-a", 2, MINUS),
        ("x:- 5", 2, MINUS),
        ("x:-(5)", 2, MINUS),
        ("x:-", 2, MINUS),
        ("x:[-a TO b]", 3, MINUS),
        ("x:[1 TO -b]", 8, MINUS),
        ("x:>-b", 3, MINUS),
        ("x:(1 OR -5)", 8, 'write "-5" in quotes for the number, NOT 5 for all others'),
        ("tags:URN:AIP:1", 5, URN),
        ("a tags:(URN:AIP)", 8, "a field within the group of the field 'tags'"),
        ("x:(a (y:b))", 6, "a field within the group of the field 'x'"),
        ("URN:AIP:1", 4, URN),
        ("x:2020-01-01T00:00:00+01:00", 2, URN),
        ("a 1x:3", 2, "'1x' is not the name of a field"),
        ("a-b:3", 0, "'a-b' is not the name of a field"),
        ("a*:3", 0, "'a*' is not the name of a field"),
        ("*:a", 0, "'*' is not the name of a field"),
        ("a..b:3", 0, "'a..b' is not the name of a field"),
        ("x" * 101 + ":3", 0, f"'{'x' * 50}…' is not the name of a field"),
        ("a \0", 2, "no text holds NUL or half a surrogate pair"),
        ("a \ud800", 2, "no text holds NUL or half a surrogate pair"),
        ("x:" + "é" * 1000, 2, "values as long as this are found by their words only"),
    ],
)
def test_what_we_do_not_take_is_refused_with_its_place(text: str, position: int, message: str) -> None:
    assert lucene.parse([text]) == Invalid(message=message, position=position)


def test_a_refusal_says_in_which_text() -> None:
    refused = Invalid(message="'AND' has no place here", position=0, text=2)
    assert lucene.parse(["a", "", "AND", "(("]) == refused


@pytest.mark.parametrize(
    ("texts", "refusal"),
    [
        (["a" * 65_536], None),
        (["a" * 65_537], Invalid(message=LONG, position=0)),
        (["a " * 20_000, "b" * 30_000], Invalid(message=MANY, position=2000)),
        (["a", "b" * 65_536], Invalid(message=LONG, position=0, text=1)),
        (["a " * 1000], None),
        (["x:a OR " * 999 + "x:a"], None),
        (["a " * 1001], Invalid(message=MANY, position=2000)),
        (["a " * 600, "b " * 600], Invalid(message=MANY, position=800, text=1)),
        (["a " * 10_000], Invalid(message=MANY, position=2000)),
        (["(" * 50 + "a" + ")" * 50], None),
        (["(" * 51 + "a" + ")" * 51], Invalid(message=DEEP, position=50)),
        (["(" * 30_000], Invalid(message=DEEP, position=50)),
        (["NOT " * 50 + "a"], None),
        (["NOT " * 51 + "a"], Invalid(message=DEEP, position=200)),
        (["-" * 51 + "a"], Invalid(message=DEEP, position=50)),
        (["+" * 51 + "a"], Invalid(message=DEEP, position=50)),
        (["!" * 51 + "a"], Invalid(message=DEEP, position=50)),
        (["!" * 65_000], Invalid(message=DEEP, position=50)),
        (["+-!NOT (" * 20], Invalid(message=DEEP, position=80)),
        (["(a) " * 60 + "NOT b " * 60 + "-(c) " * 60], None),
        (["x:" + "a" * 199 + "*"], None),
        (["x:[1970-01-01 TO 2020-02-03T04:05:06.789] " * 50], None),
        (["x:[0.1 TO 12.345] " * 60], Invalid(message=COSTLY, position=1046)),
        ([("é" * 100 + ":[0.1 TO 12.345] ") * 10], None),
        ([("é" * 100 + ":[0.1 TO 12.345] ") * 20], Invalid(message=COSTLY, position=1622)),
        (['"' + "a " * 10_001 + '"'], Invalid(message=COSTLY, position=0)),
    ],
)
def test_a_query_has_its_limits(texts: list[str], refusal: Invalid | None) -> None:
    read = lucene.parse(texts)
    assert (read if isinstance(read, Invalid) else None) == refusal


@pytest.mark.parametrize(
    "text",
    [
        *(sign * 65_536 for sign in ":[]){}<>\"\\&|/~^*?'!-+a"),
        *(signs * 32_768 for signs in ("a:", "\\:", '"a', "a*", "a ", "&&")),
        " " * 65_535 + "'",
        "T00:00:00" * 7000,
        "(a OR NOT (b AND c) d) " * 330,
        "a OR b c AND d " * 250,
    ],
)
def test_the_longest_texts_are_read_or_refused_at_once(text: str) -> None:
    started = time.process_time()
    assert isinstance(lucene.parse([text]), (Query, Invalid))
    assert time.process_time() - started < 3  # a tenth; it is not for the machine's other work


def test_the_deepest_query_is_read() -> None:
    nested = "a"
    for _ in range(24):
        nested = f"a b OR c AND NOT ({nested})"
    assert isinstance(lucene.parse([f"NOT x:({nested.replace('a', 'd')})"]), Query)


PIECES = [
    *(
        ":",
        "-",
        "+",
        "!",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "\\",
        "*",
        "?",
        "~",
        "^",
        "/",
        ">",
        " ",
        "\n",
    ),
    *(" TO ", " AND ", " OR ", "NOT ", "&&", "||", "<=", "x:", "x.y:", "2020-01-01T00:00", "5", "a", "foo"),
    *("_", "\u00e9", "\u0130"),
]


@given(st.text(max_size=50) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_no_text_breaks_the_reading_and_every_refusal_has_a_place_in_it(text: str) -> None:
    read = lucene.parse([text])
    if isinstance(read, Invalid):
        assert 0 <= read.position <= len(text)
        assert read.text == 0
        assert 10 < len(read.message) < 200
