"""A dead letter as the message that is sent again: what was kept of it, and who has it sent.

Without `reply_to`: whoever waited for that reply is gone, and a queue of that name may be somebody else's by
now; the answer is an event. Without a token: it runs under the claims that were kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contracts.envelope import Delivery

if TYPE_CHECKING:
    from worker.store.dead_letters import Letter

# On a command that we have sent: its answer is for nobody who could ask for it.
REPLAY_OF = "x-basketry-replay-of"

_KEPT_PROPERTIES = ("content_type", "content_encoding", "correlation_id")
_KEPT_HEADERS = ("expected-version", "traceparent", "compression")  # all that is read of a command's headers
_MAX_PROPERTY_BYTES = 255  # AMQP's short string
_MAX_INTEGER = 2**63 - 1  # AMQP's longest, in a header


def delivery(letter: Letter) -> Delivery:
    """Give the message of a letter as a worker will receive it."""
    kept = {name: letter.headers[name] for name in _KEPT_HEADERS if letter.headers.get(name) is not None}
    headers = {name: _fitting(value) for name, value in kept.items()}
    if letter.expected_version is not None:
        headers["expected-version"] = letter.expected_version
    properties: dict[str, Any] = {name: _short(letter.properties.get(name)) for name in _KEPT_PROPERTIES}
    properties["type"] = letter.type or None
    properties["message_id"] = message_id(letter)
    sent_at = letter.properties.get("timestamp")
    properties["timestamp"] = sent_at if isinstance(sent_at, int) else None
    return Delivery(
        key=letter.key,
        body=letter.body,
        properties={name: value for name, value in properties.items() if value is not None},
        headers={**headers, "channel": letter.channel, REPLAY_OF: letter.id},
    )


def message_id(letter: Letter) -> str:
    """Give its message id, or one of ours: without any a command could not be told from its repeat."""
    return letter.message_id if letter.message_id is not None else f"dead-letter-{letter.id}"


def _short(value: Any) -> str | None:
    is_short = isinstance(value, str) and len(value.encode()) <= _MAX_PROPERTY_BYTES
    return value if is_short else None


def _fitting(value: Any) -> Any:
    """Give a header that AMQP can carry; what a command's header cannot be is as wrong when it is text."""
    if isinstance(value, int) and abs(value) <= _MAX_INTEGER:
        return value
    return str(value)
