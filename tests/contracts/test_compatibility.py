"""Later contracts of one version break nobody: compared with the released one, and the comparison itself."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import CONTRACT_VERSION, asyncapi
from contracts.compatibility import breaks

FIXTURES = Path(__file__).parents[1] / "fixtures"
BASELINE = FIXTURES / f"contract-{CONTRACT_VERSION}" / asyncapi.FILE

Node = dict[str, Any]
Change = Callable[[Node], object]


def test_the_contract_breaks_nothing_that_was_released() -> None:
    assert breaks(json.loads(BASELINE.read_bytes()), asyncapi.document()) == []


def message(schema: str) -> Node:
    return {"payload": {"$ref": f"#/components/schemas/{schema}"}}


SCHEMAS: dict[str, Node] = {
    "Buy": {
        "type": "object",
        "properties": {
            "sku": {"type": "string", "minLength": 1, "maxLength": 200},
            "count": {"type": "integer", "minimum": 1, "maximum": 100},
            "kind": {"type": "string", "enum": ["gross", "net"]},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
            "price": {"$ref": "#/components/schemas/Price"},
            "missed": {"anyOf": [{"type": "string", "enum": ["all"]}, {"type": "integer"}]},
            "name": {},
        },
        "required": ["sku"],
        "additionalProperties": False,
    },
    "Price": {
        "type": "object",
        "properties": {"value": {"type": "number"}},
        "required": ["value"],
        "additionalProperties": False,
    },
    "Placed": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "type": {"const": "Order"},
            "count": {"type": "number"},
            "state": {"type": "string", "enum": ["open", "done"]},
            "note": {"type": "string"},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
        },
        "required": ["id", "type", "lines"],
    },
    "Line": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
}


def a_contract() -> Node:
    """A small contract: one command, one answer, one event."""
    return {
        "channels": {"commands": {"address": "{key}"}, "order.placed": {"address": "order.placed"}},
        "operations": {
            "buy": {
                "action": "receive",
                "messages": [{"$ref": "#/channels/commands/messages/buy"}],
                "reply": {
                    "messages": [{"$ref": "#/c/replies/messages/bought"}, {"$ref": "#/c/replies/messages/no"}]
                },
                "x-success-status": [201, 200],
            },
            "order.placed": {"action": "send"},
        },
        "components": {
            "messages": {"buy": message("Buy"), "order.placed": message("Placed")},
            "schemas": copy.deepcopy(SCHEMAS),
            "x-error-keys": [{"key": "a.error", "status": 400, "rank": 0}],
            "x-topology": {"queues": [{"name": "q.00", "arguments": {}}]},
        },
    }


def schema(contract: Node, name: str) -> Node:
    return contract["components"]["schemas"][name]


def field(contract: Node, name: str) -> Node:
    struct, _, rest = name.partition(".")
    return schema(contract, struct)["properties"][rest]


def found(change: Change) -> list[str]:
    changed = a_contract()
    change(changed)
    return breaks(a_contract(), changed)


def test_a_contract_is_compatible_with_itself() -> None:
    assert breaks(a_contract(), a_contract()) == []


BREAKING: dict[str, tuple[Change, str]] = {
    "a required field is added to a command": (
        lambda c: (
            schema(c, "Buy")["properties"].update(size={}),
            schema(c, "Buy")["required"].append("size"),
        ),
        "buy payload.size: it is required",
    ),
    "an optional field becomes required": (
        lambda c: schema(c, "Buy")["required"].append("count"),
        "buy payload.count: it is required",
    ),
    "a required field is added deep inside a command": (
        lambda c: schema(c, "Price")["required"].append("currency"),
        "buy payload.price.currency: it is required",
    ),
    "a field of a command is removed": (
        lambda c: schema(c, "Buy")["properties"].pop("count"),
        "buy payload.count: there is no such field",
    ),
    "a field of a command is renamed": (
        lambda c: schema(c, "Buy")["properties"].update(number=schema(c, "Buy")["properties"].pop("count")),
        "buy payload.count: there is no such field",
    ),
    "a type is another": (lambda c: field(c, "Buy.sku").update(type="integer"), "string is not taken"),
    "a number must be an integer": (
        lambda c: field(c, "Price.value").update(type="integer"),
        "number is not taken",
    ),
    "what was anything has a type": (lambda c: field(c, "Buy.name").update(type="string"), "is not taken"),
    "a value of a list is gone": (lambda c: field(c, "Buy.kind")["enum"].pop(), "'net' is not taken"),
    "a free text becomes a list": (lambda c: field(c, "Buy.sku").update(enum=["a"]), "only 'a' is taken"),
    "a text may be shorter only": (lambda c: field(c, "Buy.sku").update(maxLength=100), "maxLength is 100"),
    "a text must be longer": (lambda c: field(c, "Buy.sku").update(minLength=2), "minLength is 2"),
    "a number may be smaller only": (lambda c: field(c, "Buy.count").update(maximum=99), "maximum is 99"),
    "a number has a limit now": (
        lambda c: field(c, "Price.value").update(exclusiveMinimum=0),
        "exclusiveMinimum is 0",
    ),
    "a list may have fewer items": (lambda c: field(c, "Buy.tags").update(maxItems=4), "maxItems is 4"),
    "the items are of another type": (
        lambda c: field(c, "Buy.tags")["items"].update(type="integer"),
        "tags[]: string is not taken",
    ),
    "a text has a pattern now": (lambda c: field(c, "Buy.sku").update(pattern="^a"), "the pattern"),
    "one of two forms is gone": (lambda c: field(c, "Buy.missed")["anyOf"].pop(), "integer is not taken"),
    "a field of an event is removed": (
        lambda c: schema(c, "Placed")["properties"].pop("note"),
        "order.placed payload.note: it is gone",
    ),
    "a field of an event may be absent": (
        lambda c: schema(c, "Placed")["required"].remove("id"),
        "order.placed payload.id: it is required and may be absent",
    ),
    "a field deep inside an event may be absent": (
        lambda c: schema(c, "Line")["required"].clear(),
        "order.placed payload.lines[].sku: it is required and may be absent",
    ),
    "a field of an event is of another type": (
        lambda c: field(c, "Placed.note").update(type="integer"),
        "integer is not taken",
    ),
    "a field of an event may be null": (
        lambda c: field(c, "Placed.note").update(type=["string", "null"]),
        "null is not taken",
    ),
    "an event has a value that its list had not": (
        lambda c: field(c, "Placed.state")["enum"].append("lost"),
        "'lost' is not taken",
    ),
    "an event says another constant": (
        lambda c: field(c, "Placed.type").update(const="Purchase"),
        "'Purchase' is not taken",
    ),
    "a command is gone": (lambda c: c["operations"].pop("buy"), "operations: buy is gone"),
    "an event is gone": (lambda c: c["channels"].pop("order.placed"), "channels: order.placed is gone"),
    "a message is gone": (lambda c: c["components"]["messages"].pop("buy"), "the message buy is gone"),
    "an event has no body any more": (
        lambda c: c["components"]["messages"]["order.placed"].pop("payload"),
        "order.placed payload: it had one before",
    ),
    "an event comes under another routing key": (
        lambda c: c["channels"]["order.placed"].update(address="order.made"),
        "has another address",
    ),
    "an answer is gone": (
        lambda c: c["operations"]["buy"]["reply"]["messages"].pop(),
        "buy is no more answered with no",
    ),
    "a success has another status": (
        lambda c: c["operations"]["buy"].update({"x-success-status": [202, 200]}),
        "buy is no more answered with 201",
    ),
    "an error key is gone": (
        lambda c: c["components"]["x-error-keys"].clear(),
        "the error key a.error is gone",
    ),
    "an error key has another status": (
        lambda c: c["components"]["x-error-keys"][0].update(status=409),
        "the status of a.error was 400 and is 409",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_it_breaks_somebody_when(name: str) -> None:
    change, expected = BREAKING[name]
    assert [sentence for sentence in found(change) if expected in sentence], found(change)


COMPATIBLE: dict[str, Change] = {
    "an optional field is added to a command": lambda c: schema(c, "Buy")["properties"].update(size={}),
    "an optional field is added deep inside a command": lambda c: schema(c, "Price")["properties"].update(
        x={}
    ),
    "a required field becomes optional": lambda c: schema(c, "Buy")["required"].clear(),
    "a command's type is wider": lambda c: field(c, "Buy.count").update(type="number"),
    "a command's type is one more": lambda c: field(c, "Buy.sku").update(type=["string", "integer"]),
    "a command takes another form": lambda c: field(c, "Buy.missed")["anyOf"].append({"type": "boolean"}),
    "a command's list has one more value": lambda c: field(c, "Buy.kind")["enum"].append("mixed"),
    "a command's list is free text now": lambda c: field(c, "Buy.kind").pop("enum"),
    "a command's limits are wider": lambda c: (
        field(c, "Buy.sku").update(maxLength=300),
        field(c, "Buy.count").update(minimum=0),
        field(c, "Buy.tags").pop("maxItems"),
    ),
    "an event has one more field": lambda c: (
        schema(c, "Placed")["properties"].update(size={}),
        schema(c, "Placed")["required"].append("size"),
    ),
    "an event promises a field": lambda c: schema(c, "Placed")["required"].append("note"),
    "an event says a type more narrowly": lambda c: field(c, "Placed.count").update(type="integer"),
    "an event uses a value no more": lambda c: field(c, "Placed.state")["enum"].pop(),
    "a command is added": lambda c: c["operations"].update(sell={"action": "receive", "messages": []}),
    "an event is added": lambda c: c["channels"].update({"order.lost": {"address": "order.lost"}}),
    "an error key is added before others": lambda c: c["components"]["x-error-keys"].insert(
        0, {"key": "b.error", "status": 409, "rank": 0}
    ),
    "a struct has another name": lambda c: (
        c["components"]["schemas"].update(Sum=c["components"]["schemas"].pop("Price")),
        schema(c, "Buy")["properties"].update(price={"$ref": "#/components/schemas/Sum"}),
    ),
    "a queue of the service's own has other arguments": lambda c: c["components"]["x-topology"]["queues"][0][
        "arguments"
    ].update({"x-max-length": 5}),
    "the service has more queues": lambda c: c["components"]["x-topology"]["queues"].append({"name": "q.01"}),
    "a description is another": lambda c: field(c, "Buy.sku").update(description="The article."),
}


@pytest.mark.parametrize("name", COMPATIBLE)
def test_it_breaks_nobody_when(name: str) -> None:
    assert found(COMPATIBLE[name]) == []


def test_the_whole_contract_with_a_new_required_field_is_incompatible() -> None:
    changed = asyncapi.document()
    changed["components"]["schemas"]["BasketItemRemove"]["required"].append("reason")
    assert breaks(asyncapi.document(), changed) == [
        "basket.item.remove payload.reason: it is required and may be absent"
    ]


def test_the_baseline_is_kept_as_it_is_committed(tmp_path: Path) -> None:
    asyncapi.keep_baseline(tmp_path)
    kept = tmp_path / f"contract-{CONTRACT_VERSION}" / asyncapi.FILE
    assert kept.read_bytes() == (asyncapi.FOLDER / asyncapi.FILE).read_bytes()
