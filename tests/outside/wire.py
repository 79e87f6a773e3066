"""Messages on the wire: commands as they are published, results as they arrive."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

import pika
from defusedxml.ElementTree import fromstring

from outside.claims import bearer

SHOP = "shop"  # the sales channel of most tests; `default` is left as it is on a fresh house


@dataclass(frozen=True, kw_only=True)
class Message:
    """A command to be published; texts may be bytes, to send what is not UTF-8."""

    key: Any
    body: bytes
    properties: pika.BasicProperties

    @property
    def message_id(self) -> str:
        return str(self.properties.message_id)


def command(
    type_: str,
    key: str,
    body: object = None,
    *,
    caller: str | None = "patricia",
    channel: str | None = SHOP,
    headers: Mapping[str, object] | None = None,
    **properties: Any,
) -> Message:
    """Make a command of a caller; a header or property that is None is left out."""
    sent = {"authorization": bearer(caller) if caller else None, "channel": channel, **(headers or {})}
    given = {"type": type_, "message_id": unique("m"), "timestamp": int(time.time()), **properties}
    return Message(
        key=key,
        body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
        properties=pika.BasicProperties(
            headers={name: value for name, value in sent.items() if value is not None},
            **{name: value for name, value in given.items() if value is not None},
        ),
    )


def unique(prefix: str) -> str:
    """Name something that no other test has named."""
    return f"{prefix}-{uuid.uuid4().hex[:16]}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """A reply or an event, as it was received."""

    routing_key: str
    type: str
    message_id: str
    correlation_id: str | None
    content_type: str | None
    headers: Mapping[str, Any]
    body: bytes

    @classmethod
    def received(cls, routing_key: str, properties: pika.BasicProperties, body: bytes) -> "Result":
        return cls(
            routing_key=routing_key,
            type=str(properties.type),
            message_id=str(properties.message_id),
            correlation_id=properties.correlation_id,
            content_type=properties.content_type,
            headers=properties.headers or {},
            body=body,
        )

    @property
    def status(self) -> int:
        return int(self.headers["status"])

    @property
    def error_key(self) -> str | None:
        return self.headers.get("error-key")

    @property
    def key(self) -> str:
        return str(self.headers["key"])

    @property
    def version(self) -> int | None:
        return self.headers.get("version")

    @property
    def causation_id(self) -> str | None:
        return self.headers.get("causation-id")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def xml(self) -> Element:
        root = fromstring(self.body, forbid_dtd=True)
        assert isinstance(root, Element)
        return root

    @property
    def codes(self) -> list[str]:
        return [error["code"] for error in self.json["errors"]]

    @property
    def said(self) -> tuple[str, Mapping[str, Any], bytes]:
        """Give what a reply and its event, or a reply and its repetition, have in common."""
        return self.type, self.headers, self.body
