"""The JSON Schemas say what the codec does: what one takes, the other takes."""

import json
from typing import Any

import from_schema
import intershop
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts import answers, asyncapi, codec_json, commands
from contracts.description import descriptions, examples, json_schemas
from contracts.errors import ErrorKey, Errors, Problem

FOLDER = asyncapi.FOLDER / asyncapi.SCHEMAS
TYPES = sorted(commands.BY_TYPE)
ENCODER = msgspec.json.Encoder(decimal_format="number")


def schema(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_bytes())


def is_valid(body: Any, name: str) -> bool:
    return Draft202012Validator(schema(name)).is_valid(body)


def test_there_is_a_schema_for_every_command_and_every_event() -> None:
    names = {path.stem for path in FOLDER.glob("*.json")}
    assert names >= {*commands.BY_TYPE, *answers.NOTICES, "Basket", "Order", "Errors"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_schema_is_valid_named_and_complete_in_itself(path: Any) -> None:
    document = json.loads(path.read_bytes())
    Draft202012Validator.check_schema(document)
    assert document["$id"] == f"urn:basketry:contract:1:{path.stem}"
    text = path.read_text()
    for name in document.get("$defs", {}):
        assert f'"#/$defs/{name}"' in text
    assert text.count('"$ref": "') == text.count('"$ref": "#/$defs/')


@pytest.mark.parametrize("name", intershop.requests())
def test_every_request_of_the_intershop_document_is_valid(name: str) -> None:
    assert is_valid(json.loads(intershop.body(name)), "basket.update")


@pytest.mark.parametrize("name", ["response-single-shipment", "response-multiple-shipment"])
def test_the_responses_of_the_intershop_document_are_baskets_but_for_what_we_add(name: str) -> None:
    shown = json.loads(intershop.body(name))
    problems = list(Draft202012Validator(schema("Basket")).iter_errors({**shown, "owner": "p", "version": 1}))
    assert [problem.message for problem in problems] == []


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("basket.update", {"department": 5}),
        ("basket.update", {"department": None}),
        ("basket.update", {"department": "x" * 257}),
        ("basket.update", {"taxExempt": "yes"}),
        ("basket.update", {"recurrence": None}),
        ("basket.update", {"recurrence": []}),
        ("basket.update", {"recurrence": {"executeMissedOrders": "true"}}),
        ("basket.update", {"commonShipToAddress": "Potsdam"}),
        ("basket.update", {"commonShipToAddress": {"city": 1}}),
        ("basket.update", {"commonShippingMethod": {}}),
        ("basket.update", {"promotions": {"code": "A"}}),
        ("basket.update", {"promotions": [{"code": "A"}, "B"]}),
        ("basket.update", {"deparment": "Sales"}),
        ("basket.update", {"commonShipToAddress": {"zip": "14482"}}),
        ("basket.update", []),
        ("basket.update", "text"),
        ("basket.create", {"purchaseCurrency": ["EUR"]}),
        ("basket.item.add", {"elements": [{"sku": 5}]}),
        ("basket.item.add", {"elements": [{"sku": "a", "quantity": 2}]}),
        ("basket.item.remove", {}),
        ("basket.list", {"limit": 0}),
        ("basket.list", {"limit": 101}),
        ("basket.list", {"limit": True}),
        ("channel.put", {"priceType": "free"}),
        ("channel.put", {"catchUpLimit": -1}),
        ("channel.put", {"catchUpLimit": 1.5}),
        ("channel.put", {"shippingTaxRate": "19"}),
        ("channel.put", {"shippingTaxRate": 101}),
        ("channel.put", {"currency": "usd"}),
        ("product.put", {"name": "", "price": {"currencyMnemonic": "EUR", "value": 1}, "taxRate": 0}),
        ("product.put", {"name": "a", "price": {"currencyMnemonic": "EUR", "value": 10**12}, "taxRate": 0}),
        ("product.put", {"name": "a", "price": {"value": 1}, "taxRate": 0}),
        ("product.put", {"name": "a"}),
        ("recurrence.resume", {"missed": "some"}),
        ("recurrence.resume", {"missed": 0}),
    ],
)
def test_what_the_codec_refuses_the_schema_refuses(type_: str, body: Any) -> None:
    _, problems = codec_json.decode(json.dumps(body).encode(), commands.BY_TYPE[type_])
    assert {problem.code for problem in problems} <= {ErrorKey.MALFORMED, ErrorKey.UNKNOWN_FIELD}
    assert problems
    assert not is_valid(body, type_)


