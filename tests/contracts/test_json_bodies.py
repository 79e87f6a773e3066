"""Bodies as nobody should send them: always problems with paths, never an exception."""

import ast
import json
import time
from typing import Any

import pytest
import wild
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import codec_json, commands
from contracts.body import Command
from contracts.commands import BasketCreate, BasketItemAdd, BasketUpdate
from contracts.envelope import MAX_BODY_BYTES
from contracts.errors import ErrorKey, Errors, Problem, in_order
from contracts.reference_data import ChannelPut, ProductPut

MEBIBYTE = 1024 * 1024
TYPES = sorted(commands.BY_TYPE.values(), key=lambda type_: type_.__name__)
FIELDS = sorted({name for type_ in TYPES for name in type_.__struct_encode_fields__})


def problems_of(body: bytes, type_: type[Command]) -> list[Problem]:
    """Decode a body; whatever comes of it must be a command, or problems, that can be answered and kept."""
    command, problems = codec_json.decode(body, type_)
    assert (command is None) <= bool(problems)
    assert (command is None) == any(problem.code is ErrorKey.MALFORMED for problem in problems)
    for problem in problems:
        assert problem.path is not None
        assert problem.path.startswith("$")
        assert problem.code in (ErrorKey.MALFORMED, ErrorKey.UNKNOWN_FIELD)
        assert wild.is_storable(problem.message)
        assert wild.is_storable(problem.path)
    answer = codec_json.encode(Errors(errors=in_order(problems)))
    assert len(answer) < MEBIBYTE / 2
    if command is not None:
        assert all(map(wild.is_storable, wild.all_texts(command)))
    return problems


def is_clean(body: bytes, type_: type[Command] = BasketUpdate) -> bool:
    return problems_of(body, type_) == []


def codes_and_paths(body: bytes, type_: type[Command]) -> list[tuple[str, str | None]]:
    return [(str(problem.code).split(".")[1], problem.path) for problem in problems_of(body, type_)]


types = st.sampled_from(TYPES)


@settings(max_examples=200)
@given(st.binary(max_size=200), types)
def test_any_bytes_are_a_body_or_a_problem(body: bytes, type_: type[Command]) -> None:
    problems_of(body, type_)


@settings(max_examples=200)
@given(wild.json_values, types)
def test_any_json_is_a_body_or_a_problem(value: Any, type_: type[Command]) -> None:
    problems_of(json.dumps(value).encode(), type_)


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from(FIELDS) | wild.texts, wild.json_values, max_size=6), types, st.booleans()
)
def test_known_fields_with_any_values_are_a_body_or_a_problem(
    body: dict[str, Any], type_: type[Command], is_ascii: bool
) -> None:
    problems_of(json.dumps(body, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass"), type_)


@settings(max_examples=100)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "commonShipToAddress": st.dictionaries(st.sampled_from(FIELDS), wild.json_values, max_size=4),
            "promotions": st.lists(st.fixed_dictionaries({"code": wild.json_values}), max_size=3),
            "commonShippingMethod": st.fixed_dictionaries({"id": wild.json_values, "x": wild.json_values}),
        },
    )
)
def test_problems_deep_inside_are_found_where_they_are(body: dict[str, Any]) -> None:
    problems_of(json.dumps(body).encode(), BasketUpdate)


@given(st.dictionaries(st.text(wild.STORABLE_LETTERS, min_size=1, max_size=9), wild.numbers, min_size=1))
def test_every_unknown_field_is_named(extra: dict[str, Any]) -> None:
    finite = {f"x{name}": 1 for name in extra}
    found = problems_of(json.dumps({"department": "Sales", **finite}).encode(), BasketUpdate)
    assert {problem.code for problem in found} == {ErrorKey.UNKNOWN_FIELD}
    assert {name_in(problem.path) for problem in found} == finite.keys()


def name_in(path: str | None) -> str:
    """Give the field's name that a JSONPath of one step means; quoted names are escaped as in Python."""
    assert path is not None
    if path.startswith("$."):
        assert not set(path[2:]) & set(" .[]'\"")
        return path[2:]
    return str(ast.literal_eval(path.removeprefix("$[").removesuffix("]")))


