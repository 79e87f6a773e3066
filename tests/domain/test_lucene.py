"""Lucene's syntax, as predicates over terms: each form against what it must ask."""

import subprocess
import sys
import threading
from pathlib import Path

import luqum
import pytest

from worker.domain.search import lucene
from worker.domain.search.predicates import (
    EVERYTHING,
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

NOTHING = AnyOf()
MINUS_5, FIVE = "3febffffffffffff", "c014000000000000"


def word(text: str) -> InLabel:
    return InLabel(Term(f"w{text}"))


def query(*texts: str) -> Query:
    read = lucene.parse(texts)
    assert isinstance(read, Query), read
    return read


A, B, C = word("a"), word("b"), word("c")


@pytest.mark.parametrize("texts", [(), ("",), (" \t\n",), ("", " "), ("*",), ("*:*",), ("(*)",), ("*", "")])
def test_a_blank_query_and_a_star_ask_for_everything(texts: tuple[str, ...]) -> None:
    assert query(*texts) == Query(predicate=EVERYTHING, fields=())


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("a b", AllOf((A, B))),
        ("a AND b", AllOf((A, B))),
        ("a OR b", AnyOf((A, B))),
        ("a OR b OR c", AnyOf((A, B, C))),
        ("a AND b OR c", AnyOf((AllOf((A, B)), C))),
        ("a OR b AND c", AnyOf((A, AllOf((B, C))))),
        ("(a OR b) AND c", AllOf((AnyOf((A, B)), C))),
        ("a b OR c", AllOf((A, AnyOf((B, C))))),
        ("a OR b c", AllOf((AnyOf((A, B)), C))),
        ("a OR b -c", AllOf((AnyOf((A, B)), Not(C)))),
        ("a OR b +c", AllOf((AnyOf((A, B)), C))),
        ("a OR b !c", AllOf((AnyOf((A, B)), Not(C)))),
        ("a OR b NOT c", AllOf((AnyOf((A, B)), Not(C)))),
        ("NOT a", Not(A)),
        ("NOT a OR b", AnyOf((Not(A), B))),
        ("NOT (a OR b)", Not(AnyOf((A, B)))),
        ("NOT NOT a", Not(Not(A))),
        ("-a", Not(A)),
        ("- a", Not(A)),
        ("!a", Not(A)),
        ("! a", Not(A)),
        ("!!a", Not(Not(A))),
        ("!(a b)", Not(AllOf((A, B)))),
        ('!"a b"', Not(InLabel(Phrase(("wa", "wb"))))),
        ("+a -b", AllOf((A, Not(B)))),
        ("+(a b)", AllOf((A, B))),
        ("a && b", AllOf((A, B))),
        ("a || b", AnyOf((A, B))),
        ("a && b || c", AnyOf((AllOf((A, B)), C))),
        ("and or not to", AllOf((word("and"), word("or"), word("not"), word("to")))),
        ("TO", word("to")),
        ("((((a))))", A),
        ("a\u00a0b\n\tc", AllOf((A, B, C))),
    ],
)
def test_operators_bind_as_in_lucene_and_all_terms_must_match(text: str, predicate: Predicate) -> None:
    assert query(text) == Query(predicate=predicate, fields=())


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("Foo", word("foo")),
        ("foo_1", word("foo_1")),
        ("GRÖSSE", word("grösse")),
        ("foo-bar", InLabel(Phrase(("wfoo", "wbar")))),
        ("foo.tif", InLabel(Phrase(("wfoo", "wtif")))),
        ("foo!", word("foo")),
        ('"Foo"', word("foo")),
        ('"Foo bar"', InLabel(Phrase(("wfoo", "wbar")))),
        ('"foo* AND bar"', InLabel(Phrase(("wfoo", "wand", "wbar")))),
        (r'"a \" b"', InLabel(Phrase(("wa", "wb")))),
        (r"\(a\)", A),
        (r"\A\N\D", word("and")),
        ("12.5", InLabel(Phrase(("w12", "w5")))),
        ("fo*", InLabel(Term("wfo", is_prefix=True))),
        ("Fo**", InLabel(Term("wfo", is_prefix=True))),
        ("F?o", InLabel(Like("wf", "wf_o"))),
        ("f*o*", InLabel(Like("wf", "wf%o%"))),
        ("a_*b", InLabel(Like("wa_", r"wa\_%b"))),
    ],
)
def test_a_term_without_a_field_asks_for_whole_words_of_object_or_label(
    text: str, predicate: Predicate
) -> None:
    assert query(text).predicate == predicate


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("x:Foo", Term("sx=foo")),
        ("x :Foo", Term("sx=foo")),
        ('x:"Foo  Bar"', Term("sx=foo  bar")),
        ('x:""', Term("sx=")),
        ("x:foo-bar", Term("sx=foo-bar")),
        ("x:True", Term("sx=true")),
        ("x:TO", Term("sx=to")),
        ("x:it's", Term("sx=it's")),
        (r"x:a\ b", Term("sx=a b")),
        (r"x:a\*", Term("sx=a*")),
        ('x:"a*"', Term("sx=a*")),
        (r'x:"\"\\"', Term('sx="\\')),
        ("x.y_1:a", Term("sx.y_1=a")),
        ("größe:a", Term("sgröße=a")),
        ("x:5", AnyOf((Term("sx=5"), Term(f"nx={FIVE}")))),
        ("x:5.0", AnyOf((Term("sx=5.0"), Term(f"nx={FIVE}")))),
        ('x:"5"', AnyOf((Term("sx=5"), Term(f"nx={FIVE}")))),
        ("x:+5", AnyOf((Term("sx=5"), Term(f"nx={FIVE}")))),
        ("x:-5", AnyOf((Term("sx=-5"), Term(f"nx={MINUS_5}")))),
        ('x:"-5"', AnyOf((Term("sx=-5"), Term(f"nx={MINUS_5}")))),
        ("-x:-5", Not(AnyOf((Term("sx=-5"), Term(f"nx={MINUS_5}"))))),
        ("x:-0", AnyOf((Term("sx=-0"), Term("nx=8000000000000000")))),
        ("x:1970-01-01", AnyOf((Term("sx=1970-01-01"), Term("dx=8000000000000000")))),
        (
            "x:1970-01-01T00:00:00Z",
            AnyOf((Term("sx=1970-01-01t00:00:00z"), Term("dx=8000000000000000"))),
        ),
        (
            'x:"1970-01-01T01:00:00+01:00"',
            AnyOf((Term("sx=1970-01-01t01:00:00+01:00"), Term("dx=8000000000000000"))),
        ),
        (r"tags:URN\:AIP\:1", Term("stags=urn:aip:1")),
        ('tags:("URN:1" OR "URN:2")', AnyOf((Term("stags=urn:1"), Term("stags=urn:2")))),
        ("tags:(DS2 OR DS3)", AnyOf((Term("stags=ds2"), Term("stags=ds3")))),
        ("x:(a -b)", AllOf((Term("sx=a"), Not(Term("sx=b"))))),
        ("x:(a NOT 5)", AllOf((Term("sx=a"), Not(AnyOf((Term("sx=5"), Term(f"nx={FIVE}"))))))),
        ("x:!a", Not(Term("sx=a"))),
        ("last:true AND x:a", AllOf((Term("slast=true"), Term("sx=a")))),
        ("x:*", Term("fx")),
        ("x:(*)", Term("fx")),
        ("NOT x:*", Not(Term("fx"))),
        ("x:Ab*", Term("sx=ab", is_prefix=True)),
        ("x:12*", Term("sx=12", is_prefix=True)),
        ("x:a*b?", Like("sx=a", "sx=a%b_")),
        ("x:ab?", Like("sx=ab", "sx=ab_")),
        ("x:a-b*c", Like("sx=a-b", "sx=a-b%c")),
        ("x_y:a%b*_", Like("sx_y=a%b", r"sx\_y=a\%b%\_")),
        (r"x:a\\*b", Like("sx=a\\", r"sx=a\\%b")),
        (r"x:a\**b", Like("sx=a*", "sx=a*%b")),
    ],
)
def test_a_value_is_a_whole_value_and_also_the_number_or_date_that_it_writes(
    text: str, predicate: Predicate
) -> None:
    assert query(text).predicate == predicate


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("x:[5 TO 5]", AnyOf((Term(f"nx={FIVE}"),))),
        ("x:[-5 TO -5]", AnyOf((Term(f"nx={MINUS_5}"),))),
        ('x:["5" TO "5"]', AnyOf((Term(f"nx={FIVE}"),))),
        ("x:[5 TO 5}", NOTHING),
        ("x:{5 TO 5]", NOTHING),
        ("x:[5 TO 3]", NOTHING),
        ("x:[1970-01-01 TO 1970-01-01T00:00Z]", AnyOf((Term("dx=8000000000000000"),))),
        ("x:[* TO *]", Term("fx")),
        ("x:{* TO *}", Term("fx")),
        ("x:>*", Term("fx")),
        ("x:[a TO b]", Between("sx=", "sx=a", "sx=b")),
        ("x:{Abc TO abD}", Between("sx=ab", "sx=abc", "sx=abd", includes_low=False, includes_high=False)),
        ("x:[a TO abc]", Between("sx=a", "sx=a", "sx=abc")),
        ("x:[5 TO b]", Between("sx=", "sx=5", "sx=b")),
        ("x:[2020-01-01 TO 5]", Between("sx=", "sx=2020-01-01", "sx=5")),
        ("x:[b TO *]", Between("sx=", "sx=b", "sx>", includes_high=False)),
        ("x:[* TO b}", Between("sx=", "sx=", "sx=b", includes_high=False)),
        ("x:>b", Between("sx=", "sx=b", "sx>", includes_low=False, includes_high=False)),
        ("x:<=b", Between("sx=", "sx=", "sx=b")),
        ("x:[b TO a]", NOTHING),
        ("x:[a TO a}", NOTHING),
        ("x:[a TO a]", Between("sx=a", "sx=a", "sx=a")),
        ('x:["-a" TO "a b"]', Between("sx=", "sx=-a", "sx=a b")),
    ],
)
def test_a_range_is_of_numbers_or_of_dates_or_else_of_texts(text: str, predicate: Predicate) -> None:
    assert query(text).predicate == predicate


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x:>5", "x:{5 TO *]"),
        ("x:>=5", "x:[5 TO *}"),
        ("x:<-5", "x:{* TO -5}"),
        ("x:<=2020-01-01", "x:[* TO 2020-01-01]"),
        ("x:(>1 AND <=2)", "x:>1 AND x:<=2"),
        ('x:>"2020-01-01"', "x:>2020-01-01T00:00:00Z"),
        ("x:[-5 TO 5}", 'x:["-5" TO "5.0"}'),
    ],
)
def test_two_ways_to_write_a_range_ask_the_same(one: str, other: str) -> None:
    assert query(one).predicate == query(other).predicate


