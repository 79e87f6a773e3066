"""Predicates in SQL: what each kind of leaf finds, and that whatever a person writes is only text."""

from collections.abc import Sequence

import pytest
from holdings import CHANNEL, Held, hold, open_dataset
from sqlalchemy import Connection, select

from worker.domain.search import terms
from worker.domain.search.predicates import (
    AllOf,
    AnyOf,
    Between,
    InLabel,
    Like,
    Not,
    Phrase,
    Predicate,
    Term,
)
from worker.store import cutoff, labels, matching
from worker.store.data_tables import data_object

HOSTILE = [
    "it's",
    "''",
    "'",
    "a\\",
    "\\'",
    "a:*",
    ":*",
    "a:1A",
    "a & b",
    "a | b",
    "!a",
    "a <-> b",
    "a <1> b",
    "(a",
    "a) OR (true",
    "%",
    "a%",
    "_",
    "a_b",
    "\\%",
    "'; DROP TABLE data_object;--",
    ";--",
    "/* a */",
    ":query_0",
    "%(query_0)s",
    "%s",
    "$1",
    "{a}",
    '"a"',
    "a\nb\t",
    "a\u2028b",
    "ä😀\U0010ffff",
    "  a  ",
    "\x01",
]
# What each of them would find if it were more than text.
HARMLESS = ["a", "b", "ab", "a b", "axb", "x", "true", "its", "anything", "*", "a\\b", "1"]


def found(tx: Connection, predicate: Predicate) -> set[str]:
    """Find objects by a predicate alone."""
    with cutoff.limited(tx, 5) as statements:
        known = labels.holding(statements, CHANNEL, list(matching.label_parts(predicate)), ())
        asked = select(data_object.c.id).where(
            data_object.c.channel == CHANNEL, matching.matches(predicate, known)
        )
        return set(statements.run(asked).scalars())


def hold_terms(tx: Connection, *lists: Sequence[str]) -> None:
    """Hold objects 0, 1, … of these terms and no others."""
    for number, texts in enumerate(lists):
        quoted = ("'" + one.replace("\\", "\\\\").replace("'", "''") + "'" for one in texts)
        hold(tx, Held(id=str(number), terms=" ".join(quoted)))


@pytest.fixture
def texts(tx: Connection) -> list[str]:
    """Hold one object for each text, which is its field `x` and, whole, one of its words."""
    found = [*HOSTILE, *HARMLESS]
    hold_terms(tx, *([f"sx={one}", f"w{one}"] for one in found))
    return found


def test_a_term_finds_the_same_text_and_nothing_else(tx: Connection, texts: list[str]) -> None:
    for number, one in enumerate(texts):
        assert found(tx, Term(f"sx={one}")) == {str(number)}, one


def test_a_prefix_finds_what_begins_so_and_nothing_else(tx: Connection, texts: list[str]) -> None:
    for one in texts:
        beginning = {str(number) for number, other in enumerate(texts) if other.startswith(one)}
        assert found(tx, Term(f"sx={one}", is_prefix=True)) == beginning, one


def test_a_phrase_finds_its_words_at_their_places_and_nothing_else(tx: Connection) -> None:
    for number, one in enumerate(HOSTILE):
        word = one.replace("\\", "\\\\").replace("'", "''")
        hold(tx, Held(id=str(number), terms=f"'w{word}':3 'wnext':4 'wlast':5"))
        hold(tx, Held(id=f"-{number}", terms=f"'w{word}':3 'wnext':5 'wlast':6"))
    for number, one in enumerate(HOSTILE):
        assert found(tx, Phrase((f"w{one}", "wnext", "wlast"))) == {str(number)}, one
        assert found(tx, Phrase(("wnext", f"w{one}"))) == set(), one
    assert found(tx, Phrase(("wnext", "wlast"))) == {
        str(number) for number in range(-len(HOSTILE) + 1, len(HOSTILE))
    } | {"-0"}