@pytest.mark.parametrize(
    ("body", "type_", "expected"),
    [
        (b'{"department":5,"taxExempt":"yes"}', BasketUpdate,
         [("malformed", "$.department"), ("malformed", "$.taxExempt")]),
        (b'{"department":null}', BasketUpdate, [("malformed", "$.department")]),
        (b'{"recurrence":null}', BasketUpdate, [("malformed", "$.recurrence")]),
        (b'{"commonShipToAddress":"Potsdam"}', BasketUpdate, [("malformed", "$.commonShipToAddress")]),
        (b'{"commonShipToAddress":{"city":1,"zip":"14482"}}', BasketUpdate,
         [("malformed", "$.commonShipToAddress.city"), ("unknown_field", "$.commonShipToAddress.zip")]),
        (b'{"commonShippingMethod":{}}', BasketUpdate, [("malformed", "$.commonShippingMethod.id")]),
        (b'{"promotions":[{"code":"A"},{"code":5},"B"]}', BasketUpdate,
         [("malformed", "$.promotions[1].code"), ("malformed", "$.promotions[2]")]),
        (b'{"promotions":{"code":"A"}}', BasketUpdate, [("malformed", "$.promotions")]),
        (b'{"deparment":"Sales"}', BasketUpdate, [("unknown_field", "$.deparment")]),
        (b'{"taxationId":"1"}', BasketUpdate, [("unknown_field", "$.taxationId")]),
        (b'{"a.b":1,"c d":2,"e[0]":3,"":4,"5":5,"h-i":6}', BasketUpdate,
         [("unknown_field", f"$['{name}']") for name in ("a.b", "c d", "e[0]", "", "5", "h-i")]),
        (b'{"it\'s":1,"\\n\\\\":2,"\xc3\xa4_5":3}', BasketUpdate,
         [("unknown_field", path) for path in (r"$['it\u0027s']", r"$['\u000a\u005c']", "$.ä_5")]),
        (b'{"dynamicMessages":[{"a.b":"\\u0000"}]}', BasketUpdate,
         [("malformed", "$.dynamicMessages[0]['a.b']")]),
        (b'{"elements":[{"sku":5}]}', BasketItemAdd, [("malformed", "$.elements[0].sku")]),
        (b'{"elements":[{"sku":"a","quantity":2}]}', BasketItemAdd,
         [("malformed", "$.elements[0].quantity")]),
        (b'{"purchaseCurrency":["EUR"]}', BasketCreate, [("malformed", "$.purchaseCurrency")]),
        (b'{"priceType":"free","catchUpLimit":-1}', ChannelPut,
         [("malformed", "$.priceType"), ("malformed", "$.catchUpLimit")]),
        (b'{"catchUpLimit":1.5}', ChannelPut, [("malformed", "$.catchUpLimit")]),
        (b'{"catchUpLimit":true}', ChannelPut, [("malformed", "$.catchUpLimit")]),
    ],
)  # fmt: skip
def test_wrong_types_and_names_are_all_found_with_their_paths(
    body: bytes, type_: type[Command], expected: list[tuple[str, str]]
) -> None:
    assert codes_and_paths(body, type_) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"}", b"nonsense", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"{'a':1}", b"{}{}", b"{},",
        b"[]", b"null", b"1", b'"text"', b"true",
        b'{"department":"a","department":"a"}',
        b'{"name":{"a":1,"a":2}}',
        b'{"name":[{"a":1,"\\u0061":2}]}',
        b'{"name":NaN}', b'{"name":Infinity}', b'{"name":-Infinity}', b'{"name":nan}', b'{"name":+1}',
        b'{"name":01}', b'{"name":0x10}', b'{"name":1.}', b'{"name":.5}', b'{"name":1e}',
        b'{"name":1e9999999999999999999}', b'{"name":1e-9999999999999999999}',
        b'{"x":1E+99999999999999999999}', b'{"name":' + b"9" * 5000 + b"}",
        b'{"department":"nul\\u0000"}', b'{"department":"nul\x00"}',
        b'{"nul\\u0000":1}', b'{"name":["\\u0000"]}',
        b'{"department":"half\\ud800"}', b'{"department":"\\udc00\\ud800"}', b'{"name":{"\\uDFFF":1}}',
        b'{"department":"half\xed\xa0\x80"}', b'{"department":"\xc0\x80"}',
        b'{"department":"line\nbreak"}',
        b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 200_000,
        b'{"a":' * 50_000,
    ],
)  # fmt: skip
def test_what_is_no_json_as_the_contract_takes_it_is_malformed_as_a_whole(body: bytes) -> None:
    (problem,) = problems_of(body, BasketUpdate)
    assert problem.code is ErrorKey.MALFORMED