def test_several_texts_must_all_match() -> None:
    assert query("a OR b", "", "c") == Query(predicate=AllOf((AnyOf((A, B)), C)), fields=())


def test_the_attributes_that_a_query_names_are_told_with_their_first_places() -> None:
    text = "b:1 OR (a.c:2 AND b:3) tags:x providerId:y createdAt:>2020-01-01 last:true *:* NOT z:*"
    assert query(text).fields == (("b", 0), ("a.c", 8), ("z", 83))


def test_threads_read_their_own_queries() -> None:
    texts = [f"f{n}:a{n} OR (b{n} AND NOT c{n}) x:[{n} TO {n}]" for n in range(60)]
    expected = [lucene.parse([text]) for text in texts]
    found: list[object] = []

    def read() -> None:
        found.append([lucene.parse([text]) for text in texts])

    threads = [threading.Thread(target=read) for _ in range(4)]
    patience = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(patience)
    assert found == [expected] * 4


def test_reading_leaves_no_parse_tables_behind_and_says_nothing(tmp_path: Path) -> None:
    package = Path(luqum.__file__).parent
    before = sorted(file.name for file in package.iterdir())
    code = "from worker.domain.search import lucene; print(lucene.parse(['a']).predicate.part.text)"
    program = [sys.executable, "-B", "-c", f"import sys; sys.path.insert(0, {str(Path.cwd())!r}); {code}"]
    ended = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("wa\n", "")
    assert list(tmp_path.iterdir()) == []
    assert sorted(file.name for file in package.iterdir()) == before
