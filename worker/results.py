"""What is said and kept of a decision: the result event, and the dead letter of a parked command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from contracts import codec_json, events
from contracts.errors import Errors
from worker.domain import presenting
from worker.domain.decisions import Completed
from worker.store.dead_letters import DeadLetter
from worker.store.outbox import Event

if TYPE_CHECKING:
    from uuid import UUID

    from contracts.envelope import Envelope
    from worker.domain.callers import Caller
    from worker.domain.decisions import Decision

_NO_CONTENT = 204
# The broker takes 1 MiB with everything around the body.
MAX_EVENT_BYTES = 900 * 1024
_MAX_DEPTH = 20
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# A JWT, wherever it stands and however its field is spelled. Its header begins with `{"`, or has a blank or a
# line's end in between.
_TOKEN = re.compile(r"(?:eyJ[\w-]{4,}|e[yw][\w-]{14,})\.[\w-]+\.[\w-]*")
_TOKEN_BYTES = re.compile(_TOKEN.pattern.encode())
_REDACTED = "redacted"


def event(
    event_id: UUID,
    envelope: Envelope,
    decision: Decision,
    *,
    attempt: int | None = None,
    operator: str | None = None,
) -> Event:
    """Make the result event of a command; of one that is handled once more, with attempt and operator."""
    error_key, body = None, b""
    if isinstance(decision, Completed):
        status = decision.status
        if decision.body is not None:
            body = codec_json.encode(decision.body)
        elif decision.basket is not None and status != _NO_CONTENT:
            body = codec_json.encode(presenting.view(decision.basket))
    else:
        error_key, status = decision.problems[0].code.value, decision.problems[0].code.status
        body = codec_json.encode(Errors(errors=decision.problems))
    return Event(
        event_id=event_id,
        channel=storable(envelope.channel),
        key=storable(envelope.key),
        type=events.COMPLETED if error_key is None else events.REJECTED,
        correlation_id=envelope.correlation_id,
        headers=events.result_headers(
            status=status,
            command=envelope.type,
            key=envelope.key,
            channel=envelope.channel,
            causation_id=envelope.message_id,
            error_key=error_key,
            version=decision.basket.version if decision.basket is not None else None,
            traceparent=envelope.traceparent,
            attempt=attempt,
            operator=operator,
        ),
        body=body.decode(),
    )


def letter(
    envelope: Envelope,
    caller: Caller | None,
    new_owner: Caller | None,
    cause: str,
    detail: str,
    event_id: UUID,
) -> DeadLetter:
    """Make the dead letter of a command: the message whole, but for tokens; their claims instead."""
    delivery = envelope.delivery
    headers = {name: value for name, value in delivery.headers.items() if name.lower() != "authorization"}
    return DeadLetter(
        key=envelope.key,
        channel=envelope.channel,
        type=envelope.type,
        message_id=envelope.message_id,
        cause=cause,
        detail=_TOKEN.sub(_REDACTED, storable(detail)),
        claims=_claims(caller),
        new_owner=_claims(new_owner),
        properties=_jsonable(delivery.properties),
        headers=_jsonable(headers),
        body=_TOKEN_BYTES.sub(_REDACTED.encode(), delivery.body),
        event_id=event_id,
        attempts=delivery.attempts,
    )


def _claims(caller: Caller | None) -> dict[str, Any] | None:
    return msgspec.to_builtins(caller) if caller is not None else None


def only_token(body: bytes) -> str | None:
    """Find the token in a body that is not to be read; None when there are several."""
    found = set(_TOKEN_BYTES.findall(body))
    return found.pop().decode() if len(found) == 1 else None


def storable(text: str) -> str:
    """Give text that a database can hold: NUL and half surrogates become escapes."""
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _jsonable(value: Any, depth: int = 0) -> Any:
    """Give a property or header as JSON that a database can hold; bytes and what is deep as escaped text."""
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        return {storable(_text(name)): _jsonable(item, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)) and depth < _MAX_DEPTH:
        return [_jsonable(item, depth + 1) for item in value]
    if isinstance(value, (dict, list, tuple)):
        return "nested too deeply to be kept"
    if value is None or isinstance(value, (bool, int)):
        return value
    return _TOKEN.sub(_REDACTED, storable(_text(value)))


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "backslashreplace")
    return str(value)
