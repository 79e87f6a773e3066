"""Five hundred messages that no decent client sends, each of them one that a broker takes.

Every function below makes one message of a kind; the kinds are repeated with different random content until
there are enough. The seed of the randomness is fixed: a failure can be repeated.
"""

import decimal
import gzip
import json
import pickle
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, cycle, islice
from typing import Any, Self

import pika
from outside.claims import bearer
from outside.wire import Message, command, unique

Kind = Callable[[random.Random], Message]


class RawText(str):
    """A text whose bytes on the wire are these, UTF-8 or not."""

    __slots__ = ("raw",)
    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        made = super().__new__(cls, "raw")
        made.raw = raw
        return made

    def encode(self, *_: str) -> bytes:
        return self.raw


class RawProperties(pika.BasicProperties):  # type: ignore[misc]
    """Headers that pika cannot write: one, named odd, whose type and value on the wire are these bytes."""

    def __init__(self, typed_value: bytes) -> None:
        super().__init__()
        self._table = b"\x03odd" + typed_value

    def encode(self) -> list[bytes]:
        only_headers = 0x2000
        return [struct.pack(">HI", only_headers, len(self._table)), self._table]


def five_hundred(seed: int = 2) -> list[Message]:
    rng = random.Random(seed)
    return [kind(rng) for kind in islice(cycle(KINDS), 500)]


def create(**options: Any) -> Message:
    return command("basket.create", unique("odd"), {}, **options)


def update(body: object, **options: Any) -> Message:
    return command("basket.update", unique("odd"), body, **options)


def keyed(key: str | bytes) -> Message:
    return replace(create(), key=key)


def not_text(rng: random.Random) -> bytes:
    return b"\xff\xfe" + rng.randbytes(rng.randint(1, 40))


def nested(depth: int) -> Any:
    value: Any = "deep"
    for level in range(depth):
        value = {"level": value} if level % 2 else [value]
    return value


def celery_two(rng: random.Random) -> Message:
    """What Celery itself publishes, protocol 2; the second name is the one of our own task."""
    task = rng.choice(["celery.chord_unlock", "basketry.apply_commands"])
    headers = {
        "lang": "py",
        "task": task,
        "id": unique("id"),
        "root_id": None,
        "argsrepr": "()",
        "retries": 0,
    }
    body = json.dumps([[[{"key": "stolen"}]], {}, {"callbacks": None}]).encode()
    return replace(
        create(headers=headers, content_type="application/json", content_encoding="utf-8"), body=body
    )


def celery_one(_: random.Random) -> Message:
    body = {"task": "basketry.apply_commands", "id": unique("id"), "args": [[]], "kwargs": {}, "retries": 0}
    return update(body, content_type="application/json", content_encoding="utf-8")


def bare_celery(_: random.Random) -> Message:
    properties = pika.BasicProperties(headers={"task": "basketry.apply_commands", "id": unique("id")})
    return Message(key=unique("odd"), body=b"[[[]], {}, {}]", properties=properties)


def pickled(_: random.Random) -> Message:
    body = pickle.dumps({"task": "basketry.apply_commands"})
    return update(body, content_type="application/x-python-serialize", content_encoding="binary")


def headers_of_every_type(rng: random.Random) -> Message:
    return create(
        headers={
            "decimal": decimal.Decimal("1.25"),
            "big": 2**62,
            "negative": -(2**40),
            "bytes": rng.randbytes(50),
            "when": datetime(1970, 1, 1, tzinfo=UTC),
            "yes": True,
            "list": [1, "two", [3, {"four": None}]],
        }
    )


def property_not_text(name: str) -> Kind:
    return lambda rng: create(**{name: not_text(rng)})


def properties(**given: Any) -> Kind:
    return lambda _: create(**given)


def raw_header(typed_value: bytes) -> Kind:
    return lambda _: Message(key=unique("odd"), body=b"{}", properties=RawProperties(typed_value))


def header(name: str, value: Any) -> Kind:
    return lambda _: create(headers={name: value})


def body(value: bytes, **given: Any) -> Kind:
    return lambda _: update(value, **given)


_number = count()


def long_id(_: random.Random) -> Message:
    return create(message_id=f"{next(_number):05d}".ljust(255, "x"))


def _kinds() -> Iterator[Kind]:
    yield lambda _: create()
    yield lambda rng: update(rng.randbytes(rng.randint(1, 2000)))
    yield lambda rng: update(json.dumps({"department": rng.randbytes(20).decode("latin-1")}).encode())
    yield lambda _: Message(key=unique("odd"), body=b"", properties=pika.BasicProperties())
    yield lambda rng: Message(key=unique("odd"), body=rng.randbytes(99), properties=pika.BasicProperties())
    yield from (celery_two, celery_one, bare_celery, pickled, headers_of_every_type, long_id)
    yield from _odd_bodies()
    yield from _odd_properties()
    yield from _odd_headers()
    yield from _odd_keys()