def test_a_pattern_finds_by_its_wildcards_alone(tx: Connection, texts: list[str]) -> None:
    """The rest of it is escaped by whoever writes it; what it begins with is no pattern."""
    for one in texts:
        escaped = "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in one)
        holding = {str(number) for number, other in enumerate(texts) if one in other}
        assert found(tx, Like("sx=", f"sx=%{escaped}%")) == holding, one
        prefix = f"sx={one}"
        beginning = {str(number) for number, other in enumerate(texts) if other.startswith(one)}
        assert found(tx, Like(prefix, "sx=%")) == beginning, one


def test_a_range_compares_whole_texts_by_their_code_points(tx: Connection, texts: list[str]) -> None:
    for one in texts:
        same = {str(number) for number, other in enumerate(texts) if other == one}
        below = {str(number) for number, other in enumerate(texts) if other < one}
        above = {str(number) for number, other in enumerate(texts) if other > one}
        low, here, high = "sx=", f"sx={one}", "sx>"
        assert found(tx, Between("sx=", here, here)) == same, one
        assert found(tx, Between("sx=", low, here)) == below | same, one
        assert found(tx, Between("sx=", low, here, includes_high=False)) == below, one
        assert found(tx, Between("sx=", here, high, includes_low=False)) == above, one
        assert found(tx, Between(here, here, high)) == {
            str(number) for number, other in enumerate(texts) if other.startswith(one)
        }, one


@pytest.mark.parametrize("one", HOSTILE)
def test_a_label_is_asked_for_text_only(tx: Connection, one: str) -> None:
    label = terms.of_label("blue sea").replace("wblue", "w" + one.replace("\\", "\\\\").replace("'", "''"))
    open_dataset(tx, f"{one}DS1", written=label)
    open_dataset(tx, "DS2")
    hold(tx, Held(id="in", datasets=(f"{one}DS1",)), Held(id="out", datasets=("DS2",)))
    escaped = "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in one)
    assert found(tx, InLabel(Term(f"w{one}"))) == {"in"}
    assert found(tx, InLabel(Term(f"w{one}", is_prefix=True))) == {"in"}
    assert found(tx, InLabel(Phrase((f"w{one}", "wsea")))) == {"in"}
    assert found(tx, InLabel(Like("w", f"w{escaped}"))) == {"in"}
    assert found(tx, InLabel(Phrase(("wsea", f"w{one}")))) == set()
    assert found(tx, Not(InLabel(Term(f"w{one}")))) == {"out"}


def test_nothing_and_everything(tx: Connection) -> None:
    hold_terms(tx, ["a"], ["b"])
    everything = {"0", "1"}
    assert found(tx, AllOf()) == found(tx, Not(AnyOf())) == everything
    assert found(tx, AnyOf()) == found(tx, Not(AllOf())) == set()
    assert found(tx, AllOf((Term("a"), AllOf()))) == {"0"}
    assert found(tx, AnyOf((Term("a"), AnyOf()))) == {"0"}
    assert found(tx, AnyOf((Like("a", "a%"), AllOf()))) == everything
    assert found(tx, AllOf((Like("a", "a%"), AnyOf()))) == set()
    assert found(tx, AllOf((AllOf(), AnyOf((AnyOf(), Not(AnyOf())))))) == everything


def test_what_no_object_can_have_is_not_found_and_no_error(tx: Connection) -> None:
    """PostgreSQL would refuse it: an empty lexeme, one of more than 2,046 bytes, a NUL."""
    hold_terms(tx, ["a" * 2046], ["b"])
    assert found(tx, Term("a" * 2046)) == {"0"}
    for text in ("a" * 2047, "ä" * 1024, "", "b\0", "\0"):
        for leaf in (Term(text), Term(text, is_prefix=True), Phrase((text, "b")), Like(text, "%")):
            assert found(tx, leaf) == set()
            assert found(tx, Not(leaf)) == {"0", "1"}
            assert found(tx, InLabel(leaf)) == set()
    assert found(tx, Like("b", "b\0")) == found(tx, Between("b", "b", "c\0")) == set()
    assert found(tx, Phrase(())) == found(tx, Phrase(("b",) * 16_384)) == set()


