"""The AsyncAPI document is today's contract, valid by the official schema, and true in its examples."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from contracts import answers, asyncapi, commands, events, topology
from contracts.description import catalog
from contracts.envelope import Delivery, open_envelope
from contracts.errors import ErrorKey

OFFICIAL = Path(__file__).parents[1] / "fixtures" / "asyncapi" / "3.0.0.json"
DOCUMENT = json.loads((asyncapi.FOLDER / asyncapi.FILE).read_bytes())
GIVEN = asyncapi.files()
MESSAGES = DOCUMENT["components"]["messages"]
OPERATIONS = DOCUMENT["operations"]


def is_valid(value: Any, name: str) -> bool:
    """Whether a value is valid against a schema of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(schema).is_valid(value)


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_committed_file_is_what_the_structs_give(name: str) -> None:
    """If not: `make schemas`."""
    assert (asyncapi.FOLDER / name).read_bytes() == GIVEN[name]


def test_no_schema_is_left_of_what_is_no_more() -> None:
    kept = {f"schemas/{path.name}" for path in (asyncapi.FOLDER / asyncapi.SCHEMAS).iterdir()}
    assert kept == GIVEN.keys() - {asyncapi.FILE}


def test_writing_removes_a_schema_of_what_is_no_more(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "basket.forgotten.json").write_text("{}")
    asyncapi.write(tmp_path)
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")}
    assert written == GIVEN.keys()


def test_the_document_is_valid_by_the_official_schema() -> None:
    validator = Draft7Validator(json.loads(OFFICIAL.read_bytes()))
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    broken = {**DOCUMENT, "operations": {"basket.get": {"action": "listen", "channel": {}}}}
    assert not validator.is_valid(broken)


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        found = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_schema_and_every_message_is_used() -> None:
    used = set(references(DOCUMENT))
    for part in ("schemas", "messages"):
        for name in DOCUMENT["components"][part]:
            assert f"#/components/{part}/{name}" in used


@pytest.mark.parametrize("type_", sorted(commands.BY_TYPE))
def test_a_command_is_received_and_replied_to(type_: str) -> None:
    operation = OPERATIONS[type_]
    assert operation["action"] == "receive"
    assert operation["channel"] == {"$ref": "#/channels/basket.commands"}
    assert operation["messages"] == [{"$ref": f"#/channels/basket.commands/messages/{type_}"}]
    replies = [reply["$ref"].rpartition("/")[2] for reply in operation["reply"]["messages"]]
    assert replies[-1] == events.REJECTED
    assert len(replies) > 1
    for reply in operation["reply"]["messages"]:
        assert reply["$ref"].rpartition("/")[2] in DOCUMENT["channels"]["replies"]["messages"]
    assert MESSAGES[type_]["bindings"]["amqp"]["messageType"] == type_
    assert MESSAGES[type_]["x-content-types"] == ["application/json", "application/xml", "text/xml"]


@pytest.mark.parametrize("type_", sorted(commands.BY_TYPE))
def test_a_command_has_an_entry_in_the_catalog(type_: str) -> None:
    """A new command: say what it does in contracts/catalog.py."""
    assert type_ in catalog.ENTRIES
    entry = catalog.entry(type_)
    assert entry.does.endswith(".")
    assert all(200 <= status < 300 for status in entry.statuses)
    assert (204 in entry.statuses) or answers.COMPLETED[type_] is not None
    assert list(entry.error_keys) == [key for key in ErrorKey if key in entry.error_keys]
    assert (ErrorKey.REPLY_TO_REQUIRED in entry.error_keys) == commands.BY_TYPE[type_].is_read


def test_the_catalog_knows_no_command_that_is_none() -> None:
    assert catalog.ENTRIES.keys() <= commands.BY_TYPE.keys()
    assert answers.NOTICES.keys() <= catalog.EVENTS.keys()


@pytest.mark.parametrize("type_", [events.COMPLETED, events.REJECTED, *answers.NOTICES])
def test_an_event_is_sent_under_its_type(type_: str) -> None:
    assert OPERATIONS[type_]["action"] == "send"
    channel = DOCUMENT["channels"][type_]
    assert channel["address"] == type_
    assert channel["bindings"]["amqp"]["exchange"]["name"] == "basket.events"
    for message in channel["messages"]:
        assert MESSAGES[message]["name"] == type_


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_the_examples_of_a_message_are_valid_against_its_payload(name: str) -> None:
    message = MESSAGES[name]
    for example in message.get("examples", ()):
        assert is_valid(example["payload"], message["payload"]["$ref"].rpartition("/")[2])


def test_every_message_with_a_body_that_needs_something_shows_an_example() -> None:
    for name, message in MESSAGES.items():
        assert ("examples" in message) == ("payload" in message), name


def test_the_headers_that_events_get_are_those_of_the_document() -> None:
    always = {"key": "k", "channel": "c", "causation_id": None}
    seldom = {"version": 3, "traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"}
    result = events.result_headers(status=200, command="basket.get", **always)
    refusal = events.result_headers(status=404, command="basket.get", error_key="x", **always, **seldom)
    notice = events.notice_headers(**{**always, **seldom})
    for headers, name in ((result, "ResultHeaders"), (refusal, "ResultHeaders"), (notice, "NoticeHeaders")):
        assert is_valid(headers, name)
        assert headers.keys() <= DOCUMENT["components"]["schemas"][name]["properties"].keys()
        assert not is_valid({**headers, "contract-version": 2}, name)
    assert not is_valid({**result, "status": "200"}, "ResultHeaders")


@pytest.mark.parametrize(
    ("headers", "is_good"),
    [
        ({}, True),
        ({"channel": "b2c", "expected-version": 3}, True),
        ({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, True),
        ({"expected-version": "3"}, False),
        ({"expected-version": True}, False),
        ({"channel": 5}, False),
        ({"channel": "a b"}, False),
    ],
)
def test_headers_of_commands_are_read_as_the_document_says(headers: dict[str, Any], is_good: bool) -> None:
    sent = {"authorization": "Bearer x.y.z", **headers}
    delivery = Delivery(
        key="k", body=b"{}", properties={"type": "basket.create", "message_id": "m"}, headers=sent
    )
    envelope = open_envelope(delivery, ["basket.replies."])
    is_taken = not envelope.problems and envelope.channel in (headers.get("channel"), "default")
    assert is_taken is is_good
    assert is_valid(sent, "CommandHeaders") is is_good
    assert is_valid(delivery.properties, "CommandProperties")


def test_the_table_of_errors_is_in_the_document() -> None:
    assert DOCUMENT["components"]["x-error-keys"] == [
        {"key": key.value, "status": key.status, "rank": rank} for rank, key in enumerate(ErrorKey)
    ]


def test_the_topology_is_in_the_document() -> None:
    shown = DOCUMENT["components"]["x-topology"]
    assert [queue["name"] for queue in shown["queues"]] == [queue.name for queue in topology.QUEUES]
    assert [one["name"] for one in shown["exchanges"]] == [one.name for one in topology.EXCHANGES]
    assert len(shown["bindings"]) == len(topology.BINDINGS)


def test_no_server_is_named() -> None:
    for server in DOCUMENT["servers"].values():
        assert server["host"] == "{host}:{port}"
        assert server["variables"]["host"]["default"] == "localhost"
