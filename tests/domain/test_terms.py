"""What an object is found by, against literals and against plain comparison."""

import math
import re
import struct
import time
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker.domain.search import terms

AT = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
# Of an object with the provider id p1 and no datasets; the instant by `date -d`, in microseconds, plus 2**63.
ALWAYS = "'dcreatedAt=800617c3bb534a80' 'fcreatedAt' 'fproviderId' 'sproviderId=p1' 'wp1':1"
doubles = st.floats(allow_nan=False)
instants = st.datetimes(
    datetime.fromisoformat("0001-01-02"), datetime.fromisoformat("9999-12-30"), timezones=st.just(UTC)
)


def literal_of(attributes: dict[str, Any], *, datasets: Sequence[str] = ()) -> str:
    return terms.of_object("p1", datasets, AT, attributes).literal


def lexemes_of(attributes: dict[str, Any]) -> set[str]:
    """Everything but what every object has, without places."""
    found = re.findall(r"'((?:[^']|'')*)'", literal_of(attributes))
    return set(found) - {"dcreatedAt=800617c3bb534a80", "fcreatedAt", "fproviderId", "sproviderId=p1", "wp1"}


def test_an_object_without_attributes_is_found_by_what_every_object_has() -> None:
    assert terms.of_object("p1", (), AT, {}) == terms.Terms(literal=ALWAYS, fields=())


@pytest.mark.parametrize(
    ("attributes", "lexemes"),
    [
        ({"a": "Foo Bar"}, {"fa", "sa=foo bar", "wfoo", "wbar"}),
        ({"a": True}, {"fa", "sa=true"}),
        ({"a": False}, {"fa", "sa=false"}),
        ({"a": 0}, {"fa", "na=8000000000000000"}),
        ({"a": 1}, {"fa", "na=bff0000000000000"}),
        ({"a": -1}, {"fa", "na=400fffffffffffff"}),
        ({"a": Decimal("2.50")}, {"fa", "na=c004000000000000"}),
        ({"a": Decimal("-0.0")}, {"fa", "na=8000000000000000"}),
        ({"a": None}, set()),
        ({"a": []}, set()),
        ({"a": {}}, set()),
        ({"a": ""}, {"fa", "sa="}),
        ({"a": ["X", 1, None, ["y"]]}, {"fa", "sa=x", "sa=y", "na=bff0000000000000", "wx", "wy"}),
        ({"a": {"b": {"c": "X"}}}, {"fa.b.c", "sa.b.c=x", "wx"}),
        ({"a": [{"b": "X"}, {"b": "Y"}]}, {"fa.b", "sa.b=x", "sa.b=y", "wx", "wy"}),
        ({"a": "1970-01-01"}, {"fa", "sa=1970-01-01", "da=8000000000000000", "w1970", "w01"}),
        ({"a": "1969-12-31"}, {"fa", "sa=1969-12-31", "da=7fffffebe228a000", "w1969", "w12", "w31"}),
        ({"a": "2024-02-30"}, {"fa", "sa=2024-02-30", "w2024", "w02", "w30"}),
        ({"a": "O'Neil\\x"}, {"fa", "sa=o''neil\\\\x", "wo", "wneil", "wx"}),
        (
            {"a": "\u03a0\u03a3 \u03a3\u03a0"},
            {"fa", "sa=\u03c0\u03c3 \u03c3\u03c0", "w\u03c0\u03c3", "w\u03c3\u03c0"},
        ),
        ({"a": "?!"}, {"fa", "sa=?!"}),
    ],
)
def test_every_value_has_its_terms(attributes: dict[str, Any], lexemes: set[str]) -> None:
    assert lexemes_of(attributes) == lexemes


def test_every_attribute_with_a_value_is_a_field_but_built_in_ones_are_not() -> None:
    attributes = {"b": 1, "a": {"x": "y"}, "tags": "t", "providerId": "q", "createdAt": 1, "none": None}
    assert terms.of_object("p1", (), AT, attributes).fields == ("a.x", "b")


def test_the_tags_are_the_datasets_and_an_attribute_of_that_name() -> None:
    literal = literal_of({"tags": ["New"]}, datasets=("URN:A", "URN:B"))
    assert re.findall(r"'(stags=.*?)'", literal) == ["stags=new", "stags=urn:a", "stags=urn:b"]
    assert re.findall(r"'(w.*?)'", literal) == ["wnew", "wp1"]


def test_terms_are_sorted_and_each_stands_once() -> None:
    assert literal_of({"b": ["X", "x"], "a": "x"}) == (
        "'dcreatedAt=800617c3bb534a80' 'fa' 'fb' 'fcreatedAt' 'fproviderId' 'sa=x' 'sb=x' 'sproviderId=p1' "
        "'wp1':1 'wx':4,7,10"
    )


def test_words_follow_each_other_within_a_text_only() -> None:
    assert terms.of_label("Great, great images!") == "'wgreat':1,2 'wimages':3"
    assert "'wa':4 'wb':5 'wc':8" in literal_of({"t": ["a b", "c"]})


