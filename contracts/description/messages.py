"""Every message of the contract as AsyncAPI has it: commands, results and notices.

`command.completed` is one message for each kind of body, since AsyncAPI ties a message to one payload.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from contracts import answers, commands, events
from contracts.description import catalog, examples, header_schemas, json_schemas

Node = dict[str, Any]

BINDINGS_VERSION = "0.3.0"
_EMPTY = "empty"


def reference(*steps: str) -> Node:
    return {"$ref": "#/" + "/".join(steps)}


def command(type_: str) -> Node:
    known = commands.BY_TYPE[type_]
    return {
        **_message(type_, catalog.entry(type_).does, "Command", known),
        "x-content-types": list(header_schemas.CONTENT_TYPES),
        "x-body-may-be-empty": known.may_be_empty,
        **_shown(examples.COMMANDS.get(type_, {} if known.may_be_empty else None)),
    }


def results() -> dict[str, Node]:
    bodies = dict.fromkeys(body for body in answers.COMPLETED.values() if body is not None)
    named = {json_schemas.answer_name(body): body for body in bodies}
    completed = {
        _completed(name): {
            **_message(events.COMPLETED, f"Completed: {_words(name)}.", "Result", body),
            **_shown(examples.ANSWERS.get(name)),
        }
        for name, body in sorted(named.items())
    }
    return {
        **completed,
        _completed(_EMPTY): _message(events.COMPLETED, "Completed, status 204: no body.", "Result", None),
        events.REJECTED: {
            **_message(events.REJECTED, "Refused: every problem that was found.", "Result", answers.REJECTED),
            **_shown(examples.ANSWERS["Errors"]),
        },
    }


def notice(type_: str) -> Node:
    message = _message(type_, catalog.EVENTS.get(type_, type_), "Notice", answers.NOTICES[type_])
    return {**message, **_shown(examples.EVENTS.get(type_))}


def _message(type_: str, summary: str, kind: str, body: type[msgspec.Struct] | None) -> Node:
    properties = "CommandProperties" if kind == "Command" else "EventProperties"
    payload = {} if body is None else {"payload": reference("components/schemas", body.__name__)}
    return {
        "name": type_,
        "summary": summary,
        "contentType": header_schemas.CONTENT_TYPES[0],
        "correlationId": reference("components/correlationIds/correlation"),
        "headers": reference("components/schemas", f"{kind}Headers"),
        **payload,
        "bindings": {"amqp": {"messageType": type_, "bindingVersion": BINDINGS_VERSION}},
        "x-amqp-properties": reference("components/schemas", properties),
    }


def _shown(example: Any) -> Node:
    return {} if example is None else {"examples": [{"payload": example}]}


def answered_with(type_: str) -> list[str]:
    """Name the messages of which one completes the command."""
    entry, body = catalog.entry(type_), answers.COMPLETED[type_]
    names = [] if body is None else [_completed(json_schemas.answer_name(body))]
    return [*names, _completed(_EMPTY)] if body is None or catalog.NO_CONTENT in entry.statuses else names


def _completed(name: str) -> str:
    return f"{events.COMPLETED}.{name}"


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