def test_a_query_may_have_many_terms(tx: Connection) -> None:
    """Ten thousand, and more text than one tsquery may have."""
    hold_terms(tx, ["a7", "b"], ["a9999", "c"])
    many = tuple(Term(f"a{number}") for number in range(10_000))
    assert found(tx, AnyOf(many)) == {"0", "1"}
    assert found(tx, AllOf(tuple(map(Not, many)))) == set()
    assert found(tx, AllOf((AnyOf(many), Term("c")))) == {"1"}
    long = tuple(Term(f"a{number}{'x' * 1900}") for number in range(1500))
    assert found(tx, AnyOf((*long, Term("b")))) == {"0"}
    assert found(tx, AllOf((*map(Not, long), Not(Term("b"))))) == {"1"}
    assert found(tx, Not(AnyOf((*long, Term("b"))))) == {"1"}


def test_a_phrase_may_have_as_many_words_as_a_text_has_places(tx: Connection) -> None:
    words = [f"w{number}" for number in range(16_383)]
    hold(tx, Held(id="a", terms=" ".join(f"{word}:{place + 1}" for place, word in enumerate(words))))
    assert found(tx, Phrase(tuple(words))) == {"a"}
    assert found(tx, Phrase((*words[:-2], words[-1]))) == set()
    assert found(tx, Phrase(tuple(words[5:20]))) == {"a"}


@pytest.mark.parametrize("leaf", [Term("b"), Like("b", "b%")])
def test_a_predicate_may_be_deep(tx: Connection, leaf: Predicate) -> None:
    hold_terms(tx, ["a"], ["a", "b"])
    predicate: Predicate = Term("a")
    for _ in range(100):
        predicate = AnyOf((AllOf((predicate, Not(leaf))), Term("c")))
    assert found(tx, predicate) == {"0"}


def test_what_looks_into_terms_is_combined_with_the_rest(tx: Connection) -> None:
    hold_terms(tx, ["a", "x1"], ["a", "x2"], ["b", "x12"], ["c"])
    ones = Like("x", "x%1%")
    assert found(tx, AllOf((Term("a"), ones))) == {"0"}
    assert found(tx, AnyOf((Term("c"), ones))) == {"0", "2", "3"}
    assert found(tx, Not(ones)) == {"1", "3"}
    assert found(tx, AllOf((Not(ones), Not(Term("c"))))) == {"1"}
    assert found(tx, AllOf((AnyOf((ones, Term("c"))), Not(AllOf((Term("a"), ones)))))) == {"2", "3"}
    assert found(tx, AllOf((ones, Between("x", "x10", "x2")))) == {"2"}


@pytest.mark.parametrize("count", [3, 200, 201, 450])
def test_labels_of_many_datasets_may_match(tx: Connection, count: int) -> None:
    """Too many to be terms of a query, they are an array."""
    for number in range(count):
        open_dataset(tx, f"DS{number}", f"blue sea {number}")
    open_dataset(tx, "RED", "red sea")
    hold(
        tx,
        Held(id="own", datasets=("RED",), attributes={"colour": "blue"}),
        Held(id="label", datasets=("RED", f"DS{count - 1}")),
        Held(id="neither", datasets=("RED",)),
    )
    assert found(tx, InLabel(Term("wblue"))) == {"own", "label"}
    assert found(tx, Not(InLabel(Term("wblue")))) == {"neither"}
    assert found(tx, AllOf((InLabel(Term("wblue")), InLabel(Like("ws", "ws%a")), Term("fcolour")))) == {"own"}


def test_labels_that_are_found_too_often_cost_too_much(tx: Connection) -> None:
    for number in range(101):
        open_dataset(tx, f"DS{number}", " ".join(f"a{n}" for n in range(1000)))
    parts = [Term(f"wa{n}", is_prefix=True) for n in range(1000)]
    with pytest.raises(cutoff.CutOffError), cutoff.limited(tx, 30) as statements:
        labels.holding(statements, CHANNEL, parts, ())
    with cutoff.limited(tx, 30) as statements:
        assert len(labels.holding(statements, CHANNEL, parts[-900:], ())) == 900
