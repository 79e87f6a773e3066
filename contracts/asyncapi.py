"""The whole contract as one AsyncAPI document, from the structs: `python -m contracts.asyncapi` writes it.

It is written from the service's side, as AsyncAPI has it: commands are received and replied to, events sent.
AMQP's reply_to and correlation_id are basic properties; AsyncAPI knows headers and payloads only, so its
locations name them as headers. Sources: AsyncAPI 3.0.0, AMQP bindings 0.3.0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from contracts import CONTRACT_VERSION, answers, commands, events, topology
from contracts.description import catalog, header_schemas, json_schemas, messages
from contracts.description.messages import BINDINGS_VERSION, reference
from contracts.envelope import MAX_BODY_BYTES
from contracts.errors import ErrorKey

FOLDER = Path(__file__).parent
FILE = "asyncapi.json"
SCHEMAS = "schemas"

_COMMANDS = topology.COMMANDS
_REPLIES = "replies"

Node = dict[str, Any]

_ABOUT = (
    f"A message-driven basket service. Publish commands to the exchange `{topology.COMMANDS}`, with the id "
    "of what they are about as the routing key; read results and other events from the exchange "
    f"`{topology.EVENTS}`, and replies from your own queue. Bodies are JSON or XML in UTF-8, at most "
    f"{MAX_BODY_BYTES // 1024} KiB. Commands of one key are applied in the order in which they were "
    "published; a repeated message id has no second effect."
)


def document() -> Node:
    """Make the document."""
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:basketry:contract:{CONTRACT_VERSION}",
        "info": {
            "title": "Basketry",
            "version": str(CONTRACT_VERSION),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": header_schemas.CONTENT_TYPES[0],
        "servers": {"amqp": _server("amqp", "5672"), "amqps": _server("amqps", "5671")},
        "channels": _channels(),
        "operations": {
            **{type_: _receive(type_) for type_ in _command_types()},
            **{type_: _send(type_) for type_ in (events.COMPLETED, events.REJECTED, *answers.NOTICES)},
        },
        "components": _components(),
    }


def files() -> dict[str, bytes]:
    """Give every generated file by its path in this package."""
    schemas = {f"{SCHEMAS}/{name}": content for name, content in json_schemas.files().items()}
    return {FILE: json_schemas.encode(document()), **schemas}


def write(folder: Path = FOLDER) -> None:
    """Write every generated file, and remove the schemas of what is no more."""
    (folder / SCHEMAS).mkdir(exist_ok=True)
    wanted = files()
    for path in (folder / SCHEMAS).glob("*.json"):
        if f"{SCHEMAS}/{path.name}" not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (folder / name).write_bytes(content)


def _command_types() -> list[str]:
    """List the commands, reference data last: few readers publish it."""
    return sorted(commands.BY_TYPE, key=lambda type_: commands.BY_TYPE[type_].is_reference)


def _components() -> Node:
    return {
        "schemas": {**header_schemas.all_of_them(), **json_schemas.components()},
        "messages": {
            **{type_: messages.command(type_) for type_ in _command_types()},
            **messages.results(),
            **{type_: messages.notice(type_) for type_ in answers.NOTICES},
        },
        "correlationIds": {"correlation": {"location": "$message.header#/correlation_id"}},
        "replyAddresses": {
            "reply_to": {
                "location": "$message.header#/reply_to",
                "description": "The AMQP property reply_to of the command. A read must have one.",
            }
        },
        "securitySchemes": {
            "broker": {"type": "userPassword", "description": "A user of the broker's."},
        },
        "x-error-keys": [
            {"key": key.value, "status": key.status, "rank": rank} for rank, key in enumerate(ErrorKey)
        ],
        "x-topology": _topology(),
    }


def _server(protocol: str, port: str) -> Node:
    return {
        "host": "{host}:{port}",
        "pathname": "/{vhost}",
        "protocol": protocol,
        "protocolVersion": "0.9.1",
        "description": "Your RabbitMQ.",
        "variables": {
            "host": {"default": "localhost", "description": "The broker's name."},
            "port": {"default": port},
            "vhost": {"default": "%2F", "description": "The virtual host, percent-encoded."},
        },
        "security": [reference("components/securitySchemes/broker")],
    }


def _channels() -> Node:
    return {
        _COMMANDS: {
            "address": "{key}",
            "title": "Commands",
            "description": "Publish persistent, with confirms and the mandatory flag.",
            "parameters": {
                "key": {
                    "description": "The routing key: the id of what the command is about, 1 to 200 printable "
                    "ASCII characters without blanks. It is also the ordering key.",
                    "examples": ["L2IKAB3Rr6YAAAFGbuhjRgSB", "1612143", "default"],
                }
            },
            "messages": _messages(_command_types()),
            "bindings": _on_exchange(topology.COMMANDS),
        },
        _REPLIES: {
            "address": None,
            "title": "Replies",
            "description": "The sender's queue. A reply is not durable: send the command again to fetch it.",
            "messages": _messages(messages.results()),
        },
        **{
            type_: {
                "address": type_,
                "messages": _messages(names),
                "bindings": _on_exchange(topology.EVENTS),
            }
            for type_, names in _told().items()
        },
    }


def _told() -> dict[str, list[str]]:
    """List the messages of every event's channel. The answer of a read is no event."""
    completed = {
        name: None
        for type_, known in commands.BY_TYPE.items()
        if not known.is_read
        for name in messages.answered_with(type_)
    }
    notices = {type_: [type_] for type_ in answers.NOTICES}
    return {events.COMPLETED: sorted(completed), events.REJECTED: [events.REJECTED], **notices}