def test_a_text_too_long_for_a_term_is_found_by_its_words() -> None:
    fits = "é" * 948  # with `sa=` 1,899 bytes
    assert f"sa={fits}" in lexemes_of({"a": fits})
    assert lexemes_of({"a": fits + " é"}) == {"fa", f"w{fits}", "wé"}


def test_a_word_too_long_for_a_term_is_cut_between_characters() -> None:
    long = "é" * 5000
    assert lexemes_of({"a": long}) == {"fa", "w" + "é" * 949}
    assert terms.word_term(long) == "w" + "é" * 949


def test_words_beyond_what_a_tsvector_places_are_found_without_a_place() -> None:
    literal = terms.of_label(" ".join(f"v{n}" for n in range(1, 16_386)))
    assert "'wv16383':16383 " in literal
    assert "'wv16384' " in literal
    assert "'wv16385' " in literal


def test_a_lexeme_has_no_more_places_than_a_tsvector_keeps() -> None:
    assert terms.of_label("a " * 300) == "'wa':" + ",".join(map(str, range(1, 257)))


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00", 0),
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00+0100", 0),
        ("1970-01-01T01:00:00+01", 0),
        ("1970-01-01T00:00:00.000001", 1),
        ("1970-01-01T00:00:00,5", 500_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456),
        ("0001-01-01T00:00:00+14:00", -62_135_596_800_000_000 - 14 * 3_600_000_000),
        ("9999-12-31T23:59:59.999999-14:00", 253_402_300_799_999_999 + 14 * 3_600_000_000),
    ],
)
def test_dates_and_instants_are_microseconds(text: str, microseconds: int) -> None:
    instant = terms.instant_of(text)
    assert instant is not None
    assert terms.instant_key(instant) == 2**63 + microseconds


@pytest.mark.parametrize(
    "text",
    ["", "1970", "1970-01", "1970-1-1", "19700101", "0000-01-01", "2023-02-29", "1970-01-01 00:00",
     "1970-01-01T", "1970-01-01T24:00", "1970-01-01T00:60", "1970-01-01T00:00+24:00", "1970-01-01Z",
     "1970-01-01\n", "\u0661\u0669\u0667\u0660-01-01"],
)  # fmt: skip
def test_what_is_no_date_is_a_text_only(text: str) -> None:
    assert terms.instant_of(text) is None
    assert not any(lexeme.startswith("da=") for lexeme in lexemes_of({"a": text}))


def test_a_date_without_an_offset_is_in_utc_wherever_we_run(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "America/Los_Angeles")
            time.tzset()
            assert terms.instant_of("1970-01-01T00:00") == datetime(1970, 1, 1, tzinfo=UTC)
    finally:
        time.tzset()


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("-5", -5), ("+5", 5), ("1.50", 1.5), (".5", 0.5), ("5.", 5), ("1e3", 1000), ("1E-3", 0.001),
     ("9" * 5000, math.inf), ("-1e999", -math.inf)],
)  # fmt: skip
def test_numbers_are_read_as_json_writes_them_and_a_little_wider(text: str, number: float) -> None:
    assert terms.number_of(text) == number


@pytest.mark.parametrize(
    "text", ["", ".", "-", "e5", "nan", "inf", "1_000", "0x10", "1 ", "\u0663", "1e", "--1"]
)
def test_what_is_no_number_is_a_text(text: str) -> None:
    assert terms.number_of(text) is None


@given(doubles, doubles)
def test_numbers_sort_as_their_terms_do(one: float, other: float) -> None:
    keys = terms.number_term("a", terms.number_key(one)), terms.number_term("a", terms.number_key(other))
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)


@given(doubles.filter(bool))
def test_a_number_is_the_ieee_double_with_its_sign_turned(number: float) -> None:
    (signed,) = struct.unpack(">q", struct.pack(">d", number))
    expected = signed + 2**63 if signed >= 0 else -1 - signed
    assert terms.number_key(number) == expected


@given(instants, instants, st.integers(-14, 14))
def test_instants_sort_as_their_terms_do_in_any_zone(one: datetime, other: datetime, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    moved = terms.instant_of(other.astimezone(zone).isoformat())
    assert moved is not None
    first, second = (terms.instant_term("a", terms.instant_key(instant)) for instant in (one, moved))
    assert (first < second, first == second) == (one < other, one == other)


@given(st.text(), st.text())
def test_case_is_folded_character_by_character(one: str, other: str) -> None:
    assume(unicodedata.normalize("NFC", one + other) == one + other)
    assert terms.lowered(one + other) == terms.lowered(one) + terms.lowered(other)


def test_an_accent_is_the_same_in_its_letter_and_behind_it() -> None:
    assert terms.lowered("CAFE\N{COMBINING ACUTE ACCENT}") == terms.lowered("Café") == "café"