@pytest.mark.parametrize("field", ["name", "recurrence", "unknown", "elements", "department"])
@pytest.mark.parametrize("nest", [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_of_any_depth_ends_in_a_command_or_a_problem(field: str, nest: tuple[bytes, bytes]) -> None:
    opening, closing = nest
    for depth in (*range(1, 900, 50), *range(900, 1010)):
        body = b'{"%b":%b1%b}' % (field.encode(), opening * depth, closing * depth)
        problems_of(body, BasketUpdate)


@pytest.mark.parametrize("escape", [b"\\\\u0000", b"\\\\ud800", b"\\ud83d\\ude00", b"\\u0001", b"\\uffff"])
def test_what_only_looks_like_nul_or_half_a_pair_is_taken(escape: bytes) -> None:
    assert is_clean(b'{"department":"' + escape + b'"}')


@given(st.text(wild.STORABLE_LETTERS, max_size=256), st.booleans())
def test_a_text_arrives_as_it_was_sent(text: str, is_ascii: bool) -> None:
    body = json.dumps({"department": text}, ensure_ascii=is_ascii).encode()
    command, problems = codec_json.decode(body, BasketUpdate)
    assert problems == []
    assert command is not None
    assert command.department == text


@pytest.mark.parametrize("field", ["department", "taxationID", "externalOrderReferenceID", "costCenterID"])
def test_a_text_has_at_most_256_characters(field: str) -> None:
    assert is_clean(json.dumps({field: "😀" * 256}).encode())
    assert codes_and_paths(json.dumps({field: "x" * 257}).encode(), BasketUpdate) == [
        ("malformed", f"$.{field}")
    ]


@pytest.mark.parametrize("ignored", [b"5", b"null", b"[1]", b'{"a":{}}', b'"x"'])
@pytest.mark.parametrize(
    "body",
    [
        b'{"type":%b}',
        b'{"name":%b}',
        b'{"dynamicMessages":%b}',
        b'{"commonShippingMethod":{"id":"STD","type":%b}}',
        b'{"commonShippingMethod":{"id":"STD","name":%b}}',
        b'{"commonShipToAddress":{"type":%b}}',
        b'{"promotions":[{"code":"A","type":%b}]}',
    ],
)
def test_what_the_contract_ignores_may_hold_anything(body: bytes, ignored: bytes) -> None:
    assert is_clean(body % ignored)


@pytest.mark.parametrize("zero", ["-0", "-0.0", "-0e5", "0.00", "0"])
def test_minus_nothing_is_nothing(zero: str) -> None:
    body = f'{{"name":"a","taxRate":{zero},"price":{{"currencyMnemonic":"USD","value":{zero}}}}}'
    put, problems = codec_json.decode(body.encode(), ProductPut)
    assert (put is not None, problems) == (True, [])
    assert not any(str(number).startswith("-") for number in (put.tax_rate, put.price.value))


def test_a_read_and_a_creation_need_no_body() -> None:
    for type_ in (commands.BasketGet, commands.BasketCreate):
        for body in (b"", b"  \n", b"{}"):
            assert codec_json.decode(body, type_) == (type_(), [])


@pytest.mark.parametrize("filler", ["\x7f", "x", "\\u0001", '\\"', "ä", "😀", "\U000e0001"])
@pytest.mark.parametrize(
    ("template", "type_"),
    [
        ('{"priceType":"%s"}', ChannelPut),
        ('{"missedAfter":"%s"}', ChannelPut),
        ('{"currency":"%s"}', ChannelPut),
        ('{"%s":1}', BasketUpdate),
        ('{"a":{"%s":1},"b":NaN}', BasketUpdate),
        ('{"department":"%s"}', BasketUpdate),
        ('{"commonShipToAddress":{"%s":1,"city":2}}', BasketUpdate),
        ('{"elements":[{"sku":5,"%s":1}]}', BasketItemAdd),
        ('{"elements":"%s"}', BasketItemAdd),
        ("{%s", BasketItemAdd),
    ],
)
def test_the_answer_to_the_largest_body_can_be_sent(template: str, type_: type[Command], filler: str) -> None:
    room = MAX_BODY_BYTES - len(template)
    body = (template % (filler * (room // len(filler.encode())))).encode()
    assert len(body) <= MAX_BODY_BYTES
    problems_of(body, type_)


def test_a_body_that_is_wrong_everywhere_gets_an_answer_of_a_hundred_problems() -> None:
    body = json.dumps({"elements": [{"sku": 5, "x" * 9: 1}] * 9_000}).encode()
    assert len(in_order(problems_of(body, BasketItemAdd))) == 100


def test_a_body_that_is_wrong_in_87000_places_is_read_in_a_moment() -> None:
    """One after the other in a worker, such bodies would hold up everybody."""
    body = b'{"promotions":[' + b"{}," * 87_000 + b"{}]}"
    assert len(body) <= MAX_BODY_BYTES
    began = time.process_time()
    _, problems = codec_json.decode(body, BasketUpdate)
    assert len(problems) == 87_001
    assert time.process_time() - began < 2