def _on_exchange(name: str) -> Node:
    (exchange,) = [exchange for exchange in topology.EXCHANGES if exchange.name == name]
    described = {"name": exchange.name, "type": exchange.type, "durable": True, "autoDelete": False}
    return {"amqp": {"is": "routingKey", "exchange": described, "bindingVersion": BINDINGS_VERSION}}


def _receive(type_: str) -> Node:
    known, entry = commands.BY_TYPE[type_], catalog.entry(type_)
    replies = [*messages.answered_with(type_), events.REJECTED]
    return {
        "action": "receive",
        "channel": reference("channels", _COMMANDS),
        "summary": entry.does,
        "tags": [{"name": "reference data" if known.is_reference else type_.partition(".")[0]}],
        "messages": [reference("channels", _COMMANDS, "messages", type_)],
        "reply": {
            "address": reference("components/replyAddresses/reply_to"),
            "channel": reference("channels", _REPLIES),
            "messages": [reference("channels", _REPLIES, "messages", name) for name in replies],
        },
        "bindings": {"amqp": {"ack": True, "bindingVersion": BINDINGS_VERSION}},
        "x-read": known.is_read,
        "x-success-status": list(entry.statuses),
        "x-error-keys": [key.value for key in entry.error_keys],
    }


def _send(type_: str) -> Node:
    return {
        "action": "send",
        "channel": reference("channels", type_),
        "summary": catalog.EVENTS.get(type_, type_),
        "tags": [{"name": type_.partition(".")[0]}],
        "bindings": {"amqp": {"deliveryMode": 2, "bindingVersion": BINDINGS_VERSION}},
    }


def _messages(names: Any) -> Node:
    return {name: reference("components/messages", name) for name in names}


def _topology() -> Node:
    return {
        "exchanges": msgspec.to_builtins(topology.EXCHANGES),
        "queues": msgspec.to_builtins(topology.QUEUES),
        "bindings": msgspec.to_builtins(topology.BINDINGS),
    }


def keep_baseline(folder: Path) -> None:
    """Copy the committed document to where the compatibility test finds it."""
    kept = folder / f"contract-{CONTRACT_VERSION}" / FILE
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes((FOLDER / FILE).read_bytes())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--baseline"]:
        keep_baseline(Path(sys.argv[2]))
    else:
        write()
