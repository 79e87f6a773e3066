"""The envelope of a command: everything around the body (contract, section 1.1).

`Delivery` is a message as the broker handed it over; `open_envelope` reads it and never raises: whatever is
wrong becomes a problem in the result, so that one odd message cannot stop its neighbours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from contracts import codec_json, codec_xml, commands
from contracts.body import Command
from contracts.errors import ErrorKey, Problem

JSON = "application/json"
XML = ("application/xml", "text/xml")
DEFAULT_CHANNEL = "default"
NO_CHANNEL = "no channel"  # with a blank, which no channel's name can have
MAX_BODY_BYTES = 256 * 1024
MAX_MESSAGE_ID_CHARACTERS = 255

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_CONTENT_TYPE = re.compile(
    r'(application/json|application/xml|text/xml)(\s*;\s*charset="?utf-?8"?)?', re.IGNORECASE
)
_PLAIN_ENCODINGS = ("", "utf-8", "utf8", "identity")
_DIRECT_REPLY_PREFIXES = ("amq.rabbitmq.reply-to", "amq.gen-")
_LATEST_TIMESTAMP_SECONDS = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second a datetime holds


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it arrived. Properties are AMQP's basic properties without the headers, by their names."""

    key: str
    body: bytes
    properties: Mapping[str, Any] = {}
    headers: Mapping[str, Any] = {}
    is_unreadable: bool = False  # the properties themselves could not be decoded
    returns: int = 0  # how often the broker has taken it back from a consumer
    attempts: int = 1  # how often it was begun, where that is counted
    is_given_up: bool = False  # to be parked as it is: its body is not looked at

    @property
    def has_expired(self) -> bool:
        """Whether the broker has dead-lettered it last for waiting longer than its sender allows."""
        match self.headers.get("x-death"):
            case [{"reason": "expired"}, *_]:
                return True
        return False


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A command message that has been read: what it says, and every problem found while reading it."""

    delivery: Delivery
    type: str
    key: str
    channel: str
    media_type: str  # that its reply is written in: JSON, or one of XML's
    message_id: str | None
    correlation_id: str | None
    reply_to: str | None
    sent_at: datetime | None
    token: str | None
    expected_version: int | None
    traceparent: str | None
    command: Command | None
    problems: tuple[Problem, ...]
    is_parked: bool  # nobody may be waiting for it: kept as a dead letter besides being answered

    @property
    def identity(self) -> tuple[str, str, str] | None:
        """(channel, key, message id) by which repeats are known; None when any of them is unusable."""
        if self.message_id is None or not _KEY.fullmatch(self.key) or not _KEY.fullmatch(self.channel):
            return None
        return self.channel, self.key, self.message_id

    @property
    def is_read(self) -> bool:
        """A read is answered by its reply alone, unless it has nowhere to reply to or is parked."""
        known = commands.BY_TYPE.get(self.type)
        return known is not None and known.is_read and self.reply_to is not None and not self.is_parked

    @property
    def body_hash(self) -> bytes:
        """SHA-256 over type and body: what a repeat under the same message id must have in common."""
        return hashlib.sha256(self.type.encode() + b"\0" + self.delivery.body).digest()


def open_envelope(delivery: Delivery, reply_queue_prefixes: Sequence[str]) -> Envelope:
    """Read a delivery. Never raises; unusable properties are None and named in `problems`."""
    properties, headers = delivery.properties, delivery.headers
    problems: list[Problem] = []
    is_parked = _check_encoding(delivery, problems)
    is_readable = not problems
    media_type = _media_type(properties)
    type_ = _text(properties.get("type")) or ""
    known = commands.BY_TYPE.get(type_)
    if known is None:
        is_parked = True
        problems.append(Problem(code=ErrorKey.UNKNOWN_TYPE, message=f"there is no command {type_[:100]!r}"))
    message_id = _message_id(properties, problems)
    if not _KEY.fullmatch(delivery.key):
        message = "the routing key must be the id: 1 to 200 printable ASCII characters without blanks"
        problems.append(Problem(code=ErrorKey.BASKET_ID_REQUIRED, message=message))
    command = None
    if known is not None and is_readable and not delivery.is_given_up:
        codec = codec_xml if media_type in XML else codec_json
        command, found = codec.decode(delivery.body, known)
        problems.extend(found)
    return Envelope(
        delivery=delivery,
        type=type_,
        key=_text(delivery.key) or "",
        channel=_channel(type_, delivery),
        media_type=media_type,
        message_id=message_id,
        correlation_id=_text(properties.get("correlation_id")) or message_id,
        reply_to=_reply_to(properties, known, reply_queue_prefixes, problems),
        sent_at=_sent_at(properties.get("timestamp")),
        token=_bearer(headers.get("authorization")),
        expected_version=_expected_version(headers, problems),
        traceparent=_traceparent(headers.get("traceparent")),
        command=command,
        problems=tuple(problems),
        is_parked=is_parked or message_id is None,
    )


def _check_encoding(delivery: Delivery, problems: list[Problem]) -> bool:
    """Note what makes the body unreadable as such; True when the message belongs among the dead letters."""
    if delivery.is_unreadable:
        message = "the message's properties are not valid AMQP text"
        problems.append(Problem(code=ErrorKey.MALFORMED, message=message))
        return True
    if len(delivery.body) > MAX_BODY_BYTES:
        message = f"the body has {len(delivery.body)} bytes; at most {MAX_BODY_BYTES} are taken"
        problems.append(Problem(code=ErrorKey.TOO_LARGE, message=message))
    encoding = delivery.properties.get("content_encoding") or ""
    if str(encoding).lower() not in _PLAIN_ENCODINGS or "compression" in delivery.headers:
        message = "compressed or encoded bodies are not taken: send plain UTF-8"
        problems.append(Problem(code=ErrorKey.UNSUPPORTED_CONTENT_TYPE, message=message))
        return True
    content_type = delivery.properties.get("content_type") or JSON
    if not _CONTENT_TYPE.fullmatch(str(content_type).strip()):
        message = f"the content type must be {JSON}, {XML[0]} or {XML[1]}, in UTF-8"
        problems.append(Problem(code=ErrorKey.UNSUPPORTED_CONTENT_TYPE, message=message))
    return False


def _media_type(properties: Mapping[str, Any]) -> str:
    """Name the format of body and reply; XML is answered in XML even when its charset is none we take."""
    name = str(properties.get("content_type")).partition(";")[0].strip().lower()
    return name if name in XML else JSON


def _text(value: Any) -> str | None:
    """Give text that a database and a log line can hold, or None."""
    if not isinstance(value, str) or not value or "\0" in value:
        return None
    return value if value.isascii() or _encodes(value) else None


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _message_id(properties: Mapping[str, Any], problems: list[Problem]) -> str | None:
    message_id = _text(properties.get("message_id"))
    if message_id is None or len(message_id) > MAX_MESSAGE_ID_CHARACTERS:
        message = f"message_id is required: text of 1 to {MAX_MESSAGE_ID_CHARACTERS} characters"
        problems.append(Problem(code=ErrorKey.MESSAGE_ID_REQUIRED, message=message))
        return None
    return message_id


def _channel(type_: str, delivery: Delivery) -> str:
    """Name the channel: for `channel.*` it is the routing key, whatever the header says."""
    if type_.startswith("channel."):
        return delivery.key if _KEY.fullmatch(delivery.key) else NO_CHANNEL
    header = delivery.headers.get("channel")
    if header is None:
        return DEFAULT_CHANNEL
    return header if isinstance(header, str) and _KEY.fullmatch(header) else NO_CHANNEL


def _reply_to(
    properties: Mapping[str, Any],
    known: type[Command] | None,
    prefixes: Sequence[str],
    problems: list[Problem],
) -> str | None:
    """Admit only queues that belong to the sender, so that a reply cannot be steered into another's."""
    given = properties.get("reply_to")
    if not given:
        if known is not None and known.is_read:
            message = "a read is answered by its reply alone: set reply_to"
            problems.append(Problem(code=ErrorKey.REPLY_TO_REQUIRED, message=message))
        return None
    name = _text(given)
    if name is None or not name.startswith((*_DIRECT_REPLY_PREFIXES, *prefixes)):
        message = "reply_to must be amq.rabbitmq.reply-to, a server-named queue, or start with " + (
            " or ".join(prefixes)
        )
        problems.append(Problem(code=ErrorKey.REPLY_TO_FORBIDDEN, message=message))
        return None
    return name


def _sent_at(timestamp: Any) -> datetime | None:
    if not isinstance(timestamp, int) or not 0 <= timestamp <= _LATEST_TIMESTAMP_SECONDS:
        return None
    return datetime.fromtimestamp(timestamp, UTC)


def _bearer(header: Any) -> str | None:
    scheme, _, token = header.partition(" ") if isinstance(header, str) else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" and token.strip().isascii() else None


def _expected_version(headers: Mapping[str, Any], problems: list[Problem]) -> int | None:
    value = headers.get("expected-version")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    message = "the header expected-version must be an integer"
    problems.append(Problem(code=ErrorKey.MALFORMED, message=message))
    return None


def _traceparent(header: Any) -> str | None:
    return header if isinstance(header, str) and _TRACEPARENT.fullmatch(header) else None
