"""What stands around a body, as JSON Schemas: AMQP properties and headers of commands and of events.

The headers of events are read off the functions that make them, those of commands are what `envelope` reads.
AMQP's own properties (type, message_id, reply_to …) are no headers; they are described beside them.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from contracts import CONTRACT_VERSION, envelope, events, topology

Schema = dict[str, Any]

CONTENT_TYPES = ("application/json", "application/xml", "text/xml")
_KEY = {"type": "string", "pattern": "^[!-~]{1,200}$"}
_TRACE = {"type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"}

_SAID: dict[str, Schema] = {
    "status": {"description": "An HTTP status.", "minimum": 200, "maximum": 599},
    "error-key": {"description": "On command.rejected only: the first of the body's errors."},
    "command": {"description": "The type of the command."},
    "causation-id": {"description": "The message id of the command behind it."},
    "key": {"description": "The routing key of the command: the id of what it is about."},
    "channel": {"description": "The sales channel."},
    "version": {"description": "Of the basket: one more for every command that changed it."},
    "contract-version": {"description": "Of this contract."},
    "traceparent": {"description": "The command's W3C trace context."},
    "attempt": {
        "description": "Only of a command that had failed on our side and was handled once more: 2, 3, …",
        "minimum": 2,
    },
    "operator": {"description": "With `attempt`: who had it handled once more."},
}
_JSON_TYPES = {str: "string", int: "integer", bool: "boolean"}


def all_of_them() -> dict[str, Schema]:
    return {
        "CommandProperties": _command_properties(),
        "CommandHeaders": _command_headers(),
        "ResultHeaders": _made_by(events.result_headers, "The headers of a result event and of a reply."),
        "NoticeHeaders": _made_by(events.notice_headers, "The headers of an event that is no result."),
        "EventProperties": _event_properties(),
    }


def _command_properties() -> Schema:
    direct = ("amq.rabbitmq.reply-to", "a server-named amq.gen-…", "a name that starts with basket.replies.")
    return {
        "title": "CommandProperties",
        "description": "AMQP basic properties of a command. No others are read.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "description": "The command."},
            "message_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": envelope.MAX_MESSAGE_ID_CHARACTERS,
                "description": "The idempotency key, unique within (channel, routing key).",
            },
            "timestamp": {
                "type": "integer",
                "minimum": 0,
                "description": "Recommended, in seconds: when it was sent.",
            },
            "content_type": {
                "type": "string",
                "enum": list(CONTENT_TYPES),
                "default": CONTENT_TYPES[0],
                "description": "In UTF-8; a charset parameter may say so.",
            },
            "correlation_id": {
                "type": "string",
                "description": "Echoed; when absent, the answer carries the message_id.",
            },
            "reply_to": {"type": "string", "description": f"Optional: {', '.join(direct)} (a setting)."},
            "delivery_mode": {"type": "integer", "description": "2, persistent: it survives the broker."},
        },
        "required": ["type", "message_id"],
    }


def _command_headers() -> Schema:
    return {
        "title": "CommandHeaders",
        "description": "The headers of a command. Others are left alone, but for `compression`: 415.",
        "type": "object",
        "properties": {
            "authorization": {
                "type": "string",
                "pattern": "^[Bb][Ee][Aa][Rr][Ee][Rr] ",
                "description": "Bearer and the caller's JWT. Without it: 401.",
            },
            "channel": {
                **_KEY,
                "default": envelope.DEFAULT_CHANNEL,
                "description": "The sales channel. Everything is keyed by (channel, id).",
            },
            "expected-version": {
                "type": "integer",
                "description": "Refuse with 412 when the basket is at another version.",
            },
            "traceparent": {**_TRACE, "description": "W3C trace context, passed on."},
        },
        "required": ["authorization"],
    }


def _event_properties() -> Schema:
    return {
        "title": "EventProperties",
        "description": f"AMQP basic properties of an event on {topology.EVENTS} and of a reply.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "description": "The event's type; on events, the routing key too."},
            "message_id": {"type": "string", "description": "The event's own id: drop repeats by it."},
            "correlation_id": {"type": "string", "description": "The command's, or its message_id."},
            "content_type": {
                "type": "string",
                "enum": list(CONTENT_TYPES),
                "description": "Events: always application/json. A reply: the command's.",
            },
        },
        "required": ["type", "message_id"],
    }


def _made_by(make: Callable[..., dict[str, Any]], description: str) -> Schema:
    """Read the headers off the function that makes them: a parameter that may be None may be absent."""
    hints = typing.get_type_hints(make)
    properties, required = {}, ["contract-version"]
    for parameter in inspect.signature(make).parameters:
        name = parameter.replace("_", "-")
        options = typing.get_args(hints[parameter]) or (hints[parameter],)
        (type_,) = [option for option in options if option is not type(None)]
        properties[name] = {"type": _JSON_TYPES[type_], **_SAID.get(name, {})}
        if type(None) not in options:
            required.append(name)
    properties["contract-version"] = {"const": CONTRACT_VERSION, **_SAID["contract-version"]}
    title = "".join(word.title() for word in make.__name__.split("_"))
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": sorted(required),
    }