def _odd_bodies() -> Iterator[Kind]:
    for value in (
        b"",
        b"\0",
        b"null",
        b"[]",
        b"-",
        b"1e999999",
        b'{"department":"\\ud800"}',
        b'{"department":"a\\u0000b"}',
        b'{"department":Infinity}',
        b'{"department":"x","department":"y"}',
        b'{"promotions":' + b"[" * 50_000,
        b"[" * 200_000,
        b'{"repetitions":' + b"9" * 5_000 + b"}",
        b'{"a":1}' * 10,
        '{"department":"Gr\u00fc\u00dfe"}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
    ):
        yield body(value)
    entities = b'<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;&a;&a;">]>'
    bomb = entities + b"<Basket><department>&c;</department></Basket>"
    for content_type in ("text/xml", "application/xml", "application/json"):
        yield body(bomb, content_type=content_type)
        yield body(b"<Basket><department>Sales</department>", content_type=content_type)
    yield lambda rng: update(gzip.compress(rng.randbytes(100)), content_encoding="gzip")
    compressed = {"compression": "application/x-gzip"}
    yield lambda _: update(gzip.compress(b"{}"), headers=compressed)
    yield lambda rng: update(rng.randbytes(100), headers=compressed)
    yield body(b"{}" + b" " * 262_143)
    yield body(b"x" * 1_000_000)


def _odd_properties() -> Iterator[Kind]:
    for name in ("message_id", "type", "correlation_id", "content_type", "content_encoding", "app_id"):
        yield property_not_text(name)
    for encoding in ("utf-16", "binary", "base64", "x" * 255, "\0"):
        yield properties(content_encoding=encoding)
    for content_type in ("", "text/html", "application/json; charset=utf-16", "x" * 255, "a\0b", "/"):
        yield properties(content_type=content_type)
    for type_ in ("", "basket", "basket.create\0", "BASKET.CREATE", "x" * 255, "task", "\u2603"):
        yield properties(type=type_)
    for timestamp in (0, 2**31, 2**63 - 1, 2**63, 2**64 - 1):
        yield properties(timestamp=timestamp)
    for message_id in ("", "\0", "a\0b", "\u2603" * 80):
        yield properties(message_id=message_id)
    for correlation_id in ("\0", "\u2603" * 85, "x" * 255):
        yield properties(correlation_id=correlation_id)
    yield properties(reply_to="basket.replies.nobody")
    yield properties(reply_to=not_text(random.Random(7)))
    yield properties(priority=255, delivery_mode=1, cluster_id="x", expiration="600000")
    yield lambda _: command("basket.get", unique("odd"))


def _odd_headers() -> Iterator[Kind]:
    value: Any
    for value in (7, 2**62, True, None, [], {}, "", "Bearer", b"Bearer x", [bearer()], nested(40)):
        yield header("authorization", value)
    for value in (7, False, [], {"a": 1}, "", "a\0b", "two words", "x" * 5_000, b"shop", "\u2603"):
        yield header("channel", value)
    for value in ("1", -1, 2**62, True, [1], "\0"):
        yield header("expected-version", value)
    for value in (7, "", "00-zz", [1], nested(5)):
        yield header("traceparent", value)
    for number in (5e-324, -1.7e308):
        yield raw_header(b"d" + struct.pack(">d", number))
    for typed_value in (b"f\x7f\x00\0\0", b"b\xff", b"B\xff", b"s\x80\0", b"u\xff\xff", b"T" + b"\xff" * 8):
        yield raw_header(typed_value)
    yield header("nested", nested(200))
    yield header("long", "x" * 100_000)
    yield header("x-delivery-count", 999)
    yield header("x-basketry-unreadable-properties", b"\xff")
    yield header("x-death", [{"count": 99, "reason": "rejected", "queue": "basket.commands.00"}])
    yield header("CC", ["another-key", "a-third"])
    yield lambda rng: create(headers={f"h{number}": rng.randrange(2**40) for number in range(1500)})
    yield lambda rng: create(headers={"odd": RawText(not_text(rng))})
    yield lambda rng: create(headers={"authorization": RawText(not_text(rng))})
    yield lambda rng: create(headers={RawText(not_text(rng)): "a name that is no text"})


def _odd_keys() -> Iterator[Kind]:
    yield lambda rng: keyed(not_text(rng))
    yield lambda _: keyed(b"\xff" * 255)
    for key in ("", " ", "x" * 201, "x" * 255, "a b", "a\0b", "line\nbreak", "\u2603", "#", "*.#"):
        yield lambda _, key=key: keyed(key)  # type: ignore[misc]


KINDS: list[Kind] = list(_kinds())