@pytest.mark.parametrize("type_", TYPES)
@settings(max_examples=25)
@given(st.data())
def test_what_the_schema_takes_the_codec_takes(type_: str, data: st.DataObject) -> None:
    document = schema(type_)
    body = data.draw(from_schema.values(document, document))
    assert Draft202012Validator(document).is_valid(body)
    command, problems = codec_json.decode(ENCODER.encode(body), commands.BY_TYPE[type_])
    assert problems == []
    assert command is not None


def test_every_body_of_which_something_is_required_has_an_example() -> None:
    """A new command or event: write its example into contracts/examples.py."""
    shown = {**examples.COMMANDS, **examples.ANSWERS, **examples.EVENTS}
    needed = {path.stem for path in FOLDER.glob("*.json") if schema(path.stem).get("required")}
    assert needed - shown.keys() == set()
    assert all((FOLDER / f"{name}.json").exists() for name in shown)


@pytest.mark.parametrize("name", sorted({*examples.COMMANDS, *examples.ANSWERS, *examples.EVENTS}))
def test_an_example_is_valid(name: str) -> None:
    shown = {**examples.COMMANDS, **examples.ANSWERS, **examples.EVENTS}[name]
    problems = Draft202012Validator(schema(name)).iter_errors(shown)
    assert [problem.message for problem in problems] == []


@pytest.mark.parametrize("type_", sorted(examples.COMMANDS))
def test_an_example_of_a_command_is_taken(type_: str) -> None:
    body = json.dumps(examples.COMMANDS[type_]).encode()
    assert codec_json.decode(body, commands.BY_TYPE[type_])[1] == []


def test_a_refusal_is_as_its_schema_says() -> None:
    problems = tuple(Problem(code=key, message="m", path=path) for key in ErrorKey for path in (None, "$.x"))
    assert is_valid(json.loads(codec_json.encode(Errors(errors=problems))), "Errors")


def test_what_is_always_sent_is_promised() -> None:
    assert set(schema("Basket")["required"]) == {
        "name", "type", "id", "owner", "version", "purchaseCurrency", "multipleShippmentsSupported", "totals",
    }  # fmt: skip
    assert schema("Basket")["properties"]["name"]["const"] == "basket"
    assert schema("Errors")["$defs"]["Problem"]["required"] == ["code", "message"]


def test_a_list_of_error_keys_stays_open_for_new_ones() -> None:
    unknown = {"errors": [{"code": "basket.of_tomorrow.error", "message": "m"}]}
    assert is_valid(unknown, "Errors")
    assert schema("Errors")["$defs"]["ErrorKey"]["x-extensible-enum"] == [key.value for key in ErrorKey]


def test_every_description_is_one_of_a_field() -> None:
    """Of one that is gone, or says it itself now: take it out of contracts/descriptions.py."""
    shown = {
        name
        for struct, known in json_schemas.components().items()
        for field, given in known.get("properties", {}).items()
        for name in (field, f"{struct}.{field}")
        if given.get("description") == descriptions.of(struct, field) == descriptions.FIELDS.get(name)
    }
    assert descriptions.FIELDS.keys() - shown == set()


def test_a_type_that_nobody_describes_is_named() -> None:
    with pytest.raises(TypeError, match="no JSON Schema is known for complex"):
        json_schemas._schema_of(complex)
