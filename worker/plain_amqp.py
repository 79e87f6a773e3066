"""py-amqp, taught to hand over messages it cannot read.

The broker does not check the text of properties and routing keys. py-amqp raises while it reads a property
that is not UTF-8, and the message would come back for ever and take the connection down each time. Here such
properties are replaced by one header with their bytes, and such a routing key by an escaped one; kombu's
decompression and py-amqp's decoding of bodies are off: a body arrives as the bytes that were sent.
"""

from __future__ import annotations

import select
import struct
import time
from typing import TYPE_CHECKING, Any

from amqp import spec
from amqp.method_framing import frame_handler
from amqp.serialization import PROPERTY_CLASSES
from kombu.transport import pyamqp

if TYPE_CHECKING:
    from collections.abc import Callable

UNREADABLE_PROPERTIES = "x-basketry-unreadable-properties"

_HEADER_FRAME = 2
_FIXED_HEADER_BYTES = 12  # class id, weight, body size; the properties follow
_ONLY_HEADERS_FLAG = 0x2000
_DELIVER_ROUTING_KEY = 255
_NO_TEXT = "\N{REPLACEMENT CHARACTER}"
_A_MOMENT_SECONDS = 0.001


class Message:
    """A delivery as it came: the part of kombu's message that a consumer touches."""

    __slots__ = ("accept", "body", "delivery_info", "errors", "headers", "properties", "received_at")

    def __init__(self, raw: Any) -> None:
        body = raw.body
        self.body: bytes = body.encode() if isinstance(body, str) else bytes(body)
        self.delivery_info: dict[str, Any] = raw.delivery_info
        self.properties: dict[str, Any] = raw.properties
        self.headers: dict[Any, Any] = raw.properties.get("application_headers") or {}
        self.errors = ()
        self.accept = None
        self.received_at = time.time()

    @property
    def delivery_tag(self) -> int:
        tag: int = self.delivery_info["delivery_tag"]
        return tag


class Channel(pyamqp.Channel):  # type: ignore[misc]
    """A channel whose deliveries always arrive."""

    def __init__(self, connection: Any, channel_id: int | None = None, on_open: Any = None) -> None:
        super().__init__(connection, channel_id, auto_decode=False, on_open=on_open)

    def message_to_python(self, raw_message: Any) -> Message:
        return Message(raw_message)

    def dispatch_method(self, method_sig: tuple[int, int], payload: bytes, content: Any) -> Any:
        try:
            return super().dispatch_method(method_sig, payload, content)
        except UnicodeDecodeError:
            if method_sig != spec.Basic.Deliver:
                raise
            return super().dispatch_method(method_sig, _with_readable_routing_key(payload), content)


class Connection(pyamqp.Connection):  # type: ignore[misc]
    """A connection on which nothing waits for ever, wherever the broker falls silent."""

    Channel = Channel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, frame_handler=_tolerant_frame_handler, **kwargs)

    def connect(self, callback: Callable[[], None] | None = None) -> Any:
        connected = super().connect(callback)
        bound_waits(self)
        return connected

    def read_one(self, seconds: float, wakes: int | None = None) -> bool:
        """Read a frame and deliver what it completes; False when none came within that time.

        Waits no longer than until the file `wakes` can be read.
        py-amqp's own reading without waiting turns in circles when the broker falls silent within a frame.
        """
        if (not seconds or wakes is not None) and not self._may_be_read(seconds, wakes):
            return False
        try:
            self.blocking_read(max(seconds, _A_MOMENT_SECONDS))
        except TimeoutError:
            return False
        return True

    def _may_be_read(self, seconds: float, wakes: int | None) -> bool:
        transport = self.transport
        if transport._read_buffer or getattr(transport.sock, "pending", int)():  # noqa: SLF001 - read ahead
            return True
        poll = select.poll()
        poll.register(transport.sock, select.POLLIN)
        if wakes is not None:
            poll.register(wakes, select.POLLIN)
        ready = poll.poll(seconds * 1000)
        return any(file == transport.sock.fileno() for file, _ in ready)


def bound_waits(connection: Any) -> None:
    """Have a wait for the broker that names no time of its own end as a TimeoutError after `read_timeout`.

    The socket's SO_RCVTIMEO, which py-amqp sets, does not: in the middle of a frame it is tried again.
    """
    connection.transport.sock.settimeout(connection.read_timeout)


class Transport(pyamqp.Transport):  # type: ignore[misc]
    """The setting `broker_transport` of our Celery app."""

    Connection = Connection


def _tolerant_frame_handler(connection: Any, callback: Callable[..., Any]) -> Callable[[Any], bool]:
    handle = frame_handler(connection, callback)

    def on_frame(frame: tuple[int, int, bytes]) -> bool:
        frame_type, channel, payload = frame
        if frame_type == _HEADER_FRAME and not _is_readable(payload):
            frame = (frame_type, channel, _with_readable_properties(payload))
        return bool(handle(frame))

    return on_frame


def _is_readable(payload: bytes) -> bool:
    (class_id,) = struct.unpack_from(">H", payload)
    try:
        PROPERTY_CLASSES[class_id](payload, _FIXED_HEADER_BYTES)
    except Exception:  # noqa: BLE001 - whatever py-amqp's parser may say of the bytes
        return False
    return True


def _with_readable_properties(payload: bytes) -> bytes:
    """Replace the properties of a content header by one header that holds their bytes."""
    payload = bytes(payload)
    raw = payload[_FIXED_HEADER_BYTES:]
    name = UNREADABLE_PROPERTIES.encode()
    table = struct.pack(">B", len(name)) + name + b"x" + struct.pack(">I", len(raw)) + raw
    flags = struct.pack(">HI", _ONLY_HEADERS_FLAG, len(table))
    return payload[:_FIXED_HEADER_BYTES] + flags + table


def _with_readable_routing_key(payload: bytes) -> bytes:
    """Escape the routing key of a basic.deliver; it is the last field of the method.

    A mark goes before it: the escaped text alone could be the legal key of something else.
    """
    payload = bytes(payload)
    offset = 4 + 1 + payload[4]  # after the method's signature: the consumer tag
    offset += 8 + 1  # delivery tag, redelivered
    offset += 1 + payload[offset]  # exchange
    key = payload[offset + 1 : offset + 1 + payload[offset]]
    escaped = (_NO_TEXT + key.decode("utf-8", "backslashreplace")).encode()[:_DELIVER_ROUTING_KEY]
    escaped = escaped.decode("utf-8", "ignore").encode()
    return payload[:offset] + struct.pack(">B", len(escaped)) + escaped
